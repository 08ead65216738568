"""TrainingSession as a custom resource. `kubectl explain` shows the docstrings of the fields."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema

from trainyard_api import names
from trainyard_api.code import BUNDLE_PATTERN, RELATIVE_PATH_PATTERN
from trainyard_api.command import template
from trainyard_api.environment import (
    RESERVED,
    RESERVED_MESSAGE,
    Environment,
    SecretNames,
    is_reserved,
)
from trainyard_api.model import ClosedModel, OpenModel, Rule, RuledModel
from trainyard_api.phase import DesiredState, FailureClass, Phase, ResumeMode
from trainyard_api.program.packages import EnvironmentBuild, InstalledPackages, Packages
from trainyard_api.training import TrainingConfig

PRIORITY_MIN, PRIORITY_MAX = -1000, 1000
"""Bounds of a session's priority."""
CPU_PATTERN = r"^([1-9][0-9]{0,6}m|[0-9]{1,4}(\.[0-9]{1,3})?)$"
COMMIT_PATTERN = r"^([0-9a-f]{40}|[0-9a-f]{64})$"
MEMORY_PATTERN = r"^[1-9][0-9]{0,14}(Ki|Mi|Gi|Ti|k|M|G|T)?$"


def _quantity(pattern: str) -> tuple[Any, ...]:
    schema = {
        "anyOf": [{"type": "integer"}, {"type": "string"}],
        "pattern": pattern,
        "x-kubernetes-int-or-string": True,
    }
    to_text = BeforeValidator(lambda v: str(v) if isinstance(v, (int, float)) else v)
    return (to_text, Field(pattern=pattern), WithJsonSchema(schema))


_CPU_CHECK, _CPU_FIELD, _CPU_SCHEMA = _quantity(CPU_PATTERN)
_MEMORY_CHECK, _MEMORY_FIELD, _MEMORY_SCHEMA = _quantity(MEMORY_PATTERN)
CpuQuantity = Annotated[str, _CPU_CHECK, _CPU_FIELD, _CPU_SCHEMA]
MemoryQuantity = Annotated[str, _MEMORY_CHECK, _MEMORY_FIELD, _MEMORY_SCHEMA]
ArtifactName = Annotated[
    str, Field(min_length=1, max_length=128, pattern=names.ARTIFACT_NAME_PATTERN)
]
SessionName = Annotated[
    str,
    Field(min_length=1, max_length=names.SESSION_NAME_MAX, pattern=names.SESSION_NAME_PATTERN),
]


class Resources(ClosedModel):
    """Resources of each worker. Requests equal limits, so that no worker starves another."""

    gpus: int = Field(default=1, ge=0, le=64)
    """Whole GPUs per worker; 0 trains on the CPU."""
    cpu: CpuQuantity = "1"
    """CPU cores per worker, such as 2 or 500m."""
    memory: MemoryQuantity = "2Gi"
    """Memory per worker, such as 4Gi."""
    shared_memory: MemoryQuantity | None = None
    """Size of /dev/shm per worker; counts towards memory. Default: half of memory."""
    scratch: MemoryQuantity | None = None
    """Space for temporary files and caches per worker, on the node's disk at /tmp. Default and maximum are the administrator's."""


class ResumeFrom(ClosedModel):
    """Start from another session's checkpoint: its weights and optimizer state, at step 0."""

    session: SessionName
    """Name of the session whose checkpoint is taken."""
    checkpoint: str = Field(default="latest", min_length=1, max_length=64, pattern=r"^[a-z0-9-]+$")
    """latest, best, or a step such as step-1200."""


class Code(ClosedModel):
    """A folder with your program. The program starts in a copy of it, in which it may write."""

    bundle: str = Field(min_length=64, max_length=64, pattern=BUNDLE_PATTERN)
    """Name of the bundle: the hash of its list of files. `trainyard code push` prints it."""
    working_dir: str | None = Field(
        default=None, min_length=1, max_length=1000, pattern=RELATIVE_PATH_PATTERN
    )
    """Folder in the bundle in which the program starts. Default: its top."""
    commit: str | None = Field(default=None, pattern=COMMIT_PATTERN, max_length=64)
    """Commit of Git that the folder was at."""
    dirty: bool | None = None
    """Whether the folder held changes that are not in the commit."""


class Retry(ClosedModel):
    """Retries after a failure that a further attempt can survive."""

    limit: int = Field(default=3, ge=0, le=20)
    """Further attempts after the first; preemption and suspension do not count."""
    backoff_seconds: int = Field(default=10, ge=0, le=3600)
    """Seconds before the first retry; doubles with every further retry, up to one hour."""


