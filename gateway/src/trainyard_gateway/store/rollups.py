"""Summaries of consecutive points, so that a chart of a million points reads as fast as one of a thousand.

Level 0 sums up 16 points, each further level two rows of the one below. A row keeps the lowest and the highest number and the first value
that is no number, with their steps and times: no spike is lost at any zoom. Only full rows are written; what is newer is read from the
levels below, in the end from the points themselves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Connection, bindparam, delete, func, insert, select

from trainyard_gateway.store.tables import metrics, rollups

POINTS = 16
"""Points in a row of level 0."""
ROWS = 2
"""Rows of one level in a row of the next."""
MAX_LEVEL = 40
WRITE_EVERY = 256
"""Rows are written when a series has grown by so many points: that takes about six statements, however few rows they write."""
_READ_AT_ONCE = 16_384

# Made once: to build and to look up a statement costs more than to run it, and these run for every level of every group of reports.
_SERIES: BindParameter[int] = bindparam("series")
_LEVEL: BindParameter[int] = bindparam("level")
_AFTER: BindParameter[int] = bindparam("after")
_UNTIL: BindParameter[int] = bindparam("until")
_POINTS = (
    select(metrics.c.step, metrics.c.time, metrics.c.value)
    .where(metrics.c.series_id == _SERIES, metrics.c.step > _AFTER)
    .order_by(metrics.c.step)
    .limit(_READ_AT_ONCE)
)
_ROWS = (
    select(rollups)
    .where(rollups.c.series_id == _SERIES, rollups.c.level == _LEVEL, rollups.c.first_step > _AFTER)
    .order_by(rollups.c.first_step)
)
_ROWS_UNTIL = _ROWS.where(rollups.c.first_step <= _UNTIL)
_LAST_STEP = (
    select(rollups.c.last_step)
    .where(rollups.c.series_id == _SERIES, rollups.c.level == _LEVEL)
    .order_by(rollups.c.first_step.desc())
    .limit(1)
)
_INSERT = insert(rollups)


class Extreme(NamedTuple):
    """A point worth keeping."""

    step: int
    time: int
    value: float | None
    """None is NaN."""


class Summary(NamedTuple):
    """A stretch of a series."""

    first_step: int
    last_step: int
    low: Extreme | None
    high: Extreme | None
    odd: Extreme | None
    """The first value that is NaN or infinite."""


def points_in(level: int) -> int:
    """How many points a row of `level` sums up."""
    return int(POINTS * ROWS**level)


def of_points(points: Sequence[tuple[int, int, float | None]]) -> Summary:
    """The summary of (step, time, value) triples in order. Pure."""
    numbers = [p for p in points if p[2] is not None and math.isfinite(p[2])]
    odd = next((p for p in points if p[2] is None or not math.isfinite(p[2])), None)
    low = min(numbers, key=_value) if numbers else None
    high = max(numbers, key=_value) if numbers else None
    return Summary(
        points[0][0],
        points[-1][0],
        Extreme(*low) if low else None,
        Extreme(*high) if high else None,
        Extreme(*odd) if odd else None,
    )


def merged(parts: Sequence[Summary]) -> Summary:
    """The summary of neighbouring stretches in order. Pure."""
    lows = [p.low for p in parts if p.low is not None]
    highs = [p.high for p in parts if p.high is not None]
    return Summary(
        parts[0].first_step,
        parts[-1].last_step,
        min(lows, key=_value) if lows else None,
        max(highs, key=_value) if highs else None,
        next((p.odd for p in parts if p.odd is not None), None),
    )


def crosses(before: int, after: int) -> bool:
    """Whether a series that grew from `before` to `after` points is to have its new full rows written."""
    return before // WRITE_EVERY != after // WRITE_EVERY


def drop(connection: Connection, series_id: int, step: int) -> None:
    """Forget what sums up points from `step` on."""
    connection.execute(
        delete(rollups).where(rollups.c.series_id == series_id, rollups.c.last_step >= step)
    )


def extend(connection: Connection, series_id: int) -> None:
    """Write every full row that is missing, from the points up."""
    while True:
        after = _last_step(connection, series_id, 0)
        points = _points_after(connection, series_id, after)
        full = len(points) // POINTS * POINTS
        rows = [of_points(points[i : i + POINTS]) for i in range(0, full, POINTS)]
        _insert(connection, series_id, 0, rows)
        if len(points) < _READ_AT_ONCE:
            break
    for level in range(1, MAX_LEVEL):
        below = rows_after(
            connection, series_id, level - 1, _last_step(connection, series_id, level)
        )
        full = len(below) // ROWS * ROWS
        if full == 0:
            return
        _insert(
            connection,
            series_id,
            level,
            [merged(below[i : i + ROWS]) for i in range(0, full, ROWS)],
        )


def rows_after(
    connection: Connection, series_id: int, level: int, step: int, until: int | None = None
) -> list[Summary]:
    """Rows of a level that begin after `step` (and not after `until`), in order."""
    given = {"series": series_id, "level": level, "after": step}
    if until is None:
        return [_summary(r) for r in connection.execute(_ROWS, given)]
    return [_summary(r) for r in connection.execute(_ROWS_UNTIL, {**given, "until": until})]


def _points_after(
    connection: Connection, series_id: int, step: int
) -> list[tuple[int, int, float | None]]:
    found = connection.execute(_POINTS, {"series": series_id, "after": step})
    return [tuple(r) for r in found]


def _last_step(connection: Connection, series_id: int, level: int) -> int:
    found = connection.execute(_LAST_STEP, {"series": series_id, "level": level}).scalar()
    return -1 if found is None else int(found)


def _insert(connection: Connection, series_id: int, level: int, rows: list[Summary]) -> None:
    if rows:
        connection.execute(_INSERT, [_row(series_id, level, r) for r in rows])


def _row(series_id: int, level: int, summary: Summary) -> dict[str, Any]:
    row: dict[str, Any] = {
        "series_id": series_id,
        "level": level,
        "first_step": summary.first_step,
        "last_step": summary.last_step,
    }
    for name, point in (("low", summary.low), ("high", summary.high), ("odd", summary.odd)):
        step, time, value = point if point is not None else (None, None, None)
        row |= {f"{name}_step": step, f"{name}_time": time, f"{name}_value": value}
    return row


def _summary(row: Any) -> Summary:
    # By place: this runs for every bucket of every chart.
    _, _, first, last, ls, lt, lv, hs, ht, hv, os, ot, ov = row
    return Summary(
        first,
        last,
        None if ls is None else Extreme(ls, lt, lv),
        None if hs is None else Extreme(hs, ht, hv),
        None if os is None else Extreme(os, ot, ov),
    )


def _value(point: Any) -> float:
    found: float = point[2]
    return found


def count_points(connection: Connection, series_id: int) -> int:
    """Points that there are, counted."""
    query = select(func.count()).select_from(metrics).where(metrics.c.series_id == series_id)
    return int(connection.execute(query).scalar_one())
