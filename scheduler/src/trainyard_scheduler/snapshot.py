"""Everything that one scheduling cycle looks at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from trainyard_scheduler.durations.history import RunHistory
from trainyard_scheduler.durations.lengths import Lengths
from trainyard_scheduler.facts import Allocation, Node, Policy, QueueRules, Request, Runtime
from trainyard_scheduler.limits.limit import NO_LIMITS, Limits
from trainyard_scheduler.resources import ResourceVector, gpus
from trainyard_scheduler.waiting_queue import WaitingQueue


@dataclass(frozen=True)
class Snapshot:
    """Nodes, what is free on them, who holds the rest, who waits."""

    nodes: Mapping[str, Node]
    free: Mapping[str, ResourceVector]
    """What is free on each usable node, by its name."""
    runtimes: Mapping[str, Runtime]
    queues: Mapping[str, QueueRules]
    allocations: tuple[Allocation, ...] = ()
    waiting: Mapping[str, WaitingQueue] = field(default_factory=dict)
    """By queue name."""
    policy: Policy = field(default=Policy())
    usual_seconds: Mapping[int, float] = field(default_factory=dict)
    """Usual run time of each kind of session that is known, in seconds."""
    history: RunHistory = field(default_factory=RunHistory)
    """Run times of the ended sessions."""
    limits: Limits = NO_LIMITS
    """Of users, teams and keys."""

    @cached_property
    def _eligible(self) -> dict[str, tuple[str, ...]]:
        return {}

    def eligible(self, runtime: str) -> tuple[str, ...]:
        """Names of the usable nodes that the runtime's node selector and tolerations admit."""
        found = self._eligible.get(runtime)
        if found is None:
            rules = self.runtimes[runtime]
            found = tuple(n for n in self.free if rules.matches(self.nodes[n]))
            self._eligible[runtime] = found
        return found

    def expected_seconds(self, request: Request) -> float | None:
        """How long a session will run: by its progress, else as its kind usually does; or None."""
        if request.expected_seconds is not None or request.kind is None:
            return request.expected_seconds
        return self.usual_seconds.get(request.kind)

    def is_bounded(self, request: Request) -> bool:
        """Whether anything is known about how long the session will run."""
        return request.limit_seconds is not None or self.expected_seconds(request) is not None

    def lengths(self, now: float) -> Lengths:
        """How long sessions run, by the history and by those that run at `now` (epoch seconds)."""
        running = ((a.classes, a.run_seconds(now)) for a in self.allocations)
        return Lengths(self.history, running)

    def gpu_capacity(self) -> int:
        """GPUs of all usable nodes."""
        return sum(gpus(self.nodes[name].allocatable) for name in self.free)
