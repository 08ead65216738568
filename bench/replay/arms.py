"""The policies that are compared. All place with the scheduler's own `place`; ours is its cycle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from trainyard_scheduler.admission import run_cycle
from trainyard_scheduler.durations.history import RunHistory, reference_classes
from trainyard_scheduler.durations.usual import Durations
from trainyard_scheduler.facts import Allocation, Node, Policy, QueueRules, Request, Runtime, Shape
from trainyard_scheduler.forecast import QueueForecast, after_cycle
from trainyard_scheduler.placement import place, take
from trainyard_scheduler.preemption.time_slices import behind_seconds
from trainyard_scheduler.snapshot import Snapshot
from trainyard_scheduler.waiting_queue import WaitingQueue

from .event_loop import (
    Arm,
    Estimate,
    Record,
    Running,
    Start,
    Waiting,
    World,
    shape_of,
    worker_vector,
)

QUEUE: Final = "main"
RUNTIME: Final = "main"
HOUR: Final = 3600.0
NEVER: Final = 1e12
BLIND_ATTEMPTS: Final = 20
"""Who does not know of checkpoints has a session yield so often: some would never get on."""
SUBMISSIONS_SECONDS: Final = 120.0
"""Shortest time between two moments at which those that came are asked about."""
PROGRESS_AFTER: Final = 60.0
"""Seconds of work after which a session's step rate is known."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What a policy may know, and what it may do."""

    progress: bool = True
    """Remaining times by step rates."""
    learned: bool = True
    """Lengths of earlier sessions of the kind."""
    checkpoints: bool = True
    """When each was saved; without, as if everything were saved at any time."""
    perfect: bool = False
    """True lengths, in place of all of these."""
    past_reservation: bool = True
    """Whether sessions start past a reservation and are preempted for it."""
    time_slice: float | None = None
    """Seconds after which a session yields, with ShortestRemainingTime; None: in order of age."""


class InOrder:
    """First in, first out, by the scheduler's order: strict, or passing those that do not fit."""

    def __init__(self, each: int, *, strict: bool) -> None:
        self.each, self.strict = each, strict
        self.estimates: list[Estimate] = []

    def decide(self, world: World) -> tuple[Sequence[Start], Sequence[str]]:
        """Starts in order of submission; nobody leaves."""
        free, starts = dict(world.free), []
        failed: set[int] = set()
        room = sum(vector[-1] for vector in free.values())
        for uid, waiting in sorted(world.waiting.items(), key=_submitted):
            if room <= 0:
                break
            gpus = waiting.work.gpus
            if gpus in failed:
                continue
            shape = request_shape(gpus, self.each)
            nodes = place(free, free, shape)
            if nodes is None:
                failed.add(gpus)
                if self.strict:
                    break
                continue
            take(free, nodes, shape.worker)
            room -= gpus
            starts.append(Start(uid, nodes))
        return starts, ()

    def ended(self, record: Record, run_seconds: float, reached: bool) -> None:
        """Learns nothing."""

    def watch(self, world: World, came: Sequence[str]) -> None:
        """Tells nothing."""


