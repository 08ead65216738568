"""What exists, as small frozen values: sessions, queues, Jobs, pods, and what is assumed of them until it shows.

Everything is keyed by UID, so that an object made again under the same name is another object.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trainyard_api.phase import DesiredState, Phase
from trainyard_scheduler.facts import QueueRules, Shape
from trainyard_scheduler.resources import ResourceVector


@dataclass(frozen=True, slots=True)
class SessionSpec:
    """The spec of a session: what its owner asks for."""

    desired: DesiredState
    priority: int
    queue: str
    runtime: str
    shape: Shape
    dataset: str | None
    resume_session: str | None
    retry_limit: int
    backoff_seconds: int
    max_runtime: int | None
    stall_timeout: int | None
    ttl: int | None
    kind: int
    """Hash of what decides how long it runs; sessions of one kind take about equally long."""
    json: bytes
    """The whole spec."""


@dataclass(frozen=True, slots=True)
class SessionStatus:
    """The status of a session, as far as decisions need it; what makes no sense counts as absent."""

    phase: Phase | None = None
    attempt: int = 0
    failures: int = 0
    preemptions: int = 0
    queued: float | None = None
    retry: float | None = None
    started: float | None = None
    attempt_started: float | None = None
    completed: float | None = None
    run_seconds: int = 0
    gpu_seconds: int = 0
    failed_attempt: int = 0
    """The attempt that `failure` speaks of."""
    failure_class: str = ""
    preempting: bool = False
    """Suspending because the operator asked for it, not the owner."""
    dataset_state: str = ""
    dataset: bytes = b""
    """What the gateway says of the dataset."""
    progress_attempt: int = 0
    eta_seconds: float | None = None
    eta_at: float | None = None
    """When the ETA was true."""
    checkpoint: float | None = None
    stepped: float | None = None
    """When the step count last rose."""
    steps_done: int = 0
    has_model: bool = False
    own: bytes = b"{}"
    """The operator's part of the status, as it is in the API server."""


@dataclass(frozen=True, slots=True)
class Session:
    """A TrainingSession."""

    uid: str
    name: str
    user: str
    created: float
    generation: int
    version: int
    deleting: bool
    spec: SessionSpec
    status: SessionStatus


@dataclass(frozen=True, slots=True)
class InvalidSession:
    """A TrainingSession whose spec makes no sense; it is told so and bothers nobody else."""

    uid: str
    name: str
    version: int
    generation: int
    why: str
    own: bytes = b"{}"


@dataclass(frozen=True, slots=True)
class Queue:
    """A TrainingQueue."""

    uid: str
    name: str
    version: int
    generation: int
    rules: QueueRules
    own: bytes = b"{}"


@dataclass(frozen=True, slots=True)
class Job:
    """The Job of one attempt."""

    uid: str
    name: str
    session_uid: str
    attempt: int
    version: int
    created: float
    workers: int
    worker: ResourceVector
    """What one of its pods asks for."""
    nodes: tuple[str, ...] = ()
    """Where each worker was meant to go."""
    backfilled: bool = False
    finished: str = ""
    """Complete, Failed or empty."""
    reason: str = ""
    message: str = ""
    finish_time: float | None = None
    deleting: bool = False


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod, ours or not; of foreign ones only what they hold matters."""

    uid: str
    name: str
    version: int
    node: str | None
    """Node whose resources it takes, None before it is bound and after its end."""
    amount: ResourceVector
    session_uid: str = ""
    job_uid: str = ""
    attempt: int = 0
    phase: str = ""
    deleting: bool = False
    assigned: str = ""
    """Node it was bound to, kept after its end."""
    meant: tuple[str, ...] = ()
    """Nodes that it prefers."""
    waiting_reason: str = ""
    """Why its container does not run yet, such as ImagePullBackOff."""
    waiting_message: str = ""
    unschedulable: str = ""
    """kube-scheduler's message while it finds no node."""
    unschedulable_since: float | None = None
    started: float | None = None
    """When its container began to run."""
    ended: float | None = None
    exit_code: int | None = None
    signal: int = 0
    terminated_reason: str = ""
    termination_message: str = ""
    reason: str = ""
    """The pod's own reason, such as Evicted."""
    message: str = ""
    disruption: str = ""
    """Reason of the DisruptionTarget condition."""
    worker: int = 0

    @property
    def live(self) -> bool:
        """Not ended yet."""
        return self.phase not in ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True)
class Assumed:
    """An attempt whose Job is being created and does not show in the cluster yet."""

    attempt: int
    nodes: tuple[str, ...]
    shape: Shape


@dataclass(frozen=True, slots=True)
class Refusal:
    """The API server refused to create a session's Job; not worth another try before `until`."""

    until: float
    message: str


@dataclass(frozen=True, slots=True)
class PendingWorkers:
    """Workers of one Job that have no node yet, as far as the watches show."""

    nodes: tuple[str, ...]
    """The nodes that they are meant for."""
    worker: ResourceVector


def current_attempt(session: Session, jobs: Mapping[int, Job]) -> int:
    """Number of the last attempt, 0 before the first."""
    return max(session.status.attempt, max(jobs, default=0))


def queued_now(session: Session, now: float) -> float:
    """`now`, with the resourceVersion as the fraction of the second.

    Sessions that became ready in the same second so keep their order, over restarts too: versions rise with every
    write in the cluster.
    """
    return float(int(now)) + (session.version % 1_000_000) / 1_000_000
