"""Everything that one round of decisions looks at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from trainyard_scheduler.facts import Allocation, Node, Policy, QueueRules, Runtime
from trainyard_scheduler.resources import ResourceVector, gpus
from trainyard_scheduler.waiting_queue import WaitingQueue


@dataclass(frozen=True)
class Snapshot:
    """Nodes, what is free on them, who holds the rest, who waits."""

    nodes: Mapping[str, Node]
    free: Mapping[str, ResourceVector]
    """What is free now on each usable node."""
    runtimes: Mapping[str, Runtime]
    queues: Mapping[str, QueueRules]
    allocations: tuple[Allocation, ...] = ()
    waiting: Mapping[str, WaitingQueue] = field(default_factory=dict)
    """By queue."""
    policy: Policy = field(default=Policy())

    @cached_property
    def _eligible(self) -> dict[str, tuple[str, ...]]:
        return {}

    def eligible(self, runtime: str) -> tuple[str, ...]:
        """Names of the usable nodes that the runtime's selector and tolerations admit."""
        found = self._eligible.get(runtime)
        if found is None:
            rules = self.runtimes[runtime]
            found = tuple(n for n in self.free if rules.matches(self.nodes[n]))
            self._eligible[runtime] = found
        return found

    def gpu_capacity(self) -> int:
        """GPUs of all usable nodes."""
        return sum(gpus(self.nodes[name].allocatable) for name in self.free)
