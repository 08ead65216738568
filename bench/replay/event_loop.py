"""The event loop: sessions come, start, fail, leave and end in simulated time.

It decides nothing itself: after the events of one moment it asks the arm who starts and who is
preempted, as the operator asks the scheduler.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, Protocol

from trainyard_scheduler.placement import give, take
from trainyard_scheduler.resources import ResourceVector

from .workload import Work

START_SECONDS: Final = 30.0
"""From the start of an attempt to its first step."""
LEAVE_SECONDS: Final = 30.0
"""From the request to leave to the end."""
RETRY_SECONDS: Final = 30.0
"""Pause after a failure."""
TICK_SECONDS: Final = 60.0
"""While sessions wait, the arm is asked at least this often."""


class Kind(IntEnum):
    """What happens; of one moment, in this order."""

    ENDED = 0
    FAILED = 1
    LEFT = 2
    COMES = 3
    TICK = 4


@dataclass(slots=True)
class Waiting:
    """A session in the queue."""

    work: Work
    since: float
    """When it came or came back."""
    kept: float = 0.0
    """Position from which it continues."""
    attempts: int = 0
    run_seconds: float = 0.0
    """Run time of all earlier attempts."""
    failures: int = 0


@dataclass(slots=True)
class Running:
    """An attempt that holds GPUs."""

    work: Work
    nodes: tuple[str, ...]
    started: float
    kept: float
    attempts: int
    run_seconds: float
    failures: int = 0
    backfilled: bool = False
    leaving: bool = False

    def position(self, now: float) -> float:
        """How far it has come."""
        return self.kept + max(0.0, now - self.started - START_SECONDS)

    def saved(self, position: float) -> float:
        """Position of the last checkpoint at or before `position`."""
        every = self.work.checkpoint_every
        return max(self.kept, position // every * every)

    def checkpoint(self, position: float) -> float | None:
        """When this attempt's last checkpoint became durable; None before the first."""
        saved = self.saved(position)
        return None if saved <= self.kept else self.at(saved)

    def at(self, position: float) -> float:
        """When it comes to a position."""
        return self.started + START_SECONDS + position - self.kept


@dataclass(slots=True)
class Record:
    """What became of one session."""

    work: Work
    starts: list[float] = field(default_factory=list)
    """When each of its attempts started."""
    ended: float | None = None
    waited: float = 0.0
    """All its time in the queue."""
    preemptions: int = 0
    wasted: float = 0.0
    """GPU-seconds of work done again, of starts after the first, and of leaving."""
    wasted_by_preemption: float = 0.0

    @property
    def first_start(self) -> float | None:
        """When its first attempt started."""
        return self.starts[0] if self.starts else None

    def next_start(self, at: float) -> float:
        """The first start at or after `at`. Raises StopIteration if there was none."""
        return next(start for start in self.starts if start >= at)


@dataclass(frozen=True, slots=True)
class Start:
    """Start this session on these nodes."""

    uid: str
    nodes: tuple[str, ...]
    backfilled: bool = False


@dataclass(slots=True)
class World:
    """The simulated cluster."""

    now: float
    allocatable: dict[str, ResourceVector]
    free: dict[str, ResourceVector]
    waiting: dict[str, Waiting] = field(default_factory=dict)
    running: dict[str, Running] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)
    busy: list[tuple[float, int]] = field(default_factory=list)
    """GPUs that sessions hold from each moment on."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a waiting session was told."""

    uid: str
    at: float
    first: bool
    """Whether it had just come."""
    earliest: float | None
    latest: float | None


class Arm(Protocol):
    """Who starts and who is preempted, and what it may remember."""

    estimates: list[Estimate]

    def decide(self, world: World) -> tuple[Sequence[Start], Sequence[str]]:
        """Starts, and UIDs of those that are asked to leave."""

    def ended(self, record: Record, run_seconds: float, reached: bool) -> None:
        """A session ended by itself."""

    def watch(self, world: World, came: Sequence[str]) -> None:
        """After each decision: `came` are the sessions that came and did not start."""


def worker_vector(gpus: int) -> ResourceVector:
    """What one worker asks for: one pod, nothing but GPUs."""
    return (1, 0, 0, gpus)