class TrainingSessionSpec(RuledModel):
    """The wanted session.

    Fixed at creation, except desiredState, priority and ttlSecondsAfterFinished.
    """

    training: TrainingConfig | None = None
    """Configuration of the built-in trainer. Give either this or command. Immutable."""
    command: list[Annotated[str, Field(max_length=4096)]] | None = Field(
        default=None, min_length=1, max_length=64
    )
    """Your own program and its arguments, run without a shell in the runtime's image (`$` means `$`).
    `{latest-checkpoint}` or `{latest-checkpoint:GLOB}` between `{if-checkpoint}` and `{end}` is the
    newest whole checkpoint in the run folder. Without one the part is left out, or what follows its
    `{else}` stands. Immutable."""
    env: Environment | None = None
    """Environment variables of the program. Values are visible to everybody who may see the session. Immutable."""
    secrets: SecretNames | None = None
    """Secrets that the administrator released to sessions: each key becomes an environment variable, unless env sets it. Immutable."""
    code: Code | None = None
    """The folder with your program, for command. Immutable."""
    packages: Packages | None = None
    """Packages that the program needs beside those of the runtime; installed without a GPU, before it waits for GPUs. Immutable."""
    dataset: ArtifactName | None = None
    """Name of a registered dataset, mounted read-only. Required with training. Immutable."""
    output_model: ArtifactName | None = None
    """Name of the registered model. Default: the session's name. Immutable."""
    resume: ResumeMode | None = None
    """auto gives a known program (transformers, trl, LightningCLI, ultralytics, accelerate) the option
    with the newest whole checkpoint in its run folder, and says so in the log. Default: none, the
    command stays as it is. Immutable."""
    resume_from: ResumeFrom | None = None
    """Start from another session's checkpoint instead of from scratch. Immutable."""
    resources: Resources = Field(default=Resources())
    """Resources of each worker. Immutable."""
    workers: int = Field(default=1, ge=1, le=64)
    """Number of workers. All start together or none; torch.distributed joins them. Immutable."""
    runtime: str = Field(
        default=names.DEFAULT_RUNTIME,
        min_length=1,
        max_length=63,
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
    )
    """Entry of the administrator's list of runtimes: image, GPU resource, node selector, tolerations. Immutable."""
    queue: str = Field(
        default=names.DEFAULT_QUEUE,
        min_length=1,
        max_length=63,
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
    )
    """TrainingQueue in which the session waits. Immutable."""
    priority: int = Field(default=0, ge=PRIORITY_MIN, le=PRIORITY_MAX)
    """A session of higher priority starts first and may preempt lower ones. May change while the session waits or runs."""
    desired_state: DesiredState = DesiredState.RUNNING
    """Running; Suspended (save a checkpoint, free the GPUs, can be resumed); Stopped (final). May change."""
    retry: Retry = Field(default=Retry())
    """Retries after failures. Immutable."""
    max_runtime_seconds: int | None = Field(default=None, ge=1, le=31_536_000)
    """Seconds of running, summed over all attempts, after which the session fails with DeadlineExceeded. Default: none. Immutable."""
    grace_period_seconds: int = Field(default=60, ge=1, le=86_400)
    """Seconds from SIGTERM to SIGKILL, in which the program can save; the maximum is the administrator's. Immutable."""
    stall_timeout_seconds: int | None = Field(default=None, ge=30, le=86_400)
    """Seconds without a new step after which the attempt counts as hung and is retried. Default: none. Immutable."""
    ttl_seconds_after_finished: int | None = Field(default=None, ge=0, le=31_536_000)
    """Seconds after its end until this object is deleted; the gateway keeps history, logs and models. Default: never. May change."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.training) != has(self.command)",
            message="give exactly one of training (built-in trainer) and command (your own program)",
            holds=lambda s: (s.training is None) != (s.command is None),
        ),
        Rule(
            cel="!has(self.training) || has(self.dataset)",
            message="training needs a dataset",
            holds=lambda s: s.training is None or s.dataset is not None,
        ),
        Rule(
            cel=f"!has(self.env) || self.env.all(e, !e.name.matches('^({RESERVED})$'))",
            message=RESERVED_MESSAGE,
            holds=lambda s: not any(is_reserved(e.name) for e in s.env or ()),
        ),
        Rule(
            cel="!has(self.code) || has(self.command)",
            message="code needs a command: the program that starts in it",
            holds=lambda s: s.code is None or s.command is not None,
        ),
        Rule(
            cel="!has(self.packages) || has(self.command)",
            message="packages needs a command: the built-in trainer has all that it needs",
            holds=lambda s: s.packages is None or s.command is not None,
        ),
        Rule(
            cel="!has(self.packages) || !has(self.packages.file) || has(self.code)",
            message="packages.file is a file of the code bundle: give code, or packages.requirements",
            holds=lambda s: s.packages is None or s.packages.file is None or s.code is not None,
        ),
        Rule(
            cel="!has(self.resume) || self.resume == 'none' || has(self.command)",
            message="resume needs a command: the built-in trainer resumes by itself",
            holds=lambda s: s.resume in (None, ResumeMode.NONE) or s.command is not None,
        ),
        Rule(
            cel=f"!has(self.command) || {template.SPELLING_CEL}",
            message=template.SPELLING_MESSAGE,
            holds=lambda s: template.is_spelled(s.command or ()),
        ),
        Rule(
            cel=f"!has(self.command) || {template.STRUCTURE_CEL}",
            message=template.STRUCTURE_MESSAGE,
            holds=lambda s: template.is_structured(s.command or ()),
        ),
        Rule(
            cel="oldSelf.desiredState != 'Stopped' || self.desiredState == 'Stopped'",
            message="desiredState Stopped is final; create a new session with resumeFrom to continue",
        ),
    )


IMMUTABLE_FIELDS = (
    "training",
    "command",
    "code",
    "packages",
    "env",
    "secrets",
    "dataset",
    "output_model",
    "resume",
    "resume_from",
    "resources",
    "workers",
    "runtime",
    "queue",
    "retry",
    "max_runtime_seconds",
    "grace_period_seconds",
    "stall_timeout_seconds",
)
"""Fields of the spec that cannot change after creation; the CRD enforces it."""


class Condition(OpenModel):
    """One aspect of the session's state, machine-readable."""

    type: str = Field(max_length=64)
    """Accepted, DatasetReady, Admitted, Running, Complete or Failed."""
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


