"""Where each waiting session stands and when it will start: the rounds of `admission`, played forward in time.

Guarantees:

- What is not known is absent: a start that depends on the end of a session whose length nobody knows gets no time.
- `earliest` supposes that sessions end when their step rates (or sessions of the same kind before) say; `latest` that all run until
  their limits. Nobody is preempted in either.
- `what_if` gives a session that does not exist yet the same answer that it would get a moment after its creation.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, replace

from trainyard_api.phase import Reason
from trainyard_api.scheduling.admission import run_round
from trainyard_api.scheduling.cluster import Cluster, Holding, Request
from trainyard_api.scheduling.ordering import serving_order
from trainyard_api.scheduling.placement import give

ESTIMATED_SESSIONS = 100
"""Sessions from the front of the order that get a start time; further ones have a position only."""
MOST_STEPS = 400
"""Ends of sessions that one forward run looks at."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a waiting session stands."""

    position: int
    """1 is next in its queue."""
    ahead_sessions: int
    ahead_gpus: int
    reason: Reason
    earliest: float | None = None
    """Seconds since the epoch."""
    latest: float | None = None


def standings(cluster: Cluster, now: float) -> dict[str, Standing]:
    """The standing of every waiting session, by UID, in the order in which they will be served."""
    order = serving_order(cluster, now)
    reasons = run_round(cluster, now, preempt=False, explain=True).reasons
    front = tuple(order[:ESTIMATED_SESSIONS])
    ahead = replace(cluster, waiting=front)
    earliest, latest = _starts(ahead, now, limits=False), _starts(ahead, now, limits=True)
    sessions: dict[str, int] = {}
    gpus: dict[str, int] = {}
    found = {}
    for request in order:
        queue = request.queue
        before = sessions.get(queue, 0)
        found[request.uid] = Standing(
            position=before + 1,
            ahead_sessions=before,
            ahead_gpus=gpus.get(queue, 0),
            reason=reasons.get(request.uid, Reason.WAITING_FOR_TURN),
            earliest=earliest.get(request.uid),
            latest=latest.get(request.uid),
        )
        sessions[queue] = before + 1
        gpus[queue] = gpus.get(queue, 0) + request.shape.gpus
    return found


def what_if(cluster: Cluster, request: Request, now: float) -> Standing:
    """Where `request` would stand if it waited as well."""
    waiting = (*(r for r in cluster.waiting if r.uid != request.uid), request)
    return standings(replace(cluster, waiting=waiting), now)[request.uid]


def _starts(cluster: Cluster, now: float, *, limits: bool) -> dict[str, float]:
    """When each waiting session starts, by UID, as far as it can be known."""
    free = dict(cluster.free)
    running = {h.uid: h for h in cluster.holdings}
    waiting = {r.uid: r for r in cluster.waiting}
    ends: list[tuple[float, str]] = []
    for holding in cluster.holdings:
        _schedule(ends, _end_of(holding, cluster, now, limits), holding.uid)
    starts: dict[str, float] = {}
    moment = now
    for _ in range(MOST_STEPS):
        round_ = run_round(
            replace(
                cluster,
                free=free,
                holdings=tuple(running.values()),
                waiting=tuple(waiting.values()),
            ),
            moment,
            preempt=False,
        )
        for admit in round_.admitted:
            request = waiting.pop(admit.request.uid)
            starts[request.uid] = moment
            running[request.uid] = _held(request, admit.nodes, moment)
            give(free, admit.nodes, tuple([-x for x in request.shape.worker]))
            length = request.limit_seconds if limits else request.expected_seconds
            _schedule(ends, math.inf if length is None else moment + length, request.uid)
        if not waiting or not ends:
            break
        moment = ends[0][0]
        while ends and ends[0][0] <= moment:
            ended = running.pop(heapq.heappop(ends)[1])
            give(free, ended.nodes, ended.shape.worker)
    return starts


def _schedule(ends: list[tuple[float, str]], when: float, uid: str) -> None:
    if when < math.inf:
        heapq.heappush(ends, (when, uid))


def _end_of(holding: Holding, cluster: Cluster, now: float, limits: bool) -> float:
    if holding.leaving:
        return now + (cluster.policy.grace_seconds if limits else 0.0)
    if limits:
        return math.inf if holding.limit is None else max(now, holding.limit)
    return math.inf if holding.eta_seconds is None else now + holding.eta_seconds


def _held(request: Request, nodes: tuple[str, ...], started: float) -> Holding:
    """A session that starts in the forward run; when it ends is known to the run alone."""
    return Holding(
        uid=request.uid,
        queue=request.queue,
        user=request.user,
        priority=request.priority,
        queued=request.queued,
        shape=request.shape,
        nodes=nodes,
        started=started,
    )
