"""Summaries of consecutive points, so that a chart of a million points reads as fast as one of a thousand.

Level 0 sums up 16 points, each further level two rows of the one below. A row keeps the lowest and the highest number and the first value
that is no number, with their steps and times: no spike is lost at any zoom. Only full rows are written; what is newer is read from the
levels below, in the end from the points themselves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, bindparam, delete, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from trainyard_gateway.store.schema.tables import metrics, rollups
from trainyard_gateway.store.sql.bulk_insert import Append
from trainyard_gateway.store.sql.statements import Prepared

POINTS = 16
"""Points in a row of level 0."""
ROWS = 2
"""Rows of one level in a row of the next."""
WRITE_EVERY = 256
"""Rows are written for so many points at once: that takes about three statements, however few rows they write."""
_READ_AT_ONCE = 16_384
_SERIES_AT_ONCE = 500

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
_NUMBERS = ARRAY(BigInteger)
_POINTS_OF_SEVERAL = text(
    "SELECT given.id, found.step, found.time, found.value FROM unnest(:series) AS given (id)"
    " CROSS JOIN LATERAL (SELECT coalesce((SELECT last_step FROM rollups WHERE series_id = given.id AND level = 0"
    " ORDER BY first_step DESC LIMIT 1), -1) AS step) AS done"
    " CROSS JOIN LATERAL (SELECT step, time, value FROM metrics WHERE series_id = given.id AND step > done.step"
    " ORDER BY step LIMIT :most) AS found"
).bindparams(bindparam("series", type_=_NUMBERS))
_NEWEST_OF_SEVERAL = text(
    "SELECT found.* FROM unnest(:series, :levels) AS given (id, level)"
    " CROSS JOIN LATERAL (SELECT * FROM rollups WHERE series_id = given.id AND level = given.level"
    " ORDER BY first_step DESC LIMIT 1) AS found"
).bindparams(bindparam("series", type_=_NUMBERS), bindparam("levels", type_=_NUMBERS))


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


def extend(connection: Connection, grown: Sequence[tuple[int, int]], append: Append) -> None:
    """Write the missing rows of all full stretches of WRITE_EVERY points. `grown`: series, and how many points each has."""
    for start in range(0, len(grown), _SERIES_AT_ONCE):
        left = list(grown[start : start + _SERIES_AT_ONCE])
        while left:
            left = _extend(connection, left, append)


def _extend(
    connection: Connection, grown: Sequence[tuple[int, int]], append: Append
) -> list[tuple[int, int]]:
    """Those that have more points than are read at once are left."""
    points = _points_without_rows(connection, [series for series, _ in grown])
    new: list[tuple[int, int, list[Summary]]] = []
    left = []
    for series, total in grown:
        found = points[series]
        there, rest = divmod(total - len(found), POINTS)
        if rest or len(found) == _READ_AT_ONCE:
            there = _count_rows(connection, series)
        full = min(total // WRITE_EVERY * WRITE_EVERY - there * POINTS, len(found))
        rows = [of_points(found[i : i + POINTS]) for i in range(0, full // POINTS * POINTS, POINTS)]
        if rows:
            new.append((series, there, rows))
            if len(found) == _READ_AT_ONCE:
                left.append((series, total))
    wanted = [(series, n) for series, there, rows in new for n in twinless(there, len(rows))]
    newest = _newest_rows(connection, wanted)
    written = [row for series, there, rows in new for row in _rows(series, there, rows, newest)]
    append(connection, rollups, _ROW, written)
    return left


def twinless(there: int, count: int) -> list[int]:
    """The levels whose last row has waited for its twin, when `count` rows of level 0 come after the `there` that exist. Pure."""
    found, level = [], 0
    while count:
        # Each level has half as many rows as the one below: where that number is odd the last one waits.
        odd = there % ROWS
        if odd:
            found.append(level)
        count = (count + odd) // ROWS
        there //= ROWS
        level += 1
    return found


def _rows(
    series: int, there: int, rows: list[Summary], newest: Mapping[tuple[int, int], Summary]
) -> list[tuple[Any, ...]]:
    """Rows of level 0 that come after the `there` that exist, and those of the levels above that become full."""
    written: list[tuple[Any, ...]] = []
    level = 0
    while rows:
        written += [_row(series, level, r) for r in rows]
        if there % ROWS:
            rows = [newest[series, level], *rows]
        rows = [merged(rows[i : i + ROWS]) for i in range(0, len(rows) // ROWS * ROWS, ROWS)]
        there //= ROWS
        level += 1
    return written


def _points_without_rows(
    connection: Connection, wanted: Sequence[int]
) -> dict[int, Sequence[tuple[int, int, float | None]]]:
    """The points (step, time, value) by series that come after what level 0 sums up, in order."""
    if connection.dialect.name != "postgresql":
        found: dict[int, Sequence[tuple[int, int, float | None]]] = {}
        for id in wanted:
            newest = _NEWEST.rows(connection, id, 0)
            found[id] = _POINTS.tuples(connection, id, newest[0].last_step if newest else -1)
        return found
    several: dict[int, list[tuple[int, int, float | None]]] = {id: [] for id in wanted}
    given = {"series": list(wanted), "most": _READ_AT_ONCE}
    for id, step, at, value in connection.execute(_POINTS_OF_SEVERAL, given):
        several[id].append((step, at, value))
    for points in several.values():
        points.sort(key=_step)
    return dict(several)


def _newest_rows(
    connection: Connection, wanted: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], Summary]:
    """The last row of each series and level, by both."""
    if connection.dialect.name != "postgresql":
        return {key: _summary(_NEWEST.rows(connection, *key)[0]) for key in wanted}
    if not wanted:
        return {}
    series, levels = zip(*wanted, strict=True)
    found = connection.execute(_NEWEST_OF_SEVERAL, {"series": list(series), "levels": list(levels)})
    return {(row[0], row[1]): _summary(row) for row in found}


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


_step = itemgetter(0)


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
