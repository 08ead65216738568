"""Who gives way: the sessions whose leaving loses least, after a minimum run time.

What is lost is GPUs × seconds since the last durable checkpoint. Three kinds of sessions can be asked to leave:
those of lower priority; those that were let past a blocked session of the same queue and priority (backfill); and, for a session
within its queue's guaranteed quota, those of queues that use more than theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from trainyard_scheduler.facts import Allocation, Policy, Request
from trainyard_scheduler.fair_share import QueueHeads
from trainyard_scheduler.placement import give, place
from trainyard_scheduler.resources import ResourceVector
from trainyard_scheduler.snapshot import Snapshot


def lost(allocation: Allocation, now: float) -> float:
    """GPU-seconds of work (CPU sessions count as one GPU) that would have to be done again."""
    since = max(allocation.started or now, allocation.checkpoint or 0.0)
    return max(1, allocation.shape.gpus) * max(0.0, now - since)


def has_run_enough(allocation: Allocation, now: float, policy: Policy) -> bool:
    """Whether the session may be asked to leave at all by now."""
    return (
        not allocation.leaving
        and allocation.started is not None
        and now - allocation.started >= policy.minimum_run_seconds
    )


def candidates(
    preemptible: Iterable[Allocation],
    request: Request,
    cluster: Snapshot,
    heads: QueueHeads,
    now: float,
) -> list[Allocation]:
    """Those of `preemptible` that may be asked to leave for `request`, the cheapest first."""
    entitled = heads.entitled(cluster.queues[request.queue], request.shape.gpus)
    found = [
        h
        for h in preemptible
        if h.priority < request.priority
        or was_backfilled_past(h, request)
        or (entitled and h.queue != request.queue and _over_quota(cluster, heads, h))
    ]
    found.sort(key=lambda h: (lost(h, now), h.priority, -(h.started or 0.0), h.uid))
    return found


def was_backfilled_past(allocation: Allocation, request: Request) -> bool:
    """Whether the allocation was started past the request, which has waited longer with the same right."""
    return (
        allocation.backfilled
        and allocation.queue == request.queue
        and allocation.priority == request.priority
        and allocation.queued > request.queued
    )


def _over_quota(cluster: Snapshot, heads: QueueHeads, allocation: Allocation) -> bool:
    rules = cluster.queues.get(allocation.queue)
    guaranteed = (rules.gpu_quota or 0) if rules else 0
    return allocation.shape.gpus > 0 and heads.used[allocation.queue] > guaranteed


def choose(
    free: Mapping[str, ResourceVector],
    eligible: Sequence[str],
    request: Request,
    cheapest: Sequence[Allocation],
    now: float,
) -> list[Allocation] | None:
    """The cheapest of the tried sets of sessions after whose end `request` fits; None if even all together do not do.

    Tried are: all nodes together, cheapest sessions first, and for a single worker each node by itself.
    """
    groups: list[Sequence[Allocation]] = [cheapest]
    if request.shape.workers == 1:
        groups += [[h for h in cheapest if name in h.nodes] for name in eligible]
    best: list[Allocation] | None = None
    for group in groups:
        found = _enough(free, eligible, request, group)
        if found is not None and (best is None or _cost(found, now) < _cost(best, now)):
            best = found
    return best


def _cost(victims: Sequence[Allocation], now: float) -> tuple[float, int]:
    return (sum(lost(h, now) for h in victims), len(victims))


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
    # A dear one that came last may have made a cheap one superfluous.
    for allocation in sorted(chosen, key=lambda h: -h.shape.gpus):
        rest = [h for h in chosen if h is not allocation]
        room = dict(free)
        for other in rest:
            give(room, other.nodes, other.shape.worker)
        if place(room, eligible, request.shape) is not None:
            chosen = rest
    return chosen