def shape_of(gpus: int, each: int) -> tuple[int, int]:
    """Workers, and GPUs of each, of a session of `gpus` GPUs on nodes of `each` GPUs."""
    workers = -(-gpus // each)
    return workers, -(-gpus // workers)


def replay(works: Iterable[Work], nodes: int, each: int, arm: Arm) -> World:
    """Replay until every session has ended. The same arguments give the same result."""
    return _Replay(list(works), nodes, each, arm).run()


class _Replay:
    def __init__(self, works: list[Work], nodes: int, each: int, arm: Arm) -> None:
        self.arm, self.each = arm, each
        allocatable: dict[str, ResourceVector] = {
            f"node{n:03}": (110, 10**9, 10**15, each) for n in range(nodes)
        }
        self.world = World(min(w.submitted for w in works), allocatable, dict(allocatable))
        self.works = {w.uid: w for w in works}
        self.events = [(w.submitted, Kind.COMES, w.uid, 0) for w in works]
        heapq.heapify(self.events)
        self.back: dict[tuple[str, int], Waiting] = {}
        """Sessions that pause after a failure, by UID and attempt."""
        self.gpus = 0

    def run(self) -> World:
        world, events = self.world, self.events
        while events:
            world.now = events[0][0]
            came = []
            while events and events[0][0] <= world.now:
                _, kind, uid, attempt = heapq.heappop(events)
                if self._happens(kind, uid, attempt) and uid in world.waiting:
                    came.append(uid)
            self._decide(came)
        return world

    def _happens(self, kind: Kind, uid: str, attempt: int) -> bool:
        """Whether the session came for the first time."""
        world = self.world
        if kind == Kind.COMES:
            return self._comes(uid, attempt)
        running = world.running.get(uid)
        if kind == Kind.TICK or running is None or running.attempts != attempt:
            return False
        if kind == Kind.LEFT:
            self._left(running)
        elif not running.leaving:
            (self._ended if kind == Kind.ENDED else self._failed)(running)
        return False

    def _comes(self, uid: str, attempt: int) -> bool:
        world = self.world
        if attempt:
            back = world.waiting[uid] = self.back.pop((uid, attempt))
            back.since = world.now
            return False
        work = self.works[uid]
        world.waiting[uid] = Waiting(work, world.now)
        world.records[uid] = Record(work)
        return True

    def _decide(self, came: Sequence[str]) -> None:
        world = self.world
        starts, leave = self.arm.decide(world)
        for start in starts:
            self._start(start)
        for uid in leave:
            self._leave(world.running[uid])
        self._note_busy()
        self.arm.watch(world, [uid for uid in came if uid in world.waiting])
        if world.waiting and (not self.events or self.events[0][0] > world.now + TICK_SECONDS):
            heapq.heappush(self.events, (world.now + TICK_SECONDS, Kind.TICK, "", 0))

    def _start(self, start: Start) -> None:
        world, now = self.world, self.world.now
        waiting = world.waiting.pop(start.uid)
        work, record = waiting.work, world.records[start.uid]
        workers, gpus = shape_of(work.gpus, self.each)
        assert len(start.nodes) == workers
        take(world.free, start.nodes, worker_vector(gpus))
        assert all(world.free[name][-1] >= 0 for name in start.nodes), "more GPUs than there are"
        record.waited += now - waiting.since
        record.starts.append(now)
        running = Running(
            work,
            start.nodes,
            now,
            waiting.kept,
            waiting.attempts + 1,
            waiting.run_seconds,
            waiting.failures,
            start.backfilled,
        )
        world.running[work.uid] = running
        self.gpus += work.gpus
        fails = work.failures[running.failures :]
        kind, position = (Kind.FAILED, fails[0]) if fails else (Kind.ENDED, work.seconds)
        self._later(running.at(position), kind, running)

    def _later(self, when: float, kind: Kind, running: Running) -> None:
        heapq.heappush(self.events, (when, kind, running.work.uid, running.attempts))

    def _leave(self, running: Running) -> None:
        running.leaving = True
        self._later(self.world.now + LEAVE_SECONDS, Kind.LEFT, running)

    def _release(self, running: Running) -> float:
        """Give back what it held; returns how long it ran."""
        world, work = self.world, running.work
        del world.running[work.uid]
        give(world.free, running.nodes, worker_vector(shape_of(work.gpus, self.each)[1]))
        self.gpus -= work.gpus
        return running.run_seconds + world.now - running.started

    def _ended(self, running: Running) -> None:
        record = self.world.records[running.work.uid]
        record.ended = self.world.now
        ran = self._release(running)
        work = running.work
        self.arm.ended(record, ran, work.planned is None or work.planned <= work.seconds)

    def _failed(self, running: Running) -> None:
        now = self.world.now
        reached = running.position(now)
        kept = running.saved(reached)
        lost = reached - kept + START_SECONDS
        self.world.records[running.work.uid].wasted += running.work.gpus * lost
        ran = self._release(running)
        self.back[running.work.uid, running.attempts] = Waiting(
            running.work, now, kept, running.attempts, ran, running.failures + 1
        )
        self._later(now + RETRY_SECONDS, Kind.COMES, running)

    def _left(self, running: Running) -> None:
        """It was preempted: what it has not saved is lost."""
        now, work = self.world.now, running.work
        asked = now - LEAVE_SECONDS
        reached = min(running.position(asked), work.seconds)
        kept = reached if work.saves_when_asked else running.saved(reached)
        record = self.world.records[work.uid]
        lost = work.gpus * (reached - kept + START_SECONDS + LEAVE_SECONDS)
        record.wasted += lost
        record.wasted_by_preemption += lost
        record.preemptions += 1
        ran = self._release(running)
        self.world.waiting[work.uid] = Waiting(
            work, now, kept, running.attempts, ran, running.failures
        )

    def _note_busy(self) -> None:
        busy = self.world.busy
        if not busy or busy[-1][1] != self.gpus:
            busy.append((self.world.now, self.gpus))
