"""How much waits to be sorted in, and when that is to happen. Times are seconds of a clock that never goes back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from trainyard_api.report import Batch

SETTLE_SECONDS = 0.5
"""How long a batch waits for others at most."""
SETTLE_POINTS = 40_000
"""Points for which nothing more is waited for."""
RETRY_SECONDS = 1.0
"""How long to wait after it was not possible."""


@dataclass(slots=True)
class Backlog:
    """What one process has taken in since it last sorted in."""

    since: float | None = None
    """When the first came; None when nothing waits."""
    points: int = 0
    not_before: float = 0.0
    """It was not possible; try no earlier."""

    def add(self, points: int, now: float) -> None:
        """Batches with so many points have come."""
        self.since = now if self.since is None else self.since
        self.points += points

    def due_in(self, now: float) -> float | None:
        """Seconds until it is to be sorted in; None when nothing waits."""
        if self.since is None:
            return None
        due = now if self.points >= SETTLE_POINTS else self.since + SETTLE_SECONDS
        return max(0.0, max(due, self.not_before) - now)

    def may_try(self, now: float) -> bool:
        """Whether something waits that may be sorted in at once."""
        return self.since is not None and now >= self.not_before

    def failed(self, now: float) -> None:
        """It was not possible."""
        self.not_before = now + RETRY_SECONDS

    def clear(self) -> None:
        """Everything is sorted in."""
        self.since, self.points, self.not_before = None, 0, 0.0


def points(group: Iterable[Batch]) -> int:
    """How many points batches have."""
    return sum(len(row.values) for batch in group for row in batch.metrics)
