"""Summaries of consecutive points of a series. Pure.

A summary keeps the lowest and the highest finite value and the first value that is NaN or infinite.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple


class SummaryPoint(NamedTuple):
    """A point that a summary keeps."""

    step: int
    time: int
    """Microseconds since the epoch."""
    value: float | None
    """None is NaN."""


class Summary(NamedTuple):
    """Consecutive points of a series, from `first_step` to `last_step`."""

    first_step: int
    last_step: int
    low: SummaryPoint | None
    """The lowest finite value; None if no value is finite."""
    high: SummaryPoint | None
    non_finite: SummaryPoint | None
    """The first value that is NaN or infinite."""


def summarize(points: Sequence[tuple[int, int, float | None]]) -> Summary:
    """The summary of points (step, time, value) in order of steps; at least one."""
    values = [p[2] for p in points]
    if None not in values:
        lowest, highest = min(values), max(values)  # type: ignore[type-var]  # None is excluded
        if math.isfinite(lowest) and math.isfinite(highest):  # type: ignore[arg-type]  # as above
            low, high = points[values.index(lowest)], points[values.index(highest)]
            return Summary(
                points[0][0], points[-1][0], SummaryPoint(*low), SummaryPoint(*high), None
            )
    finite = [p for p in points if p[2] is not None and math.isfinite(p[2])]
    non_finite = next(p for p in points if p[2] is None or not math.isfinite(p[2]))
    return Summary(
        points[0][0],
        points[-1][0],
        SummaryPoint(*min(finite, key=_value)) if finite else None,
        SummaryPoint(*max(finite, key=_value)) if finite else None,
        SummaryPoint(*non_finite),
    )


def merge(parts: Sequence[Summary]) -> Summary:
    """One summary of neighbouring summaries in order of steps; at least one."""
    lows = [p.low for p in parts if p.low is not None]
    highs = [p.high for p in parts if p.high is not None]
    return Summary(
        parts[0].first_step,
        parts[-1].last_step,
        min(lows, key=_value) if lows else None,
        max(highs, key=_value) if highs else None,
        next((p.non_finite for p in parts if p.non_finite is not None), None),
    )


def _value(point: Any) -> float:
    found: float = point[2]
    return found