class Ahead(OpenModel):
    """The sessions ahead of a session in its queue."""

    sessions: int = 0
    """Waiting sessions ahead."""
    gpus: int = 0
    """GPUs that these request."""


class EstimatedStart(OpenModel):
    """When the session is expected to start."""

    earliest: datetime | None = None
    """Start if running sessions end when their step rates say."""
    latest: datetime | None = None
    """Start if they run until their limits; absent if a limit is unknown."""


class QueueStatus(OpenModel):
    """Position and expected start of a waiting session."""

    position: int | None = None
    """Position in the queue; 1 is next."""
    ahead: Ahead | None = None
    """The sessions ahead."""
    reason: str | None = Field(default=None, max_length=64)
    """Why it does not run yet: one word from a closed list."""
    message: str | None = Field(default=None, max_length=1024)
    """The same as a sentence."""
    estimated_start: EstimatedStart | None = None
    """Expected start; absent while unknown."""


class Checkpoint(OpenModel):
    """A durable checkpoint."""

    step: int = 0
    """Optimizer steps done when it was written."""
    time: datetime | None = None
    """When it became durable."""


class Progress(OpenModel):
    """Progress of the training; the gateway writes it from the trainer's reports."""

    epoch: int | None = None
    """Epochs completed."""
    epochs: int | None = None
    """Total epochs."""
    step: int | None = None
    """Optimizer steps done."""
    total_steps: int | None = None
    """Total optimizer steps."""
    percent: float | None = None
    """Completed share, 0 to 100."""
    percent_display: str | None = Field(default=None, max_length=16)
    """percent as text, such as 62%."""
    steps_per_second: float | None = None
    """Step rate of the last minute."""
    eta_seconds: int | None = None
    """Remaining seconds at this rate."""
    eta_display: str | None = Field(default=None, max_length=16)
    """etaSeconds as text, such as 4m10s."""
    last_checkpoint: Checkpoint | None = None
    """The latest durable checkpoint."""
    last_heartbeat: datetime | None = None
    """When the trainer last reported."""
    last_step_time: datetime | None = None
    """When the step last advanced."""
    attempt: int | None = None
    """The attempt that reported this."""


class MetricValue(OpenModel):
    """The latest value of one metric."""

    name: str = Field(max_length=128)
    """Name as reported, such as val/accuracy."""
    value: str = Field(max_length=32)
    """Value as text, because JSON has no NaN and no infinities."""
    step: int | None = None
    """Step at which it was reported."""


