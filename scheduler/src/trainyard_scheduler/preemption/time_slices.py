"""Turns of the sessions of a queue with ShortestRemainingTime, and its order.

Shortest remaining time first lowers the mean wait most where lengths are known (Schrage, "A Proof
of the Optimality of the Shortest Remaining Processing Time Discipline", 1968). Here they are only
expected, a change of turn costs a start, and no session may starve. So:

- an attempt keeps its resources for the queue's time slice;
- it yields only right after a checkpoint, so that next to nothing is done again;
- it yields only to a session that is expected to need at most half of its remaining time, and
  that stays ahead of it in the queue afterwards;
- in the queue, the time that a session has run does not count as waiting, and its expected
  remaining time counts for three days at most.
"""

from __future__ import annotations

from functools import cached_property
from typing import Final

from trainyard_scheduler.clocks import past
from trainyard_scheduler.durations.history import RunHistory
from trainyard_scheduler.durations.lengths import Classes, Lengths
from trainyard_scheduler.facts import Allocation, Request
from trainyard_scheduler.snapshot import Snapshot

MOST_BEHIND_SECONDS: Final = 3 * 86_400.0
"""By so much at most a session counts as having come later: how long shorter ones may pass it."""
CHECKPOINT_FRESH_SECONDS: Final = 120.0
"""So long after a checkpoint an attempt may yield."""
WORTH: Final = 2.0
"""Its remaining time must be so many times what the other one needs."""


def behind_seconds(request: Request, history: RunHistory) -> float:
    """By how much a session counts as having come later, in seconds.

    That is the time that it has run and its expected remaining time: by its own progress; else the
    median of sessions like it that ended before it was queued and ran longer than it has; else its
    limit. So its place does not change while it waits. The remaining time counts for at most three
    days, also where nothing is known.
    """
    lengths, ran = Lengths(history, before=request.queued), request.ran_seconds
    known, limit = request.expected_seconds, request.limit_seconds
    return ran + _counted(_expected(known, lengths, request.classes, ran, limit))


def _expected(
    known: float | None, lengths: Lengths, classes: Classes, ran: float, limit: float | None
) -> float | None:
    """The expected remaining time in seconds: `known`, else the median's, else `limit`.

    At its goal, or past it, a program may still evaluate: zero says nothing.
    """
    if known:
        return known
    length = lengths.longest(classes, ran, 0.5)
    return limit if length is None else length - ran


def _counted(remaining: float | None) -> float:
    return (
        MOST_BEHIND_SECONDS if remaining is None else min(MOST_BEHIND_SECONDS, max(0.0, remaining))
    )


class TimeSlices:
    """Whose time slice is over at one moment. Computed when it is first asked for."""

    def __init__(self, snapshot: Snapshot, now: float) -> None:
        """`now` is in seconds since the epoch."""
        self._snapshot, self._now = snapshot, now
        self._needs: dict[str, float | None] = {}

    def yields_to(self, allocation: Allocation, request: Request) -> bool:
        """Whether `allocation` may be preempted so that `request` has its turn."""
        if (
            allocation.queue != request.queue
            or allocation.priority > request.priority
            or not self._is_over(allocation)
        ):
            return False
        remaining, needed = self._remaining[allocation.uid], self._needed(request)
        if remaining is None or needed is None or not 0 < WORTH * needed <= remaining:
            return False
        return self.is_ahead(request, allocation)

    def is_ahead(self, request: Request, allocation: Allocation) -> bool:
        """Whether `request` is ahead of `allocation` in their queue, if both waited there now."""
        if self._turn(request.queue) is None:
            return request.queued < allocation.queued
        behind = allocation.run_seconds(self._now) + _counted(self._remaining[allocation.uid])
        return request.queued + request.behind_seconds < allocation.queued + behind

    def _turn(self, queue: str) -> float | None:
        rules = self._snapshot.queues.get(queue)
        return None if rules is None else rules.time_slice_seconds

    def _is_over(self, allocation: Allocation) -> bool:
        turn, started = self._turn(allocation.queue), past(allocation.started, self._now)
        checkpoint = past(allocation.checkpoint, self._now)
        return (
            turn is not None
            and not allocation.leaving
            and started is not None
            and checkpoint is not None
            and self._now - started >= turn
            and self._now - checkpoint <= CHECKPOINT_FRESH_SECONDS
        )

    @cached_property
    def _lengths(self) -> Lengths:
        return self._snapshot.lengths(self._now)

    @cached_property
    def _remaining(self) -> dict[str, float | None]:
        """The expected remaining time of each allocation in seconds, by UID; None if unknown."""
        return {a.uid: self._remaining_of(a) for a in self._snapshot.allocations}

    def _remaining_of(self, allocation: Allocation) -> float | None:
        limit = None if allocation.limit is None else allocation.limit - self._now
        ran, known = allocation.run_seconds(self._now), allocation.eta_seconds
        return _expected(known, self._lengths, allocation.classes, ran, limit)

    def _needed(self, request: Request) -> float | None:
        """The expected time that a session needs, in seconds; None if unknown."""
        if request.uid not in self._needs:
            self._needs[request.uid] = self._needed_by(request)
        return self._needs[request.uid]

    def _needed_by(self, request: Request) -> float | None:
        known, ran = self._snapshot.expected_seconds(request), request.ran_seconds
        return _expected(known, self._lengths, request.classes, ran, request.limit_seconds)
