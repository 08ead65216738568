"""What a forecast assumes of how long sessions run: as short, or as long, as is likely."""

from __future__ import annotations

import math
from typing import Protocol

from trainyard_scheduler.durations.lengths import MISS, Lengths
from trainyard_scheduler.facts import Allocation, Request
from trainyard_scheduler.snapshot import Snapshot


class Assumption(Protocol):
    """When sessions end. Infinity is unknown."""

    def end(self, allocation: Allocation) -> float:
        """When an allocation ends, in seconds since the epoch."""

    def length(self, request: Request) -> float:
        """How many seconds a session runs once it starts."""


class Soonest:
    """Sessions end as their step rates say, or as soon as sessions like them may.

    Among many sessions some end early. So the one that ends j-th of n is given an end that it
    precedes with a chance of j × `MISS` ÷ n: by Simes' inequality ("An Improved Bonferroni
    Procedure", 1986) the chance is `MISS` that any of n like sessions that do not depend on each
    other ends before that. A session that is still to start may be the first to end. In a queue
    with ShortestRemainingTime a session may also yield once its time slice is over.
    """

    def __init__(self, snapshot: Snapshot, lengths: Lengths, now: float) -> None:
        """`now` is in seconds since the epoch."""
        self._snapshot, self._lengths, self._now = snapshot, lengths, now
        running = [a for a in snapshot.allocations if not a.leaving]
        running.sort(key=lambda a: (self._end(a, MISS), a.uid))
        self._first = MISS / max(1, len(running))
        self._miss = {a.uid: self._first * j for j, a in enumerate(running, 1)}

    def end(self, allocation: Allocation) -> float:
        """The earlier of the end by its step rate and the soonest that is likely."""
        if allocation.leaving:
            return self._now
        end = self._end(allocation, self._miss[allocation.uid])
        started = self._now if allocation.started is None else allocation.started
        over = started + self._turn(allocation.queue)
        if over <= self._now and allocation.checkpoint is None:
            return end  # It saves none, so it yields to no one.
        return min(end, max(self._now, over))

    def _turn(self, queue: str) -> float:
        """The time slice of a queue in seconds; infinity where no session yields."""
        rules = self._snapshot.queues.get(queue)
        if rules is None or rules.time_slice_seconds is None:
            return math.inf
        # A fixed quota is judged first: no session yields for another that it keeps back.
        return (
            math.inf
            if rules.gpu_quota is not None and not rules.borrow
            else rules.time_slice_seconds
        )

    def _end(self, allocation: Allocation, miss: float) -> float:
        ran = allocation.run_seconds(self._now)
        shortest = self._lengths.shortest(allocation.classes, ran, miss)
        left = math.inf if shortest is None else shortest - ran
        eta = math.inf if allocation.eta_seconds is None else allocation.eta_seconds
        return self._now + min(eta, left)

    def length(self, request: Request) -> float:
        """The shorter of what is expected of it and the shortest that is likely."""
        expected = self._snapshot.expected_seconds(request)
        shortest = self._lengths.shortest(request.classes, request.ran_seconds, self._first)
        left = math.inf if shortest is None else shortest - request.ran_seconds
        known = math.inf if expected is None else expected
        return min(known, left, self._turn(request.queue))


class Longest:
    """Sessions run until their limits, or as long as sessions like them are likely to."""

    def __init__(self, snapshot: Snapshot, lengths: Lengths, now: float) -> None:
        """`now` is in seconds since the epoch."""
        self._grace, self._lengths, self._now = snapshot.policy.grace_seconds, lengths, now

    def end(self, allocation: Allocation) -> float:
        """The earlier of its limit and the latest that is likely."""
        if allocation.leaving:
            return self._now + self._grace
        limit = math.inf if allocation.limit is None else max(self._now, allocation.limit)
        ran = allocation.run_seconds(self._now)
        longest = self._lengths.longest(allocation.classes, ran)
        return limit if longest is None else min(limit, self._now + longest - ran)

    def length(self, request: Request) -> float:
        """The shorter of its limit and the longest that is likely."""
        limit = math.inf if request.limit_seconds is None else request.limit_seconds
        longest = self._lengths.longest(request.classes, request.ran_seconds)
        return limit if longest is None else min(limit, longest - request.ran_seconds)
