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
from trainyard_scheduler.admission import run_cycle
from trainyard_scheduler.facts import Allocation, Request
from trainyard_scheduler.fair_share import front
from trainyard_scheduler.placement import give, take
from trainyard_scheduler.snapshot import Snapshot
from trainyard_scheduler.waiting_queue import all_requests, gpus_ahead, waiting_queues

FRONT = 100
"""Sessions from the front of the order that get a start time and an exact reason; further ones only wait for their cursor."""
MAX_STEPS = 150
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


class QueueForecast:
    """What can be said about everybody who waits, computed once for many."""

    def __init__(self, cluster: Snapshot, now: float) -> None:
        self._cluster = cluster
        self.front = front(cluster, now, FRONT)
        """Those whose turns come first, in order."""
        ahead = replace(cluster, waiting=waiting_queues(self.front, cluster.policy))
        self._reasons = run_cycle(ahead, now, preempt=False, explain=True).reasons
        self._earliest = _starts(ahead, now, limits=False)
        self._latest = _starts(ahead, now, limits=True)
        self._sums: dict[str, list[int]] = {}

    def standing(self, request: Request) -> Standing:
        """Where a waiting session stands. Raises KeyError or ValueError when it does not wait."""
        line = self._cluster.waiting[request.queue]
        if request.queue not in self._sums:
            self._sums[request.queue] = gpus_ahead(line)
        before = line.index(request)
        reason = self._reasons.get(request.uid, Reason.WAITING_FOR_TURN)
        if self._cluster.queues[request.queue].paused:
            reason = Reason.QUEUE_PAUSED
        return Standing(
            position=before + 1,
            ahead_sessions=before,
            ahead_gpus=self._sums[request.queue][before],
            reason=reason,
            earliest=self._earliest.get(request.uid),
            latest=self._latest.get(request.uid),
        )


def what_if(cluster: Snapshot, request: Request, now: float) -> Standing:
    """Where `request` would stand if it waited as well."""
    others = (r for r in all_requests(cluster.waiting) if r.uid != request.uid)
    waiting = waiting_queues((*others, request), cluster.policy)
    return QueueForecast(replace(cluster, waiting=waiting), now).standing(request)


def _starts(cluster: Snapshot, now: float, *, limits: bool) -> dict[str, float]:
    """When each waiting session starts, by UID, as far as it can be known."""
    waiting = waiting_queues(all_requests(cluster.waiting), cluster.policy)
    free = dict(cluster.free)
    running = {h.uid: h for h in cluster.allocations}
    ends: list[tuple[float, str]] = []
    for allocation in cluster.allocations:
        _schedule(ends, _end_of(allocation, cluster, now, limits), allocation.uid)
    starts: dict[str, float] = {}
    moment = now
    for _ in range(MAX_STEPS):
        state = replace(cluster, free=free, allocations=tuple(running.values()), waiting=waiting)
        for admit in run_cycle(state, moment, preempt=False).admitted:
            request = admit.request
            waiting[request.queue].remove(request)
            starts[request.uid] = moment
            running[request.uid] = allocation_at_start(request, admit.nodes, moment)
            take(free, admit.nodes, request.shape.worker)
            length = request.limit_seconds if limits else request.expected_seconds
            _schedule(ends, math.inf if length is None else moment + length, request.uid)
        if not ends or not any(waiting.values()):
            break
        moment = ends[0][0]
        while ends and ends[0][0] <= moment:
            ended = running.pop(heapq.heappop(ends)[1])
            give(free, ended.nodes, ended.shape.worker)
    return starts


def _schedule(ends: list[tuple[float, str]], when: float, uid: str) -> None:
    if when < math.inf:
        heapq.heappush(ends, (when, uid))


def _end_of(allocation: Allocation, cluster: Snapshot, now: float, limits: bool) -> float:
    if allocation.leaving:
        return now + (cluster.policy.grace_seconds if limits else 0.0)
    if limits:
        return math.inf if allocation.limit is None else max(now, allocation.limit)
    return math.inf if allocation.eta_seconds is None else now + allocation.eta_seconds


def allocation_at_start(request: Request, nodes: tuple[str, ...], started: float) -> Allocation:
    """A session from the moment of its start."""
    return Allocation(
        uid=request.uid,
        queue=request.queue,
        user=request.user,
        priority=request.priority,
        queued=request.queued,
        shape=request.shape,
        nodes=nodes,
        started=started,
        eta_seconds=request.expected_seconds,
        limit=None if request.limit_seconds is None else started + request.limit_seconds,
    )
