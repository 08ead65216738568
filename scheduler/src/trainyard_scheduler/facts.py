"""The facts of a scheduling round, as small frozen values. Times are seconds since the epoch, lengths are seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from trainyard_scheduler.resources import ResourceVector, gpus, times


@dataclass(frozen=True, slots=True)
class Taint:
    """What keeps pods off a node unless they tolerate it."""

    key: str
    value: str
    effect: str


@dataclass(frozen=True, slots=True)
class Toleration:
    """A taint that pods of a runtime accept; an empty key tolerates every key, an empty effect every effect."""

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
class Node:
    """A node and what it can give."""

    name: str
    allocatable: ResourceVector
    usable: bool = True
    """Ready and schedulable."""
    labels: frozenset[tuple[str, str]] = frozenset()
    taints: tuple[Taint, ...] = ()
    version: int = 0
    """resourceVersion."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """Where sessions of a runtime may run."""

    name: str
    gpu_kind: int = 0
    """Index of its GPU resource in amounts, from 0."""
    node_selector: frozenset[tuple[str, str]] = frozenset()
    tolerations: tuple[Toleration, ...] = ()

    def matches(self, node: Node) -> bool:
        """Whether selector and taints let its pods onto `node`."""
        return self.node_selector <= node.labels and all(
            taint.effect == "PreferNoSchedule" or any(t.accepts(taint) for t in self.tolerations)
            for taint in node.taints
        )


class Shape(NamedTuple):
    """What a session asks for. Sessions of one shape fit in the same places."""

    worker: ResourceVector
    workers: int
    runtime: str

    @property
    def total(self) -> ResourceVector:
        """All workers together."""
        return times(self.worker, self.workers)

    @property
    def gpus(self) -> int:
        """GPUs of all workers."""
        return gpus(self.worker) * self.workers


@dataclass(frozen=True, slots=True)
class QueueRules:
    """What a TrainingQueue allows."""

    name: str
    gpu_quota: int | None = None
    borrow: bool = True
    weight: int = 1
    max_sessions_per_user: int | None = None
    max_gpus_per_session: int | None = None
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """A session that waits and could start now."""

    uid: str
    name: str
    queue: str
    user: str
    priority: int
    queued: float
    """When it became ready to run; its age counts from here."""
    shape: Shape
    expected_seconds: float | None = None
    """How long it will run, where its own progress tells; None when unknown."""
    limit_seconds: float | None = None
    """How long it may run at most; None without a limit."""


@dataclass(frozen=True, slots=True)
class Allocation:
    """A session that holds capacity."""

    uid: str
    queue: str
    user: str
    priority: int
    queued: float
    shape: Shape
    nodes: tuple[str, ...]
    """Node of each worker that holds something there."""
    started: float | None = None
    """When all workers ran; None while it starts."""
    leaving: bool = False
    """Asked to end; its capacity comes back within the grace period."""
    checkpoint: float | None = None
    """When its last checkpoint became durable."""
    eta_seconds: float | None = None
    """Seconds to its end at its step rate, counted from now."""
    limit: float | None = None
    """When its run-time limit ends it."""
    backfilled: bool = False
    """Was started past a session that had waited longer, and gives way to it after the minimum run time."""

    @property
    def gpus(self) -> int:
        """GPUs that it holds at the moment: those of workers whose pods have not ended."""
        return gpus(self.shape.worker) * len(self.nodes)


@dataclass(frozen=True, slots=True)
class Policy:
    """The administrator's choices."""

    ageing_seconds: float = 300.0
    """Waiting this long raises a session's rank by one priority point."""
    minimum_run_seconds: float = 300.0
    """A session is not preempted before it has run this long."""
    grace_seconds: float = 60.0
    """From the request to leave to the end."""
