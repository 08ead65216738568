"""Sessions, queues, Jobs and pods as small frozen values, and what is assumed of them.

Everything is keyed by UID, so that an object created again under the same name is another object.
Times are seconds since the epoch; durations are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from trainyard_api.limits.published import Subject, subjects_of
from trainyard_api.phase import DesiredState, Phase
from trainyard_scheduler.clocks import past
from trainyard_scheduler.durations.history import ReferenceClass, reference_classes
from trainyard_scheduler.facts import QueueRules, Shape
from trainyard_scheduler.resources import ResourceVector


@dataclass(frozen=True, slots=True)
class SessionSpec:
    """The spec of a session, as far as decisions need it."""

    desired: DesiredState
    priority: int
    queue: str
    runtime: str
    shape: Shape
    datasets: tuple[str, ...]
    """Names of all datasets that it names."""
    resume_session: str | None
    """Name of the session in resumeFrom."""
    retry_limit: int
    backoff_seconds: int
    max_runtime: int | None
    """Most seconds that all attempts together may run."""
    stall_timeout: int | None
    """Seconds without a step after which an attempt counts as stalled."""
    ttl: int | None
    """Seconds after the end until the session is deleted; None if the spec does not say."""
    kind: int
    """Hash of what decides how long it runs. Sessions of one kind take about equally long."""
    json: bytes
    """The whole spec."""
    secrets: tuple[str, ...] = ()
    """Names of the Secrets whose keys its program gets."""
    code: str | None = None
    """The bundle of code."""
    grace_seconds: int = 60
    """From SIGTERM to SIGKILL."""
    packages: bool = False
    """Whether it asks for packages over those of its runtime."""


class HeldGpus(NamedTuple):
    """GPUs that an ended attempt held. Times are seconds since the epoch."""

    number: int
    """Of the attempt."""
    gpus: int
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class SessionStatus:
    """The status of a session, as far as decisions need it.

    Fields that make no sense count as absent.
    """

    phase: Phase | None = None
    attempt: int = 0
    failures: int = 0
    preemptions: int = 0
    queued: float | None = None
    """When it became ready to run."""
    retry: float | None = None
    """When the next attempt may start after a failure."""
    started: float | None = None
    attempt_started: float | None = None
    allocated: float | None = None
    """When the first worker of the current attempt was bound to a node."""
    held: tuple[HeldGpus, ...] = ()
    """What its last ended attempts held, without those that held no GPU."""
    completed: float | None = None
    run_seconds: int = 0
    """Run time of all earlier attempts together."""
    gpu_seconds: int = 0
    failed_attempt: int = 0
    """The attempt that `failure` is about."""
    failure_class: str = ""
    failure_exit_code: int | None = None
    failure_message: str = ""
    failure_line: str = ""
    """The last line that the program printed."""
    failure_time: float | None = None
    """When it was detected."""
    failure_alike: int = 0
    """Attempts in a row that ended like this before any sign of progress."""
    disrupted_attempt: int = 0
    """The attempt that `disruption` is about."""
    disruption_reason: str = ""
    disruption_message: str = ""
    preempting: bool = False
    """Suspending because the operator asked for it, not the owner."""
    over_budget: bool = False
    """Preempting since a budget is spent."""
    dataset_problem: str = ""
    """Why the training does not fit the dataset, as the gateway says."""
    dataset_states: tuple[tuple[str, str], ...] = ()
    """Names of the datasets that the gateway looked up, each with Found, NotFound or nothing."""
    code_state: str = ""
    resume_uid: str = ""
    """UID of the session that it may resume from, as the gateway says."""
    environment: str = ""
    """Lock of the packages that were installed for it; empty before that."""
    environment_image: str = ""
    """The image over which they were installed."""
    builds: int = 0
    """Installations of its packages that have ended."""
    build_failures: int = 0
    """How many of them failed in a row in a way that another one can survive."""
    build_retry: float | None = None
    """When its packages may be installed again."""
    build_message: str = ""
    """Why the last installation failed."""
    missing_attempt: int = 0
    """The last attempt that found its packages removed."""
    missing_times: int = 0
    """How many in a row did."""
    dataset: bytes = b""
    """The dataset as the gateway registered it, in JSON."""
    datasets: bytes = b""
    """The same of several datasets: a list."""
    progress_attempt: int = 0
    """The attempt that reported the progress below."""
    eta_seconds: float | None = None
    eta_at: float | None = None
    """When the ETA was reported."""
    checkpoint: float | None = None
    """When the last checkpoint became durable."""
    stepped: float | None = None
    """When the step count last rose."""
    steps_done: int = 0
    steps_total: int = 0
    """The goal in steps, 0 if unknown."""
    epochs_done: int = 0
    epochs_total: int = 0
    """The goal in epochs, 0 if unknown."""
    steps_per_second: float = 0.0
    has_model: bool = False
    unreleased: str = ""
    """Which Secret it waits for, as the operator says; empty if it waits for none."""
    own: bytes = b"{}"
    """The operator's part of the status, as the API server has it, in JSON."""


@dataclass(frozen=True, slots=True)
class Session:
    """A TrainingSession."""

    uid: str
    name: str
    user: str
    created: float
    generation: int
    version: int
    """resourceVersion."""
    deleting: bool
    spec: SessionSpec
    status: SessionStatus
    team: str = ""
    """Of its label; empty without it, like the next one."""
    key: str = ""
    """Public part of the API key that started it."""

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """User, team and key, whose limits it is under."""
        return subjects_of(self.user, self.team, self.key)


@dataclass(frozen=True, slots=True)
class InvalidSession:
    """A TrainingSession whose spec cannot be used. It affects no other session."""

    uid: str
    name: str
    version: int
    """resourceVersion."""
    generation: int
    why: str
    own: bytes = b"{}"
    """The operator's part of the status, in JSON."""