class DatasetReference(OpenModel):
    """The dataset that spec.dataset names; the gateway writes it."""

    state: Literal["Found", "NotFound"]
    """Found or NotFound."""
    name: str = Field(max_length=128)
    """Name that was looked up."""
    file: str | None = Field(default=None, max_length=512)
    """Path below the datasets folder."""
    format: str | None = Field(default=None, max_length=32)
    """csv, parquet, npz, npy, jsonl, text or images."""
    sha256: str | None = Field(default=None, max_length=64)
    """Hash of the file."""
    size_bytes: int | None = None
    """Size of the file."""
    samples: int | None = None
    """Number of samples."""
    schema_file: str | None = Field(default=None, alias="schema", max_length=512)
    """Path of the file with its schema, below the datasets folder."""
    schema_revision: int | None = None
    """Revision of the schema: it counts the corrections."""
    problem: str | None = Field(default=None, max_length=1024)
    """Why the session's training does not fit the dataset."""


class CodeReference(OpenModel):
    """The bundle that spec.code names; the gateway writes it."""

    state: Literal["Found", "NotFound"]
    """Found or NotFound."""
    bundle: str = Field(max_length=64)
    """Bundle that was looked up."""


class ModelReference(OpenModel):
    """The registered model; the gateway writes it."""

    name: str = Field(max_length=128)
    """Name in the registry."""
    version: int
    """Version in the registry."""
    sha256: str = Field(max_length=64)
    """Hash of the file."""


class Failure(OpenModel):
    """Why the last attempt failed."""

    failure_class: FailureClass | str = Field(alias="class", max_length=64)
    """Class of the failure, from a closed list."""
    attempt: int | None = None
    """The attempt that failed."""
    exit_code: int | None = None
    """Exit code of the worker that failed first."""
    reason: str | None = Field(default=None, max_length=128)
    """Reason as Kubernetes or the trainer gave it."""
    message: str | None = Field(default=None, max_length=2048)
    """What happened."""
    hint: str | None = Field(default=None, max_length=1024)
    """What to do about it."""
    last_log_lines: list[Annotated[str, Field(max_length=512)]] | None = Field(
        default=None, max_length=20
    )
    """The last lines that the program printed."""
    time: datetime | None = None
    """When the failure was detected."""
    alike: int | None = None
    """Attempts in a row that ended in this way before any step or checkpoint; exhausted memory is not retried after the second."""


class Disruption(OpenModel):
    """How the cluster took a worker of an attempt off its node."""

    attempt: int
    """The attempt that was disrupted."""
    reason: str = Field(max_length=128)
    """Reason as Kubernetes gave it, such as EvictionByEvictionAPI."""
    message: str | None = Field(default=None, max_length=1024)
    """Which worker, and what to do."""
    time: datetime | None = None
    """When it was seen."""


class TrainingSessionStatus(OpenModel):
    """The observed state.

    The operator writes it, except progress, metrics, dataset, code and model, which the gateway
    writes.
    """

    observed_generation: int | None = None
    """Generation of the spec that this status was derived from."""
    phase: Phase | None = None
    """Pending, Queued, Starting, Running, Suspending, Suspended, Stopping, Succeeded, Failed, Stopped or Cancelled."""
    message: str | None = Field(default=None, max_length=1024)
    """One sentence on why the session is in this phase."""
    conditions: list[Condition] | None = Field(default=None, max_length=16)
    """The state, machine-readable."""
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
    queue: QueueStatus | None = None
    """Position and expected start while the session waits."""
    progress: Progress | None = None
    """Progress of the training."""
    metrics: list[MetricValue] | None = Field(default=None, max_length=32)
    """Latest value of each metric."""
    dataset: DatasetReference | None = None
    """The dataset that spec.dataset names."""
    code: CodeReference | None = None
    """The bundle that spec.code names."""
    environment: InstalledPackages | None = None
    """The packages that were installed for the session; absent before that."""
    environment_build: EnvironmentBuild | None = None
    """How the installation of the packages goes."""
    failure: Failure | None = None
    """Why the last attempt failed."""
    model: ModelReference | None = None
    """The registered model."""


class TrainingSession(OpenModel):
    """One training: a dataset, a configuration or your own program, and the GPUs it may use."""

    api_version: Literal["trainyard.io/v1alpha1"] = "trainyard.io/v1alpha1"
    kind: Literal["TrainingSession"] = "TrainingSession"
    metadata: dict[str, Any]
    spec: TrainingSessionSpec
    status: TrainingSessionStatus = Field(default=TrainingSessionStatus())

    @classmethod
    def new(cls, name: str, namespace: str, spec: TrainingSessionSpec) -> Self:
        """Build a new session without status."""
        return cls(metadata={"name": name, "namespace": namespace}, spec=spec)

    def manifest(self) -> dict[str, Any]:
        """The object without status, as `kubectl apply` takes it."""
        return {
            "apiVersion": self.api_version,
            "kind": self.kind,
            "metadata": self.metadata,
            "spec": self.spec.wire(),
        }
