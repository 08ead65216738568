"""Snapshots for scheduling cycles: who waits, who holds, on which nodes."""

from __future__ import annotations

from typing import Any

from operator_state import INSTALLATION, NOW, node, shape

from trainyard_scheduler.facts import Allocation, Policy, QueueRules, Request
from trainyard_scheduler.resources import minus
from trainyard_scheduler.snapshot import Snapshot
from trainyard_scheduler.waiting_queue import waiting_queues

POLICY = Policy(ageing_seconds=300, minimum_run_seconds=300, grace_seconds=60)


def waits(name: str, gpus: int = 1, age: float = 100, **more: Any) -> Request:
    """A session that waits since `age` seconds."""
    fields = {"queue": "default", "user": "", "priority": 0, "shape": shape(gpus), **more}
    return Request(uid=name, name=name, queued=NOW - age, **fields)


def holds(name: str, gpus: int = 1, ran: float | None = 1000, **more: Any) -> Allocation:
    """A session that holds GPUs since `ran` seconds."""
    fields = {
        "queue": "default",
        "user": "",
        "priority": 0,
        "queued": NOW - 2000,
        "shape": shape(gpus),
        "nodes": ("n1",),
        **more,
    }
    return Allocation(uid=name, started=None if ran is None else NOW - ran, **fields)


def cluster(
    *found: Request | Allocation,
    gpus: tuple[int, ...] = (4,),
    queues: tuple[QueueRules, ...] = (QueueRules("default"),),
    policy: Policy = POLICY,
) -> Snapshot:
    """A cluster of nodes with so many GPUs each."""
    nodes = {f"n{i}": node(f"n{i}", g) for i, g in enumerate(gpus, 1)}
    free = {name: n.allocatable for name, n in nodes.items()}
    allocations = tuple(h for h in found if isinstance(h, Allocation))
    for allocation in allocations:
        for name in allocation.nodes:
            free[name] = minus(free[name], allocation.shape.worker)
    waiting = waiting_queues((r for r in found if isinstance(r, Request)), policy)
    rules = {q.name: q for q in queues}
    return Snapshot(nodes, free, INSTALLATION.runtimes, rules, allocations, waiting, policy)
