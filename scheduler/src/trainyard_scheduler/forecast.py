"""Where each waiting session stands, and when it will start.

The cycles of `admission` are played forward in time. Guarantees:

- What is not known is absent. A start that depends on the end of a session of unknown length has
  no time.
- `earliest` assumes that sessions end as their step rates say, or as sessions of the same kind
  usually do, and in a queue with ShortestRemainingTime that they yield once their time slice
  is over. `latest` assumes that all run until their limits. Neither preempts any session.
- `forecast_session` is what the operator publishes in the status: a session that does not exist
  yet gets the same answer before its creation and right after it.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from trainyard_api.phase import Reason
from trainyard_scheduler.admissibility import Admissibility, Validator
from trainyard_scheduler.admission import CycleResult, run_cycle
from trainyard_scheduler.assumptions import Assumption, Longest, Soonest
from trainyard_scheduler.facts import Allocation, Request, Shape
from trainyard_scheduler.fair_share import front
from trainyard_scheduler.held_up import out_of_use
from trainyard_scheduler.limits.limit import LimitUse
from trainyard_scheduler.objects.installation import InstallationConfig
from trainyard_scheduler.objects.store import ClusterState
from trainyard_scheduler.placement import give, take
from trainyard_scheduler.readiness import Readiness, readiness_in
from trainyard_scheduler.snapshot import Snapshot
from trainyard_scheduler.usage import AllocationCache, request_of, snapshot_of
from trainyard_scheduler.waiting_queue import (
    WaitingQueue,
    all_requests,
    gpus_ahead,
    waiting_queues,
)

FORECAST_DEPTH = 100
"""Sessions from the front, over all queues, that get start times and an exact reason.

