"""Which sessions are preempted: those whose leaving loses least, after a minimum run time.

What is lost is GPUs × seconds since the last durable checkpoint. Four kinds of sessions can be
preempted:

- sessions of lower priority;
- sessions that were backfilled past a blocked session of the same queue and priority;
- sessions whose time slice is over, in a queue with ShortestRemainingTime;
- for a session within its queue's guaranteed quota: sessions of queues that use more than their
  quota.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from trainyard_scheduler.clocks import past
from trainyard_scheduler.facts import Allocation, Policy, Request
from trainyard_scheduler.fair_share import QueueHeads
from trainyard_scheduler.placement import give, place
from trainyard_scheduler.preemption.time_slices import TimeSlices
from trainyard_scheduler.resources import ResourceVector
from trainyard_scheduler.snapshot import Snapshot


def lost(allocation: Allocation, now: float) -> float:
    """GPU-seconds of work that would have to be done again.

    A session without GPUs counts as one GPU.
    """
    checkpoint = past(allocation.checkpoint, now) or 0.0
    since = max(allocation.started or now, checkpoint)
    return max(1, allocation.shape.gpus) * max(0.0, now - since)


def has_run_enough(allocation: Allocation, now: float, policy: Policy) -> bool:
    """Whether the session has run for the minimum run time, so that it may be preempted."""
    return (
        not allocation.leaving
        and allocation.started is not None
        and now - (past(allocation.started, now) or 0.0) >= policy.minimum_run_seconds
    )


def candidates(
    preemptible: Iterable[Allocation],
    request: Request,
    snapshot: Snapshot,
    heads: QueueHeads,
    slices: TimeSlices,
    now: float,
) -> list[Allocation]:
    """Those of `preemptible` that may be preempted for `request`, the smallest loss first."""
    entitled = heads.entitled(snapshot.queues[request.queue], request.shape.gpus)
    found = [
        a
        for a in preemptible
        if a.priority < request.priority
        or was_backfilled_past(a, request, slices)
        or slices.yields_to(a, request)
        or (entitled and a.queue != request.queue and _over_quota(snapshot, heads, a))
    ]
    found.sort(key=lambda a: (lost(a, now), a.priority, -(a.started or 0.0), a.uid))
    return found


def was_backfilled_past(allocation: Allocation, request: Request, slices: TimeSlices) -> bool:
    """Whether the allocation was backfilled past `request`.

    Then `request` is ahead in the same queue with the same priority.
    """
    return (
        allocation.backfilled
        and allocation.queue == request.queue
        and allocation.priority == request.priority
        and slices.is_ahead(request, allocation)
    )


def _over_quota(snapshot: Snapshot, heads: QueueHeads, allocation: Allocation) -> bool:
    rules = snapshot.queues.get(allocation.queue)
    guaranteed = (rules.gpu_quota or 0) if rules else 0
    return allocation.shape.gpus > 0 and heads.used[allocation.queue] > guaranteed


def choose(
    free: Mapping[str, ResourceVector],
    eligible: Sequence[str],
    request: Request,
    cheapest: Sequence[Allocation],
    now: float,
) -> list[Allocation] | None:
    """The cheapest set of sessions found after whose end `request` fits; None if there is none.

    Tried are all nodes together, cheapest sessions first, and for a single worker each node alone.
    """
    groups: list[Sequence[Allocation]] = [cheapest]
    if request.shape.workers == 1:
        groups += [[a for a in cheapest if name in a.nodes] for name in eligible]
    best: list[Allocation] | None = None
    for group in groups:
        found = _enough(free, eligible, request, group)
        if found is not None and (best is None or _cost(found, now) < _cost(best, now)):
            best = found
    return best


def _cost(victims: Sequence[Allocation], now: float) -> tuple[float, int, list[str]]:
    # UIDs break ties, so that the choice does not depend on the order of nodes.
    return (sum(lost(a, now) for a in victims), len(victims), sorted(a.uid for a in victims))


def _enough(
    free: Mapping[str, ResourceVector],
    eligible: Sequence[str],
    request: Request,
    cheapest: Sequence[Allocation],
) -> list[Allocation] | None:
    chosen: list[Allocation] = []
    room = dict(free)
    for allocation in cheapest:
        if place(room, eligible, request.shape) is not None:
            break
        chosen.append(allocation)
        give(room, allocation.nodes, allocation.shape.worker)
    if place(room, eligible, request.shape) is None:
        return None
    # An expensive session that was added last may have made a cheaper one unnecessary.
    for allocation in sorted(chosen, key=lambda a: -a.shape.gpus):
        rest = [a for a in chosen if a is not allocation]
        room = dict(free)
        for other in rest:
            give(room, other.nodes, other.shape.worker)
        if place(room, eligible, request.shape) is not None:
            chosen = rest
    return chosen
