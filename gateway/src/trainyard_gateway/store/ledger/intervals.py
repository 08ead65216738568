"""Intervals of time: cut to a window, split at the ends of months in UTC. Pure.

Times are microseconds since the epoch; an interval includes its start and not its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DECEMBER = 12


class Interval(NamedTuple):
    """From `start` to before `end`; empty unless `start` is before `end`."""

    start: int
    end: int

    @property
    def micros(self) -> int:
        """Its length, 0 if it is empty."""
        return max(0, self.end - self.start)

    def within(self, other: Interval) -> Interval:
        """The part of it that lies in the other one."""
        return Interval(max(self.start, other.start), min(self.end, other.end))


def month_of(time: int) -> str:
    """The month of a time in UTC, such as 2026-11. Raises OverflowError after the year 9999."""
    return f"{_at(time):%Y-%m}".rjust(7, "0")


def first_of_month(time: int) -> int:
    """The beginning of the month of a time, in UTC."""
    at = _at(time)
    return (datetime(at.year, at.month, 1, tzinfo=UTC) - _EPOCH).days * 86_400_000_000


def by_month(interval: Interval) -> Iterator[tuple[str, Interval]]:
    """The parts of an interval with their months, oldest first; none of an empty one."""
    start = interval.start
    while start < interval.end:
        end = min(_next_month(start), interval.end)
        yield month_of(start), Interval(start, end)
        start = end


def _next_month(time: int) -> int:
    at = _at(time)
    year, month = (at.year + 1, 1) if at.month == _DECEMBER else (at.year, at.month + 1)
    since = datetime(year, month, 1, tzinfo=UTC) - _EPOCH
    return since.days * 86_400_000_000


def _at(time: int) -> datetime:
    return datetime.fromtimestamp(time // 1_000_000, UTC)