Sessions behind them get their position and `WaitingForTurn`.
"""
_MAY_BE_LIMITED = (Reason.BUDGET_SPENT, Reason.WAITING_FOR_GPU_LIMIT, Reason.WAITING_FOR_TURN)
_MAY_LACK_NODES = (Reason.WAITING_FOR_GPUS, Reason.WAITING_FOR_RESOURCES)
MAX_STEPS = 150
"""Ends of sessions that one run forward in time looks at."""


@dataclass(frozen=True, slots=True)
class QueuePosition:
    """Where a waiting session stands in its queue, and when it will start."""

    position: int
    """1 is next in its queue."""
    ahead_sessions: int
    ahead_gpus: int
    reason: Reason
    """Why it does not start now."""
    earliest: float | None = None
    """Earliest start in seconds since the epoch; None if unknown."""
    latest: float | None = None
    """Latest start in seconds since the epoch; None if unknown."""
    details: str = ""
    """The reason in a sentence with numbers, where there is more to say than its own sentence."""

    @property
    def message(self) -> str:
        """Why it does not start now, in a sentence."""
        return self.details or self.reason.sentence


@dataclass(frozen=True, slots=True)
class SessionForecast:
    """What becomes of one session at the next decision."""

    admissibility: Admissibility
    readiness: Readiness
    starts_now: bool = False
    position: QueuePosition | None = None
    """Its position in its queue; None if something must happen before the queue decides."""


class QueueForecast:
    """The positions of all waiting sessions, computed once for many."""

    def __init__(self, snapshot: Snapshot, now: float) -> None:
        """`now` is in seconds since the epoch."""
        self._snapshot = snapshot
        self.front = front(snapshot, now, FORECAST_DEPTH)
        """The next sessions over all queues, in fair-share order."""
        ahead = replace(snapshot, waiting=waiting_queues(self.front, snapshot.policy))
        self._reasons = run_cycle(ahead, now, preempt=False, explain=True).reasons
        lengths = snapshot.lengths(now)
        self._earliest = _starts(ahead, now, Soonest(snapshot, lengths, now))
        self._latest = _starts(ahead, now, Longest(snapshot, lengths, now))
        self._gpus_ahead: dict[str, list[int]] = {}
        self._unused: dict[Shape, str] = {}
        self._limits, self._now = LimitUse(snapshot.limits, snapshot.allocations), now

    def position(self, request: Request) -> QueuePosition:
        """Where a waiting session stands. Raises KeyError or ValueError if it does not wait."""
        queue = self._snapshot.waiting[request.queue]
        if request.queue not in self._gpus_ahead:
            self._gpus_ahead[request.queue] = gpus_ahead(queue)
        ahead = queue.index(request)
        reason, details = self._why(request)
        return QueuePosition(
            position=ahead + 1,
            ahead_sessions=ahead,
            ahead_gpus=self._gpus_ahead[request.queue][ahead],
            reason=reason,
            earliest=self._earliest.get(request.uid),
            latest=self._latest.get(request.uid),
            details=details,
        )

    def _why(self, request: Request) -> tuple[Reason, str]:
        if self._snapshot.queues[request.queue].paused:
            return Reason.QUEUE_PAUSED, ""
        reason = self._reasons.get(request.uid, Reason.WAITING_FOR_TURN)
        if reason in _MAY_BE_LIMITED:
            wait = self._limits.wait(request, self._now)
            if wait is not None:
                return wait.reason, wait.message
        if reason in _MAY_LACK_NODES and (said := self._out_of_use(request.shape)):
            return reason, f"{reason.sentence} {said}"
        return reason, ""

    def _out_of_use(self, shape: Shape) -> str:
        if shape not in self._unused:
            runtime = self._snapshot.runtimes[shape.runtime]
            self._unused[shape] = out_of_use(self._snapshot.nodes, runtime, shape)
        return self._unused[shape]


def forecast_session(
    state: ClusterState, uid: str, config: InstallationConfig, now: float
) -> SessionForecast:
    """What the next decision at `now` (seconds since the epoch) will say of a session in `state`.

    Raises KeyError if there is no such session, or if its spec cannot be used.
    """
    validator = Validator(config)
    session = state.sessions[uid]
    requests = {
        s.uid: request_of(s, state, now)
        for s in state.sessions.values()
        if readiness_in(state, s, validator, now).in_queue
    }
    admissibility = validator.answer(session.spec, state)
    readiness = readiness_in(state, session, validator, now)
    if uid not in requests:
        return SessionForecast(admissibility, readiness)
    waiting = waiting_queues(requests.values(), config.policy)
    snapshot = snapshot_of(state, waiting, config, now, AllocationCache())
    result = run_cycle(snapshot, now)
    admitted = {a.request.uid for a in result.admitted}
    left = [r for r in all_requests(waiting) if r.uid not in admitted]
    if uid in admitted:
        position = _position_at_start(requests[uid], left, config, now)
        return SessionForecast(admissibility, readiness, starts_now=True, position=position)
    after = after_cycle(snapshot, result, waiting_queues(left, config.policy), now)
    position = QueueForecast(after, now).position(requests[uid])
    return SessionForecast(admissibility, readiness, position=position)


def _position_at_start(
    request: Request, left: list[Request], config: InstallationConfig, now: float
) -> QueuePosition:
    """The position of a session that starts now, among those of its queue that do not."""
    others = [r for r in left if r.queue == request.queue]
    queue = WaitingQueue(config.policy, [*others, request])
    ahead = queue.index(request)
    return QueuePosition(
        position=ahead + 1,
        ahead_sessions=ahead,
        ahead_gpus=gpus_ahead(queue)[ahead],
        reason=Reason.ADMITTED,
        earliest=now,
        latest=now,
    )


def after_cycle(
    snapshot: Snapshot, result: CycleResult, waiting: Mapping[str, WaitingQueue], now: float
) -> Snapshot:
    """The snapshot once the admitted sessions have started; `waiting` are the queues without them.

    Preempted sessions hold their resources until they end.
    """
    if not result.admitted:
        return snapshot
    started = tuple(allocation_at_start(a.request, a.nodes, now, snapshot) for a in result.admitted)
    return replace(
        snapshot,
        free=result.free,
        allocations=snapshot.allocations + started,
        waiting=waiting,
    )


def allocation_at_start(
    request: Request, nodes: tuple[str, ...], started: float, snapshot: Snapshot
) -> Allocation:
    """The allocation of a session that starts at `started`, in seconds since the epoch."""
    return Allocation(
        uid=request.uid,
        queue=request.queue,
        user=request.user,
        priority=request.priority,
        queued=request.queued,
        shape=request.shape,
        nodes=nodes,
        started=started,
        subjects=request.subjects,
        eta_seconds=snapshot.expected_seconds(request),
        limit=None if request.limit_seconds is None else started + request.limit_seconds,
    )


def _starts(snapshot: Snapshot, now: float, assumed: Assumption) -> dict[str, float]:
    """When each waiting session starts, in seconds since the epoch, by UID.

    Sessions whose start cannot be known are absent.
    """
    waiting = waiting_queues(all_requests(snapshot.waiting), snapshot.policy)
    free = dict(snapshot.free)
    running = {a.uid: a for a in snapshot.allocations}
    ends: list[tuple[float, str]] = []
    for allocation in snapshot.allocations:
        _push(ends, assumed.end(allocation), allocation.uid)
    limits = snapshot.limits
    for renewal in limits.renewals():
        _push(ends, renewal, "")
    starts: dict[str, float] = {}
    time = now
    for _ in range(MAX_STEPS):
        held = tuple(running.values())
        state = replace(snapshot, free=free, allocations=held, waiting=waiting, limits=limits)
        for admit in run_cycle(state, time, preempt=False).admitted:
            request = admit.request
            waiting[request.queue].remove(request)
            starts[request.uid] = time
            running[request.uid] = allocation_at_start(request, admit.nodes, time, snapshot)
            take(free, admit.nodes, request.shape.worker)
            _push(ends, time + assumed.length(request), request.uid)
        if not ends or not any(waiting.values()):
            break
        later = max(time, ends[0][0])
        limits = limits.after(running.values(), time, later)
        time = later
        while ends and ends[0][0] <= time:
            _, uid = heapq.heappop(ends)
            if uid:
                ended = running.pop(uid)
                give(free, ended.nodes, ended.shape.worker)
    return starts


def _push(ends: list[tuple[float, str]], when: float, uid: str) -> None:
    if when < math.inf:
        heapq.heappush(ends, (when, uid))
