"""How much waits in the inbox, and when it is due to be applied.

Times are in seconds of a monotonic clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from trainyard_api.report import Batch

MAX_DELAY_SECONDS = 0.5
"""Longest time that a batch waits for more batches before the inbox is applied."""
MAX_POINTS = 40_000
"""Number of points at which the inbox is applied without waiting for more."""
LINE_POINTS = 4
"""A log line takes as much memory as so many points, and its text adds to that."""
POINT_CHARACTERS = 100
"""Characters that take as much memory as a point."""
RETRY_SECONDS = 1.0
"""Time until the next try after applying the inbox failed."""


@dataclass(slots=True)
class Backlog:
    """What this process has accepted since it last applied the inbox."""

    since: float | None = None
    """When the first batch was accepted; None if there is none."""
    points: int = 0
    """Number of metric values, and what log lines take; see `weight`."""
    not_before: float = 0.0
    """Earliest time of the next try after a failure."""

    def add(self, points: int, now: float) -> None:
        """Count accepted batches that weigh `points` points in all."""
        self.since = now if self.since is None else self.since
        self.points += points

    def due_in(self, now: float) -> float | None:
        """Seconds until the inbox is due to be applied; None if the backlog is empty."""
        if self.since is None:
            return None
        due = now if self.points >= MAX_POINTS else self.since + MAX_DELAY_SECONDS
        return max(0.0, max(due, self.not_before) - now)

    def may_try(self, now: float) -> bool:
        """Whether the backlog holds something and no failure is more recent than RETRY_SECONDS."""
        return self.since is not None and now >= self.not_before

    def failed(self, now: float) -> None:
        """Applying the inbox failed: wait for RETRY_SECONDS."""
        self.not_before = now + RETRY_SECONDS

    def clear(self) -> None:
        """The inbox was applied."""
        self.since, self.points, self.not_before = None, 0, 0.0


def count_points(batches: Iterable[Batch]) -> int:
    """The number of metric values in the batches."""
    return sum(
        sum(len(row.values) for row in batch.metrics) + sum(len(r.metrics) for r in batch.runs)
        for batch in batches
    )


def weight(batches: Iterable[Batch]) -> int:
    """What the batches take in memory until they are applied, in points."""
    return sum(count_points([batch]) + _of_lines(batch) + _of_runs(batch) for batch in batches)


def _of_runs(batch: Batch) -> int:
    records = sum(len(r.params) + len(r.tags) + len(r.inputs) for r in batch.runs)
    return LINE_POINTS * (len(batch.runs) + records)


def _of_lines(batch: Batch) -> int:
    characters = sum(len(line.message) for line in batch.logs)
    return LINE_POINTS * len(batch.logs) + characters // POINT_CHARACTERS
