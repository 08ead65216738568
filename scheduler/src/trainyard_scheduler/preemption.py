"""Who gives way: the sessions whose leaving loses least, after a minimum run time.

What is lost is GPUs × seconds since the last durable checkpoint. Three kinds of sessions can be asked to leave:
those of lower priority; those that were let past a blocked session of the same queue and priority (backfill); and, for a session
within its queue's guaranteed quota, those of queues that use more than theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from trainyard_scheduler.facts import Holding, Policy, Request
from trainyard_scheduler.fair_share import Turns
from trainyard_scheduler.placement import give, place
from trainyard_scheduler.resources import Amount
from trainyard_scheduler.snapshot import Cluster


def lost(holding: Holding, now: float) -> float:
    """GPU-seconds of work (CPU sessions count as one GPU) that would have to be done again."""
    since = max(holding.started or now, holding.checkpoint or 0.0)
    return max(1, holding.shape.gpus) * max(0.0, now - since)


def has_run_enough(holding: Holding, now: float, policy: Policy) -> bool:
    """Whether the session may be asked to leave at all by now."""
    return (
        not holding.leaving
        and holding.started is not None
        and now - holding.started >= policy.minimum_run_seconds
    )


def candidates(
    preemptible: Iterable[Holding], request: Request, cluster: Cluster, turns: Turns, now: float
) -> list[Holding]:
    """Those of `preemptible` that may be asked to leave for `request`, the cheapest first."""
    entitled = turns.entitled(cluster.queues[request.queue], request.shape.gpus)
    found = [
        h
        for h in preemptible
        if h.priority < request.priority
        or gave_no_way(h, request)
        or (entitled and h.queue != request.queue and _over_quota(cluster, turns, h))
    ]
    found.sort(key=lambda h: (lost(h, now), h.priority, -(h.started or 0.0), h.uid))
    return found


def gave_no_way(holding: Holding, request: Request) -> bool:
    """Whether the holding was started past the request, which has waited longer with the same right."""
    return (
        holding.backfilled
        and holding.queue == request.queue
        and holding.priority == request.priority
        and holding.queued > request.queued
    )


def _over_quota(cluster: Cluster, turns: Turns, holding: Holding) -> bool:
    rules = cluster.queues.get(holding.queue)
    guaranteed = (rules.gpu_quota or 0) if rules else 0
    return holding.shape.gpus > 0 and turns.used[holding.queue] > guaranteed


def choose(
    free: Mapping[str, Amount],
    eligible: Sequence[str],
    request: Request,
    cheapest: Sequence[Holding],
    now: float,
) -> list[Holding] | None:
    """The cheapest of the tried sets of sessions after whose end `request` fits; None if even all together do not do.

    Tried are: all nodes together, cheapest sessions first, and for a single worker each node by itself.
    """
    groups: list[Sequence[Holding]] = [cheapest]
    if request.shape.workers == 1:
        groups += [[h for h in cheapest if name in h.nodes] for name in eligible]
    best: list[Holding] | None = None
    for group in groups:
        found = _enough(free, eligible, request, group)
        if found is not None and (best is None or _cost(found, now) < _cost(best, now)):
            best = found
    return best


def _cost(victims: Sequence[Holding], now: float) -> tuple[float, int]:
    return (sum(lost(h, now) for h in victims), len(victims))


def _enough(
    free: Mapping[str, Amount],
    eligible: Sequence[str],
    request: Request,
    cheapest: Sequence[Holding],
) -> list[Holding] | None:
    chosen: list[Holding] = []
    room = dict(free)
    for holding in cheapest:
        if place(room, eligible, request.shape) is not None:
            break
        chosen.append(holding)
        give(room, holding.nodes, holding.shape.worker)
    if place(room, eligible, request.shape) is None:
        return None
    # A dear one that came last may have made a cheap one superfluous.
    for holding in sorted(chosen, key=lambda h: -h.shape.gpus):
        rest = [h for h in chosen if h is not holding]
        room = dict(free)
        for other in rest:
            give(room, other.nodes, other.shape.worker)
        if place(room, eligible, request.shape) is not None:
            chosen = rest
    return chosen
