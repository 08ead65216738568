"""Summaries of consecutive points, so that a chart of a million points reads as fast as one of a thousand.

Level 0 sums up 16 points, each further level two rows of the one below. A row keeps the lowest and the highest number and the first value
that is no number, with their steps and times: no spike is lost at any zoom. Only full rows are written; what is newer is read from the
levels below, in the end from the points themselves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from trainyard_gateway.store.prepared import Prepared
from trainyard_gateway.store.tables import metrics, rollups

POINTS = 16
"""Points in a row of level 0."""
ROWS = 2
"""Rows of one level in a row of the next."""
WRITE_EVERY = 256
"""Rows are written for so many points at once: that takes about four statements, however few rows they write."""
_READ_AT_ONCE = 16_384

_ROW = [c.name for c in rollups.columns]
_POINTS = Prepared(
    select(metrics.c.step, metrics.c.time, metrics.c.value)
    .where(metrics.c.series_id == bindparam("series"), metrics.c.step > bindparam("after"))
    .order_by(metrics.c.step)
    .limit(_READ_AT_ONCE),
    ["series", "after"],
)
_OF_LEVEL = select(rollups).where(
    rollups.c.series_id == bindparam("series"), rollups.c.level == bindparam("level")
)
_ROWS = Prepared(
    _OF_LEVEL.where(
        rollups.c.first_step > bindparam("after"), rollups.c.first_step <= bindparam("until")
    ).order_by(rollups.c.first_step),
    ["series", "level", "after", "until"],
)
_NEWEST = Prepared(_OF_LEVEL.order_by(rollups.c.first_step.desc()).limit(1), ["series", "level"])
_INSERT = Prepared(insert(rollups), _ROW)


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
    values = [p[2] for p in points]
    if None not in values:
        lowest, highest = min(values), max(values)  # type: ignore[type-var]  # there is no None
        if math.isfinite(lowest) and math.isfinite(highest):  # type: ignore[arg-type]  # there is no None
            low, high = points[values.index(lowest)], points[values.index(highest)]
            return Summary(points[0][0], points[-1][0], Extreme(*low), Extreme(*high), None)
    numbers = [p for p in points if p[2] is not None and math.isfinite(p[2])]
    odd = next(p for p in points if p[2] is None or not math.isfinite(p[2]))
    return Summary(
        points[0][0],
        points[-1][0],
        Extreme(*min(numbers, key=_value)) if numbers else None,
        Extreme(*max(numbers, key=_value)) if numbers else None,
        Extreme(*odd),
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


def extend(connection: Connection, series_id: int, total: int) -> None:
    """Write the missing rows of all full stretches of WRITE_EVERY points, from the points up. `total`: points of the series."""
    while True:
        newest = _NEWEST.rows(connection, series_id, 0)
        points = _POINTS.rows(connection, series_id, newest[0].last_step if newest else -1)
        there, rest = divmod(total - len(points), POINTS)
        if rest or len(points) == _READ_AT_ONCE:
            there = _count_rows(connection, series_id)
        full = min(total // WRITE_EVERY * WRITE_EVERY - there * POINTS, len(points))
        rows = [
            of_points(points[i : i + POINTS]) for i in range(0, full // POINTS * POINTS, POINTS)
        ]
        _write(connection, series_id, there, rows)
        if len(points) < _READ_AT_ONCE or not rows:
            return


def _write(connection: Connection, series_id: int, there: int, rows: list[Summary]) -> None:
    """Add rows of level 0 to the `there` that exist, and those of the levels above that become full."""
    written: list[tuple[Any, ...]] = []
    level = 0
    while rows:
        written += [_row(series_id, level, r) for r in rows]
        # Each level has half as many rows as the one below: where that number is odd the last one waits for its twin.
        if there % ROWS:
            rows = [_summary(_NEWEST.rows(connection, series_id, level)[0]), *rows]
        rows = [merged(rows[i : i + ROWS]) for i in range(0, len(rows) // ROWS * ROWS, ROWS)]
        there //= ROWS
        level += 1
    _INSERT.many(connection, written)


def rows_after(
    connection: Connection, series_id: int, level: int, step: int, until: int
) -> Sequence[Any]:
    """Rows of a level that begin after `step` and not after `until`, in order; as they lie in the table."""
    return _ROWS.rows(connection, series_id, level, step, until)


def _row(series_id: int, level: int, summary: Summary) -> tuple[Any, ...]:
    first, last, low, high, odd = summary
    return (
        series_id, level, first, last, *(low or _NOTHING), *(high or _NOTHING), *(odd or _NOTHING),
    )  # fmt: skip


_NOTHING = (None, None, None)


def _summary(row: Any) -> Summary:
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


def _count_rows(connection: Connection, series_id: int) -> int:
    query = select(func.count()).where(rollups.c.series_id == series_id, rollups.c.level == 0)
    return int(connection.execute(query).scalar_one())