@dataclass(frozen=True, slots=True)
class Queue:
    """A TrainingQueue."""

    uid: str
    name: str
    version: int
    """resourceVersion."""
    generation: int
    rules: QueueRules
    own: bytes = b"{}"
    """Its status, in JSON."""


@dataclass(frozen=True, slots=True)
class ReleasedSecret:
    """A Secret that sessions may name. Its values are never read."""

    uid: str
    name: str
    version: int
    """resourceVersion."""


@dataclass(frozen=True, slots=True)
class Job:
    """The Job of one attempt."""

    uid: str
    name: str
    session_uid: str
    attempt: int
    version: int
    """resourceVersion."""
    created: float
    workers: int
    worker: ResourceVector
    """What one of its pods requests."""
    nodes: tuple[str, ...] = ()
    """The node that was chosen for each worker."""
    backfilled: bool = False
    finished: str = ""
    """Complete, Failed or empty."""
    reason: str = ""
    message: str = ""
    finish_time: float | None = None
    deleting: bool = False
    suspended: bool = False
    """`spec.suspend`, which Trainyard never sets."""


@dataclass(frozen=True, slots=True)
class BuilderJob:
    """A Job that installs the packages of a session. It holds no GPU and is no attempt."""

    uid: str
    name: str
    session_uid: str
    number: int
    """Number of the installation, from 1."""
    version: int
    """resourceVersion."""
    created: float
    image: str = ""
    """Image of the runtime."""
    finished: str = ""
    """Complete, Failed or empty."""
    reason: str = ""
    message: str = ""
    finish_time: float | None = None
    deleting: bool = False


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod, of a session or of anyone else. Of the others only what they request matters."""

    uid: str
    name: str
    version: int
    """resourceVersion."""
    node: str | None
    """The node whose resources it uses; None before it is bound and after it has ended."""
    requests: ResourceVector
    session_uid: str = ""
    prepares: str = ""
    """UID of the session whose packages it installs; such a pod is no worker of it."""
    job_uid: str = ""
    attempt: int = 0
    phase: str = ""
    deleting: bool = False
    assigned: str = ""
    """The node that it was bound to, also after its end."""
    created: float | None = None
    scheduled: float | None = None
    """When it was bound to its node."""
    sandboxed: bool = False
    """Its sandbox, network and volumes are there; next come images and containers."""
    seen_by_kubelet: bool = False
    """Its node's kubelet has reported on its containers."""
    preferred_nodes: tuple[str, ...] = ()
    """The nodes of its preferred node affinity."""
    waiting_reason: str = ""
    """Why its container does not run yet, such as ImagePullBackOff."""
    waiting_message: str = ""
    setup_reason: str = ""
    """Why its init container failed or does not start, such as ImagePullBackOff."""
    setup_message: str = ""
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
    """The pod's reason, such as Evicted."""
    message: str = ""
    disruption: str = ""
    """Reason of the DisruptionTarget condition."""
    disrupted: float | None = None
    """When that condition was set."""
    deletion: float | None = None
    """When its deletion was asked for."""
    deletion_end: float | None = None
    """When the grace period of its deletion ends."""
    worker: int = 0
    """Index of the worker, from 0."""

    @property
    def live(self) -> bool:
        """Whether it has not ended."""
        return self.phase not in ("Succeeded", "Failed")

    @property
    def outcome(self) -> str:
        """Succeeded or Failed once its program has ended; otherwise its phase.

        Another container that was put beside the program may keep the pod itself alive.
        """
        if not self.live or self.exit_code is None:
            return self.phase
        return "Failed" if self.exit_code else "Succeeded"


@dataclass(frozen=True, slots=True)
class Assumed:
    """An attempt whose Job is being created and does not show in the cluster yet.

    Kueue calls this an assumed workload.
    """

    attempt: int
    nodes: tuple[str, ...]
    """The node of each worker."""
    shape: Shape


@dataclass(frozen=True, slots=True)
class Refusal:
    """The API server refused to create a session's Job. The next try is not before `until`."""

    until: float
    message: str


@dataclass(frozen=True, slots=True)
class PendingWorkers:
    """Workers of one Job that are not bound to a node yet, as far as the watches show."""

    nodes: tuple[str, ...]
    """The node that was chosen for each."""
    worker: ResourceVector


def classes_of(session: Session) -> tuple[ReferenceClass, ...]:
    """The reference classes of a session, from the most specific to the most general."""
    spec = session.spec
    return reference_classes(spec.kind, session.user, spec.shape.gpus)


def current_attempt(session: Session, jobs: Mapping[int, Job]) -> int:
    """Number of the last attempt, 0 before the first. `jobs` are the session's Jobs by attempt."""
    return max(session.status.attempt, max(jobs, default=0))


def remaining_seconds(session: Session) -> float | None:
    """How long its current or next attempt may run; None without a limit.

    That is `maxRuntimeSeconds` less the run time of all earlier attempts.
    """
    if session.spec.max_runtime is None:
        return None
    return float(max(0, session.spec.max_runtime - session.status.run_seconds))


def queued_now(session: Session, now: float) -> float:
    """Since when a session that is ready waits, in seconds since the epoch.

    That is `now`, and the creation of a session without any status: an operator that was killed
    before it could write one must not cost it its place. It is never before its creation, which the
    API server measured: where this clock is a little behind, newcomers would overtake those who
    wait. The seconds are whole, with the resourceVersion as the fraction. So sessions that became
    ready in the same second keep their order, also over restarts: versions rise with every write in
    the cluster.
    """
    created = past(session.created, now) or 0.0
    since = created if created and session.status.phase is None else max(created, now)
    return float(int(since)) + (session.version % 1_000_000) / 1_000_000