class Scheduled:
    """The scheduling package's own cycle and forecast, on facts that `knowledge` lets through."""

    def __init__(
        self,
        world_nodes: int,
        each: int,
        knowledge: Knowledge,
        *,
        estimates: tuple[float, float] = (math.inf, -math.inf),
    ) -> None:
        """`estimates` are the begin and end of the time in which estimates are kept."""
        self.each, self.knowledge = each, knowledge
        names = [f"node{n:03}" for n in range(world_nodes)]
        self.nodes = {name: Node(name, (110, 10**9, 10**15, each)) for name in names}
        minimum = Policy().minimum_run_seconds if knowledge.past_reservation else math.inf
        self.policy = Policy(minimum_run_seconds=minimum)
        self.durations, self.history = Durations(), RunHistory()
        self.estimates: list[Estimate] = []
        self._window = estimates
        self._next = {True: -math.inf, False: -math.inf}
        self._empty = Snapshot(
            nodes=self.nodes,
            free={},
            runtimes={RUNTIME: Runtime(RUNTIME)},
            queues={QUEUE: QueueRules(QUEUE, time_slice_seconds=knowledge.time_slice)},
            policy=self.policy,
        )
        self._queue = WaitingQueue(self.policy)
        self._queued: dict[str, Request] = {}
        self._after: Snapshot | None = None

    def decide(self, world: World) -> tuple[Sequence[Start], Sequence[str]]:
        """One scheduling cycle."""
        if not world.waiting:
            return (), ()
        snapshot = self.snapshot(world)
        result = run_cycle(snapshot, world.now, preempt=self.knowledge.past_reservation)
        for admit in result.admitted:
            self._queue.remove(self._queued.pop(admit.request.uid))
        self._after = after_cycle(snapshot, result, snapshot.waiting, world.now)
        starts = [Start(a.request.uid, a.nodes, a.backfilled) for a in result.admitted]
        return starts, [p.uid for p in result.preempted]

    def snapshot(self, world: World) -> Snapshot:
        """The simulated cluster as the scheduler sees it."""
        for uid in world.waiting.keys() - self._queued.keys():
            request = self._queued[uid] = self._request(world.waiting[uid])
            self._queue.add(request)
        return replace(
            self._empty,
            free=dict(world.free),
            allocations=tuple(self._allocation(r, world.now) for r in world.running.values()),
            waiting={QUEUE: self._queue},
            usual_seconds=self.durations.usual_seconds,
            history=self.history,
        )

    def _request(self, waiting: Waiting) -> Request:
        work, knows = waiting.work, self.knowledge
        expected, limit = None, max(60.0, work.limit - waiting.run_seconds)
        if knows.perfect:
            expected = work.seconds - waiting.kept + 30.0
        elif waiting.attempts and knows.progress and work.planned is not None and waiting.kept:
            expected = (work.planned - waiting.kept) * work.pace
        request = Request(
            uid=work.uid,
            name=work.uid,
            queue=QUEUE,
            user=work.user,
            priority=0,
            queued=work.submitted,
            shape=request_shape(work.gpus, self.each),
            expected_seconds=expected,
            limit_seconds=expected if knows.perfect else limit,
            kind=work.program if not waiting.attempts else None,
            classes=reference_classes(work.program, work.user, work.gpus),
            ran_seconds=waiting.run_seconds,
        )
        if knows.time_slice is None:
            return request
        return replace(request, behind_seconds=behind_seconds(request, self.history))

    def _allocation(self, running: Running, now: float) -> Allocation:
        work, knows = running.work, self.knowledge
        position = running.position(now)
        end = running.started + max(60.0, work.limit - running.run_seconds)
        return Allocation(
            uid=work.uid,
            queue=QUEUE,
            user=work.user,
            priority=0,
            queued=work.submitted,
            shape=request_shape(work.gpus, self.each),
            nodes=running.nodes,
            started=running.started,
            leaving=running.leaving,
            checkpoint=self._checkpoint(running, position, now),
            eta_seconds=self._eta(running, position, now),
            limit=running.at(work.seconds) if knows.perfect else end,
            backfilled=running.backfilled,
            classes=reference_classes(work.program, work.user, work.gpus),
            ran_seconds=running.run_seconds,
        )

    def _checkpoint(self, running: Running, position: float, now: float) -> float | None:
        if self.knowledge.checkpoints:
            return running.checkpoint(position)
        return now if running.attempts <= BLIND_ATTEMPTS else None

    def _eta(self, running: Running, position: float, now: float) -> float | None:
        work, knows = running.work, self.knowledge
        if knows.perfect:
            return max(0.0, running.at(work.seconds) - now)
        if not knows.progress or work.planned is None:
            return None
        if position - running.kept < PROGRESS_AFTER:
            return None
        return (work.planned - position) * work.pace

    def ended(self, record: Record, run_seconds: float, reached: bool) -> None:
        """Learn its run time."""
        work = record.work
        if not self.knowledge.learned or record.ended is None:
            return
        classes = reference_classes(work.program, work.user, work.gpus)
        self.history.put(work.uid, classes, record.ended, int(run_seconds))
        if reached:
            self.durations.put(work.uid, work.program, record.ended, int(run_seconds))

    def watch(self, world: World, came: Sequence[str]) -> None:
        """Keep what those are told that came, at most every two minutes, and all each hour."""
        start, end = self._window
        if not world.waiting or not start <= world.now < end or self._after is None:
            return
        hourly = world.now >= self._next[False]
        if not hourly and (not came or world.now < self._next[True]):
            return
        self._next[not hourly] = world.now + (HOUR if hourly else SUBMISSIONS_SECONDS)
        forecast = QueueForecast(self._after, world.now)
        fresh = set(came)
        for request in forecast.front:
            if request.uid in fresh or hourly:
                found = forecast.position(request)
                self.estimates.append(
                    Estimate(
                        request.uid,
                        world.now,
                        request.uid in fresh,
                        found.earliest,
                        found.latest,
                    )
                )


@lru_cache(maxsize=1024)
def request_shape(gpus: int, each: int) -> Shape:
    """What a session of `gpus` GPUs asks for on nodes of `each`."""
    workers, per_worker = shape_of(gpus, each)
    return Shape(worker_vector(per_worker), workers, RUNTIME)


def _submitted(item: tuple[str, Waiting]) -> tuple[float, str]:
    return item[1].work.submitted, item[0]


def arms(nodes: int, each: int, window: tuple[float, float]) -> dict[str, Arm]:
    """Every policy by its name, each with nothing learned yet."""

    def ours(knowledge: Knowledge) -> Scheduled:
        return Scheduled(nodes, each, knowledge, estimates=window)

    every = Knowledge()
    turns = replace(every, time_slice=HOUR)
    perfect = replace(every, learned=False, perfect=True)
    return {
        "strict FIFO": InOrder(each, strict=True),
        "best-effort FIFO": InOrder(each, strict=False),
        "EASY, users' limits": ours(
            Knowledge(progress=False, learned=False, past_reservation=False)
        ),
        "ours": ours(every),
        "ours, shortest first": ours(turns),
        "… without learned lengths": ours(replace(turns, learned=False)),
        "… without step rates": ours(replace(turns, progress=False)),
        "… without time slices": ours(replace(turns, time_slice=NEVER)),
        "… blind to checkpoints": ours(replace(turns, checkpoints=False)),
        "oracle": ours(perfect),
        "oracle, shortest first": ours(replace(perfect, time_slice=HOUR)),
    }
