"""What a scheduling cycle works on, as small frozen values.

Times are seconds since the epoch; durations are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from trainyard_api.limits.published import Subject
from trainyard_scheduler.clocks import past
from trainyard_scheduler.durations.history import ReferenceClass
from trainyard_scheduler.resources import ResourceVector, gpus, scaled


@dataclass(frozen=True, slots=True)
class Taint:
    """A taint of a node: it keeps pods off unless they tolerate it."""

    key: str
    value: str
    effect: str

    def __str__(self) -> str:
        value = f"={self.value}" if self.value else ""
        return f"{self.key}{value}:{self.effect}"


@dataclass(frozen=True, slots=True)
class Toleration:
    """A toleration of a pod. An empty key tolerates every key, an empty effect every effect."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""

    def accepts(self, taint: Taint) -> bool:
        """Whether this toleration covers `taint`, by the rules of Kubernetes."""
        if self.effect and self.effect != taint.effect:
            return False
        if not self.key:
            return self.operator == "Exists"
        if self.key != taint.key:
            return False
        return self.operator == "Exists" or self.value == taint.value


@dataclass(frozen=True, slots=True)
class Unready:
    """Why a node is not ready."""

    silent: bool
    """Its kubelet does not answer; otherwise it says itself that the node is not ready."""
    since: float | None = None
    """Seconds since the epoch: its last heartbeat, or when it said so."""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """A node and its allocatable resources."""

    name: str
    allocatable: ResourceVector
    usable: bool = True
    """Ready and not cordoned."""
    labels: frozenset[tuple[str, str]] = frozenset()
    taints: tuple[Taint, ...] = ()
    version: int = 0
    """resourceVersion."""
    unready: Unready | None = None
    """None while it is ready."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """Which nodes the pods of a runtime may use."""

    name: str
    gpu_kind: int = 0
    """Index of its GPU resource among the GPU positions of a resource vector, from 0."""
    node_selector: frozenset[tuple[str, str]] = frozenset()
    tolerations: tuple[Toleration, ...] = ()

    def matches(self, node: Node) -> bool:
        """Whether node selector and taints admit its pods to `node`."""
        return self.selects(node) and not self.repelled(node)

    def selects(self, node: Node) -> bool:
        """Whether `node` has the labels of the node selector."""
        return self.node_selector <= node.labels

    def repelled(self, node: Node) -> tuple[Taint, ...]:
        """The taints of `node` that keep its pods off."""
        return tuple(
            taint
            for taint in node.taints
            if taint.effect != "PreferNoSchedule"
            and not any(t.accepts(taint) for t in self.tolerations)
        )


class Shape(NamedTuple):
    """What a session requests. Sessions of equal shape fit in the same places."""

    worker: ResourceVector
    """What one worker requests."""
    workers: int
    runtime: str

    @property
    def total(self) -> ResourceVector:
        """What all workers request together."""
        return scaled(self.worker, self.workers)

    @property
    def gpus(self) -> int:
        """GPUs of all workers."""
        return gpus(self.worker) * self.workers


@dataclass(frozen=True, slots=True)
class QueueRules:
    """The spec of a TrainingQueue. None is no limit."""

    name: str
    gpu_quota: int | None = None
    """Guaranteed GPUs."""
    borrow: bool = True
    """Whether its sessions may use more GPUs than the quota while they are free."""
    weight: int = 1
    max_sessions_per_user: int | None = None
    max_gpus_per_session: int | None = None
    paused: bool = False
    time_slice_seconds: float | None = None
    """With ShortestRemainingTime: how long an attempt runs before it may yield; else None."""


@dataclass(frozen=True, slots=True)
class Request:
    """A session that waits and could start now."""

    uid: str
    name: str
    queue: str
    user: str
    priority: int
    queued: float
    """When it became ready to run, in seconds since the epoch. Its age counts from here."""
    shape: Shape
    expected_seconds: float | None = None
    """How long it will run by its own progress; None if it has reported none."""
    limit_seconds: float | None = None
    """How long it may still run; None without a limit."""
    kind: int | None = None
    """Before its first attempt: the kind whose usual run time stands for `expected_seconds`."""
    classes: tuple[ReferenceClass, ...] = ()
    """Its reference classes, from the most specific to the most general."""
    ran_seconds: float = 0.0
    """Run time of its earlier attempts."""
    behind_seconds: float = 0.0
    """By how much it counts as having come later, since shorter ones start first."""
    subjects: tuple[Subject, ...] = ()
    """User, team and key, whose limits it is under."""


@dataclass(frozen=True, slots=True)
class Allocation:
    """What one session holds: a running, starting or leaving attempt."""

    uid: str
    queue: str
    user: str
    priority: int
    queued: float
    """When it became ready to run, in seconds since the epoch."""
    shape: Shape
    nodes: tuple[str, ...]
    """Node of each worker that has not ended; a node may stand there several times."""
    started: float | None = None
    """When all workers ran, in seconds since the epoch; None while the attempt starts."""
    leaving: bool = False
    """It was asked to end. Its resources come back within the grace period."""
    checkpoint: float | None = None
    """When this attempt's last checkpoint became durable, in seconds since the epoch."""
    eta_seconds: float | None = None
    """Seconds from now to its end at its step rate; None if unknown."""
    limit: float | None = None
    """When its run-time limit ends it, in seconds since the epoch; None without a limit."""
    backfilled: bool = False
    """It started past a session that had waited longer.

    That session may preempt it after the minimum run time.
    """
    classes: tuple[ReferenceClass, ...] = ()
    """Its reference classes, from the most specific to the most general."""
    ran_seconds: float = 0.0
    """Run time of its earlier attempts."""
    subjects: tuple[Subject, ...] = ()
    """User, team and key, whose limits it is under."""

    def run_seconds(self, now: float) -> float:
        """Run time of all its attempts at `now`, in seconds since the epoch."""
        started = past(self.started, now)
        return self.ran_seconds + (0.0 if started is None else max(0.0, now - started))

    @property
    def gpus(self) -> int:
        """GPUs of the workers that have not ended."""
        return gpus(self.shape.worker) * len(self.nodes)


@dataclass(frozen=True, slots=True)
class Policy:
    """The administrator's choices. All are seconds."""

    ageing_seconds: float = 300.0
    """Waiting this long raises a session's rank by one priority point."""
    minimum_run_seconds: float = 300.0
    """A session is not preempted before it has run this long."""
    grace_seconds: float = 60.0
    """From the request to leave to the end."""
