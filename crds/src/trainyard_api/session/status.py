"""The observed state of a session. `kubectl explain` shows the docstrings of the fields."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from trainyard_api.model import OpenModel
from trainyard_api.phase import Phase
from trainyard_api.program.packages import (
    EnvironmentBuild,
    InstalledPackages,
    MissingEnvironment,
)
from trainyard_api.session.allocation import MOST_ALLOCATIONS, Allocation
from trainyard_api.session.failure import Disruption, Failure
from trainyard_api.session.names import MOST_DATASETS
from trainyard_api.session.progress import MetricValue, Progress
from trainyard_api.session.queue_status import QueueStatus
from trainyard_api.session.references import (
    CodeReference,
    DatasetReference,
    ModelReference,
    OutputReference,
    ResumeReference,
)


class Condition(OpenModel):
    """One aspect of the session's state, machine-readable."""

    type: str = Field(max_length=64)
    """Accepted, DatasetReady, Admitted, Running, Complete, Failed, Ready or Stalled."""
    status: Literal["True", "False", "Unknown"]
    """True, False or Unknown."""
    reason: str = Field(max_length=64)
    """One word from a closed list."""
    message: str = Field(default="", max_length=1024)
    """A sentence that says what to do."""
    last_transition_time: datetime
    """When status last changed."""
    observed_generation: int | None = None
    """Generation of the spec that this was derived from."""


class TrainingSessionStatus(OpenModel):
    """The observed state.

    The operator writes it, except progress, metrics, dataset, datasets, code, resumeSource, model
    and outputs, which the gateway writes.
    """

    observed_generation: int | None = None
    """Generation of the spec that this status was derived from."""
    phase: Phase | None = None
    """Pending, Queued, Starting, Running, Suspending, Suspended, Stopping, Succeeded, Failed, Stopped or Cancelled."""
    message: str | None = Field(default=None, max_length=1024)
    """One sentence on why the session is in this phase."""
    reason: str | None = Field(default=None, max_length=64)
    """The same in one word from a closed list; for a session in the queue why it does not run yet."""
    gpus: int | None = None
    """GPUs of all workers together."""
    conditions: list[Condition] | None = Field(default=None, max_length=16)
    """Accepted, DatasetReady, Admitted, Running, Complete, Failed; and for programs that wait Ready and Stalled."""
    attempt: int | None = None
    """Number of the current or last attempt, from 1; absent before the first."""
    failures: int | None = None
    """Attempts that failed and count against retry.limit."""
    preemptions: int | None = None
    """Attempts that another session preempted or the cluster disrupted; they use no retry."""
    disruption: Disruption | None = None
    """The last time that the cluster took a worker off its node."""
    job_name: str | None = Field(default=None, max_length=63)
    """Job of the current or last attempt."""
    start_time: datetime | None = None
    """When the first attempt began to run."""
    attempt_start_time: datetime | None = None
    """When the current attempt began to run."""
    attempt_allocated_time: datetime | None = None
    """When the first worker of the current attempt was bound to a node."""
    completion_time: datetime | None = None
    """When the session ended."""
    queued_time: datetime | None = None
    """When the session first became ready to run; its age in the queue counts from here, also after preemptions."""
    retry_time: datetime | None = None
    """Earliest time of the next attempt after a failure."""
    run_seconds: int | None = None
    """Seconds that finished attempts have run in total."""
    gpu_seconds: int | None = None
    """GPUs × seconds of finished attempts."""
    allocations: list[Allocation] | None = Field(default=None, max_length=MOST_ALLOCATIONS)
    """What ended attempts and installations held, oldest first; the gateway keeps older ones."""
    queue: QueueStatus | None = None
    """Position and expected start while the session waits."""
    progress: Progress | None = None
    """Progress of the training."""
    metrics: list[MetricValue] | None = Field(default=None, max_length=32)
    """Latest value of each metric."""
    dataset: DatasetReference | None = None
    """The dataset that spec.dataset names."""
    datasets: list[DatasetReference] | None = Field(default=None, max_length=MOST_DATASETS)
    """The datasets that spec.datasets names, in its order."""
    code: CodeReference | None = None
    """The bundle that spec.code names."""
    resume_source: ResumeReference | None = None
    """The session that spec.resumeFrom names."""
    environment: InstalledPackages | None = None
    """The packages that were installed for the session; absent before that."""
    environment_build: EnvironmentBuild | None = None
    """How the installation of the packages goes."""
    environment_missing: MissingEnvironment | None = None
    """Attempts that found the packages removed; they are installed again, three times in a row."""
    failure: Failure | None = None
    """Why the last attempt failed."""
    model: ModelReference | None = None
    """The registered model."""
    outputs: list[OutputReference] | None = Field(default=None, max_length=64)
    """Files and folders of the session that are registered, at most 64; of each name the newest."""
