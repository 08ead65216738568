"""Periods of budgets, by the calendar in UTC. Pure.

Times are seconds since the epoch. A period includes its start and not its end.
"""

from __future__ import annotations

import math
from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from trainyard_api.phase import TextEnum
from trainyard_api.timestamps import LATEST_SECONDS


class Period(TextEnum):
    """After what time a budget is there again in full."""

    DAY = "day"
    WEEK = "week"
    """From Monday."""
    MONTH = "month"
    TOTAL = "total"
    """It never renews."""


class Span(NamedTuple):
    """From `start` to before `end`."""

    start: float
    end: float
    """Infinity: it does not end."""


def period_at(period: Period, time: float) -> Span:
    """The period in which a time lies. Times outside 1970 to 9999 count as the nearest inside."""
    if period == Period.TOTAL:
        return Span(0.0, math.inf)
    at = datetime.fromtimestamp(min(max(time, 0.0), LATEST_SECONDS), UTC)
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    start, days = _begin(period, day)
    try:
        end = (start + timedelta(days=days)).timestamp()
    except OverflowError:
        end = math.inf
    return Span(max(0.0, start.timestamp()), end)


def _begin(period: Period, day: datetime) -> tuple[datetime, int]:
    """The first day of the period of a day, and how many days it has."""
    if period == Period.DAY:
        return day, 1
    if period == Period.WEEK:
        return day - timedelta(days=day.weekday()), 7
    return day.replace(day=1), monthrange(day.year, day.month)[1]
