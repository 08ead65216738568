"""Turns of the sessions of a queue with ShortestRemainingTime, and its order.

Shortest remaining time first lowers the mean wait most where lengths are known (Schrage, "A Proof
of the Optimality of the Shortest Remaining Processing Time Discipline", 1968). Here they are only
expected, a change of turn costs a start, and no session may starve. So:

- an attempt keeps its resources for the queue's time slice;
- it yields only right after a checkpoint, so that next to nothing is done again;
- it yields only to a session that is expected to need at most half of its remaining time;
- in the queue, the expected remaining time counts for three days at most.
"""

from __future__ import annotations

from functools import cached_property
from typing import Final

from trainyard_scheduler.clocks import past
from trainyard_scheduler.durations.history import RunHistory
from trainyard_scheduler.durations.lengths import Lengths
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

    That is its expected remaining time: by its own progress; else the median of sessions like it
    that ended before it was queued and ran longer than it has; else its limit. So its place does
    not change while it waits. At most three days, also where nothing is known.
    """
    expected, ran = request.expected_seconds, request.ran_seconds
    if expected is None:
        length = Lengths(history, before=request.queued).longest(request.classes, ran, 0.5)
        expected = request.limit_seconds if length is None else length - ran
    return MOST_BEHIND_SECONDS if expected is None else min(MOST_BEHIND_SECONDS, max(0.0, expected))


class TimeSlices:
    """Whose time slice is over at one moment. Computed when it is first asked for."""

    def __init__(self, snapshot: Snapshot, now: float) -> None:
        """`now` is in seconds since the epoch."""
        self._snapshot, self._now = snapshot, now

    def yields_to(self, allocation: Allocation, request: Request) -> bool:
        """Whether `allocation` may be preempted so that `request` has its turn."""
        if (
            allocation.queue != request.queue
            or allocation.priority > request.priority
            or self._snapshot.queues[request.queue].time_slice_seconds is None
        ):
            return False
        remaining = self._over.get(allocation.uid)
        needed = self._needed(request) if remaining is not None else None
        return remaining is not None and needed is not None and remaining >= WORTH * needed

    @cached_property
    def _lengths(self) -> Lengths:
        return self._snapshot.lengths(self._now)

    @cached_property
    def _over(self) -> dict[str, float]:
        """The expected remaining times of attempts that may yield now, by UID."""
        found = {}
        for allocation in self._snapshot.allocations:
            remaining = self._remaining(allocation) if self._is_over(allocation) else None
            if remaining is not None:
                found[allocation.uid] = remaining
        return found

    def _is_over(self, allocation: Allocation) -> bool:
        rules = self._snapshot.queues.get(allocation.queue)
        started = past(allocation.started, self._now)
        checkpoint = past(allocation.checkpoint, self._now)
        return (
            rules is not None
            and rules.time_slice_seconds is not None
            and not allocation.leaving
            and started is not None
            and checkpoint is not None
            and self._now - started >= rules.time_slice_seconds
            and self._now - checkpoint <= CHECKPOINT_FRESH_SECONDS
        )

    def _remaining(self, allocation: Allocation) -> float | None:
        if allocation.eta_seconds is not None:
            return allocation.eta_seconds
        ran = allocation.run_seconds(self._now)
        length = self._lengths.longest(allocation.classes, ran, 0.5)
        if length is not None:
            return length - ran
        return None if allocation.limit is None else allocation.limit - self._now

    def _needed(self, request: Request) -> float | None:
        expected = self._snapshot.expected_seconds(request)
        if expected is not None:
            return expected
        length = self._lengths.longest(request.classes, request.ran_seconds, 0.5)
        return request.limit_seconds if length is None else length - request.ran_seconds
