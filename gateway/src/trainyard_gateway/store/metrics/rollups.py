"""Roll-ups: stored summaries of consecutive points.

With them, a chart of a million points is read as fast as one of a thousand.
A row of level 0 summarizes 16 points, a row of each further level two rows of the level below. Only
full rows are written. Newer points are read from the levels below, the newest ones from `metrics`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, bindparam, delete, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from trainyard_gateway.store.metrics.summary import Summary, SummaryPoint, merge, summarize
from trainyard_gateway.store.schema.tables import metrics, rollups
from trainyard_gateway.store.sql.bulk_insert import BulkInsert
from trainyard_gateway.store.sql.statements import CompiledStatement

POINTS_PER_ROW = 16
"""Points of a row of level 0."""
ROWS_PER_ROW = 2
"""Rows of one level in a row of the next."""
BLOCK_POINTS = 256
"""Rows are written when a series has grown over a multiple of this.

One write takes about three statements, however few rows it has.
"""
_MAX_POINTS_READ = 16_384
_MAX_SERIES_READ = 500

Level = tuple[int, int]
"""Series id and level."""
Points = Sequence[tuple[int, int, float | None]]
"""(step, time, value) in order of steps; time in microseconds since the epoch, None is NaN."""

_COLUMNS = [c.name for c in rollups.columns]
_POINTS = CompiledStatement(
    select(metrics.c.step, metrics.c.time, metrics.c.value)
    .where(metrics.c.series_id == bindparam("series"), metrics.c.step > bindparam("after"))
    .order_by(metrics.c.step)
    .limit(_MAX_POINTS_READ),
    ["series", "after"],
)
_OF_LEVEL = select(rollups).where(
    rollups.c.series_id == bindparam("series"), rollups.c.level == bindparam("level")
)
_BETWEEN = (
    rollups.c.series_id == bindparam("series"),
    rollups.c.level == bindparam("level"),
    rollups.c.first_step > bindparam("after"),
    rollups.c.first_step <= bindparam("until"),
)
_RANGE = ["series", "level", "after", "until"]
# A column costs a seventh of a row: what is nearly always absent is read apart.
_ROWS = CompiledStatement(
    select(
        rollups.c.first_step, rollups.c.last_step,
        rollups.c.low_step, rollups.c.low_time, rollups.c.low_value,
        rollups.c.high_step, rollups.c.high_time, rollups.c.high_value,
        rollups.c.odd_step,
    ).where(*_BETWEEN).order_by(rollups.c.first_step),
    _RANGE,
)  # fmt: skip
_ODD = CompiledStatement(
    select(rollups.c.odd_step, rollups.c.odd_time, rollups.c.odd_value).where(
        *_BETWEEN, rollups.c.odd_step.is_not(None)
    ),
    _RANGE,
)
_LAST_ROW = CompiledStatement(
    _OF_LEVEL.order_by(rollups.c.first_step.desc()).limit(1), ["series", "level"]
)
_IDS = ARRAY(BigInteger)
_POINTS_OF_MANY = text(
    "SELECT given.id, found.step, found.time, found.value FROM unnest(:series) AS given (id)"
    " CROSS JOIN LATERAL (SELECT coalesce((SELECT last_step FROM rollups"
    " WHERE series_id = given.id AND level = 0 ORDER BY first_step DESC LIMIT 1), -1) AS step)"
    " AS done"
    " CROSS JOIN LATERAL (SELECT step, time, value FROM metrics"
    " WHERE series_id = given.id AND step > done.step ORDER BY step LIMIT :most) AS found"
).bindparams(bindparam("series", type_=_IDS))
_LAST_ROWS_OF_MANY = text(
    "SELECT found.* FROM unnest(:series, :levels) AS given (id, level)"
    " CROSS JOIN LATERAL (SELECT * FROM rollups WHERE series_id = given.id AND level = given.level"
    " ORDER BY first_step DESC LIMIT 1) AS found"
).bindparams(bindparam("series", type_=_IDS), bindparam("levels", type_=_IDS))


def points_per_row(level: int) -> int:
    """The number of points that a row of `level` summarizes."""
    return int(POINTS_PER_ROW * ROWS_PER_ROW**level)


def completes_block(before: int, after: int) -> bool:
    """Whether growing from `before` to `after` points completes a block of BLOCK_POINTS. Pure."""
    return before // BLOCK_POINTS != after // BLOCK_POINTS


def delete_from(connection: Connection, series_id: int, step: int) -> None:
    """Delete the rows that summarize points at or above `step`."""
    connection.execute(
        delete(rollups).where(rollups.c.series_id == series_id, rollups.c.last_step >= step)
    )


def extend(
    connection: Connection, totals: Sequence[tuple[int, int]], bulk_insert: BulkInsert
) -> None:
    """Write the missing rows of all complete blocks.

    `totals`: series ids with their numbers of points.
    """
    for start in range(0, len(totals), _MAX_SERIES_READ):
        remaining = list(totals[start : start + _MAX_SERIES_READ])
        while remaining:
            remaining = _extend_once(connection, remaining, bulk_insert)


def _extend_once(
    connection: Connection, totals: Sequence[tuple[int, int]], bulk_insert: BulkInsert
) -> list[tuple[int, int]]:
    """Read up to _MAX_POINTS_READ points of each series; returns the series that have more."""
    points = _points_without_rows(connection, [series_id for series_id, _ in totals])
    new: list[tuple[int, int, list[Summary]]] = []
    remaining = []
    for series_id, total in totals:
        found = points[series_id]
        existing, rest = divmod(total - len(found), POINTS_PER_ROW)
        if rest or len(found) == _MAX_POINTS_READ:
            existing = _count_rows(connection, series_id)
        rows = _full_rows(found, total // BLOCK_POINTS * BLOCK_POINTS - existing * POINTS_PER_ROW)
        if rows:
            new.append((series_id, existing, rows))
            if len(found) == _MAX_POINTS_READ:
                remaining.append((series_id, total))
    wanted = [
        (series_id, level)
        for series_id, existing, rows in new
        for level in levels_with_odd_tail(existing, len(rows))
    ]
    last_rows = _last_rows(connection, wanted)
    written = [
        row
        for series_id, existing, rows in new
        for row in _rows_of_all_levels(series_id, existing, rows, last_rows)
    ]
    bulk_insert(connection, rollups, _COLUMNS, written)
    return remaining


def _full_rows(points: Points, limit: int) -> list[Summary]:
    """Rows of level 0 of the first `limit` points, as far as they are full."""
    full = min(limit, len(points)) // POINTS_PER_ROW * POINTS_PER_ROW
    return [summarize(points[i : i + POINTS_PER_ROW]) for i in range(0, full, POINTS_PER_ROW)]


def levels_with_odd_tail(existing: int, count: int) -> list[int]:
    """The levels whose last existing row is merged with a new row.

    `existing`: rows of level 0; `count`: new ones that follow. Pure.

    Each level has half as many rows as the one below. If a level has an odd number of rows, its
    last row is not part of a row of the next level yet.
    """
    found, level = [], 0
    while count:
        odd = existing % ROWS_PER_ROW
        if odd:
            found.append(level)
        count = (count + odd) // ROWS_PER_ROW
        existing //= ROWS_PER_ROW
        level += 1
    return found


def _rows_of_all_levels(
    series_id: int, existing: int, rows: list[Summary], last_rows: Mapping[Level, Summary]
) -> list[tuple[Any, ...]]:
    """Database rows for `rows` of level 0, and for the rows above them that become full.

    `existing`: rows of level 0 that are stored already.
    """
    written: list[tuple[Any, ...]] = []
    level = 0
    while rows:
        written += [_to_row(series_id, level, r) for r in rows]
        if existing % ROWS_PER_ROW:
            rows = [last_rows[series_id, level], *rows]
        full = len(rows) // ROWS_PER_ROW * ROWS_PER_ROW
        rows = [merge(rows[i : i + ROWS_PER_ROW]) for i in range(0, full, ROWS_PER_ROW)]
        existing //= ROWS_PER_ROW
        level += 1
    return written


def _points_without_rows(connection: Connection, series_ids: Sequence[int]) -> dict[int, Points]:
    """The points of each series that come after its last row of level 0."""
    if connection.dialect.name != "postgresql":
        found: dict[int, Points] = {}
        for id in series_ids:
            last = _LAST_ROW.fetch_rows(connection, id, 0)
            found[id] = _POINTS.fetch_tuples(connection, id, last[0].last_step if last else -1)
        return found
    many: dict[int, list[tuple[int, int, float | None]]] = {id: [] for id in series_ids}
    given = {"series": list(series_ids), "most": _MAX_POINTS_READ}
    for id, step, time, value in connection.execute(_POINTS_OF_MANY, given):
        many[id].append((step, time, value))
    for points in many.values():
        points.sort(key=_step)
    return dict(many)


def _last_rows(connection: Connection, wanted: Sequence[Level]) -> dict[Level, Summary]:
    """The last row of each series and level."""
    if connection.dialect.name != "postgresql":
        return {key: _from_row(_LAST_ROW.fetch_rows(connection, *key)[0]) for key in wanted}
    if not wanted:
        return {}
    series, levels = zip(*wanted, strict=True)
    given = {"series": list(series), "levels": list(levels)}
    found = connection.execute(_LAST_ROWS_OF_MANY, given)
    return {(row[0], row[1]): _from_row(row) for row in found}


class ShownRow(NamedTuple):
    """What a chart shows of a row of `rollups`, but the values that are not finite."""

    first_step: int
    last_step: int
    low_step: int | None
    low_time: int | None
    low_value: float | None
    high_step: int | None
    high_time: int | None
    high_value: float | None
    odd_step: int | None
    """Where the first value is that is NaN or infinite; see `odd_points`."""


def rows_between(
    connection: Connection, series_id: int, level: int, after: int, until: int
) -> Sequence[Any]:
    """Rows of a level whose first step is above `after` and not above `until`, in order of steps.

    They have the fields of a `ShownRow`, as the driver's tuples.
    """
    return _ROWS.fetch_tuples(connection, series_id, level, after, until)


def odd_points(
    connection: Connection, series_id: int, level: int, after: int, until: int
) -> Sequence[Any]:
    """Of the same rows the first value each that is NaN or infinite: (step, time, value)."""
    return _ODD.fetch_tuples(connection, series_id, level, after, until)


_NO_POINT = (None, None, None)


def _to_row(series_id: int, level: int, summary: Summary) -> tuple[Any, ...]:
    first, last, low, high, non_finite = summary
    return (
        series_id, level, first, last,
        *(low or _NO_POINT), *(high or _NO_POINT), *(non_finite or _NO_POINT),
    )  # fmt: skip


def _from_row(row: Any) -> Summary:
    _, _, first, last, *points = row
    low, high, non_finite = (
        None if points[i] is None else SummaryPoint(*points[i : i + 3]) for i in (0, 3, 6)
    )
    return Summary(first, last, low, high, non_finite)


_step = itemgetter(0)


def count_points(connection: Connection, series_id: int) -> int:
    """The number of points of a series in `metrics`. Reads all of them."""
    query = select(func.count()).select_from(metrics).where(metrics.c.series_id == series_id)
    return int(connection.execute(query).scalar_one())


def _count_rows(connection: Connection, series_id: int) -> int:
    """The number of rows of level 0."""
    query = select(func.count()).where(rollups.c.series_id == series_id, rollups.c.level == 0)
    return int(connection.execute(query).scalar_one())
