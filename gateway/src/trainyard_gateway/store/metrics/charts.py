"""Charts: a metric over the steps in a limited number of points, with every spike.

A long series is read from the coarsest roll-ups that still give enough points. Each roll-up shows
its lowest and its highest value and the first one that is NaN or infinite. The ends of the range
and the points after the last full roll-up are read from `metrics`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from trainyard_gateway.store.metrics import rollups, series
from trainyard_gateway.store.metrics.chart_points import (
    ChartPoint,
    downsample,
    to_columns,
    to_json,
)
from trainyard_gateway.store.metrics.summary import Summary, summarize
from trainyard_gateway.store.schema.tables import metrics
from trainyard_gateway.store.sql.statements import CompiledStatement

MAX_POINTS_IN_ALL = 50_000
"""Points of all series that one request reads: a point has about 80 bytes as JSON."""
_FEWEST_POINTS = 4
_READ_FOR_EACH = 4
"""Values of whole epochs that are read for each shown point. Of more, every n-th is read."""


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a series that a chart shows."""

    max_points: int
    first_step: int = 0
    last_step: int | None = None
    """Included; None is the newest."""
    by_epoch: bool = False
    """Whether to show the values of whole epochs only."""


def bounded(window: Window, series: int) -> Window:
    """The window with fewer points of each of so many series, if need be. Pure."""
    most = max(_FEWEST_POINTS, MAX_POINTS_IN_ALL // max(1, series))
    return replace(window, max_points=min(window.max_points, most))


def prepare(connection: Connection) -> None:
    """Compile the statements of charts, for which the first chart would wait otherwise.

    They are compiled when they are first run; here they find nothing.
    """
    series.rows_of_session(connection, "")
    series.rows_of_metric(connection, [""], "")
    rollups.rows_between(connection, 0, 0, 0, 0)
    rollups.odd_points(connection, 0, 0, 0, 0)
    _BETWEEN.fetch_tuples(connection, 0, 0, 0)
    _read_points(connection, 0, 0, 0)


def read_charts(
    connection: Connection, uid: str, names: Sequence[str], window: Window
) -> list[dict[str, Any]]:
    """The charts of a session as JSON of `metrics.latest.Series`, in order of metric names.

    `names`: the metrics to read, all if empty. With `by_epoch`, metrics without such values are
    left out.
    """
    found = []
    rows = series.rows_of_session(connection, uid, names)
    window = bounded(window, len(rows))
    for row in rows:
        total, points = _read_chart(connection, row, window)
        if points or not window.by_epoch:
            shown = [to_json(point) for point in points]
            found.append({"name": row.name, "total": total, "points": shown})
    return found


def read_columns(
    connection: Connection, uids: Sequence[str], name: str, window: Window
) -> dict[str, dict[str, Any]]:
    """One metric of several sessions, by UID, as JSON of a `Curve` without its UID.

    Sessions without the metric are absent.
    """
    found = {}
    rows = series.rows_of_metric(connection, uids, name)
    for row in rows:
        total, points = _read_chart(connection, row, window)
        found[row.session_uid] = {"total": total, **to_columns(points)}
    return found


def _read_chart(
    connection: Connection, row: Any, window: Window
) -> tuple[int, Sequence[ChartPoint]]:
    """The total number of points and the shown ones. `row`: of the table `series`."""
    if window.by_epoch:
        total, points = _read_epochs(connection, row.id, window)
        return total, downsample(points, window.max_points)
    if row.total <= window.max_points:
        points = _read_points(connection, row.id, window.first_step, window.last_step)
        return len(points), points
    first, last = window.first_step, row.max_step
    if window.last_step is not None:
        last = min(last, window.last_step)
    for level in range(_finest_level(row, first, last, window.max_points), -1, -1):
        rows = rollups.rows_between(connection, row.id, level, first - 1, last)
        if rows and rows[-1][_LAST_STEP] > last:
            rows = rows[:-1]
        # Steps may be uneven. If the range holds fewer points than estimated, use finer rows.
        if rows and (level == 0 or len(rows) * 4 > window.max_points // 2):
            return row.total, _points_of_rollups(connection, row.id, level, rows, (first, last))
    points = _read_points(connection, row.id, first, last)
    return row.total, downsample(points, window.max_points)


def _finest_level(row: Any, first: int, last: int, max_points: int) -> int:
    """The finest level whose rows stay within `max_points`; -1 for `metrics` itself.

    Supposes even steps and two points for each row.
    """
    share = (last - first + 1) / max(1, row.max_step + 1)
    points = row.total * min(1.0, share)
    if points <= max_points:
        return -1
    rows = 2 * points / (max_points * rollups.POINTS_PER_ROW)
    return max(0, math.ceil(math.log2(rows) / math.log2(rollups.ROWS_PER_ROW)))


_FIRST_STEP, _LAST_STEP, _ODD_STEP = 0, 1, -1
"""Places in a `rollups.ShownRow`."""
_POINTS_OF_ROW = 3


def _points_of_rollups(
    connection: Connection, series_id: int, level: int, rows: Sequence[Any], steps: tuple[int, int]
) -> list[ChartPoint]:
    """The points of the rows of a level, and of the rest of the range `steps`, in order.

    The rest has the same resolution. The ends of the range, and the nearest points of the rows, are
    always shown.
    """
    (first, last), size = steps, rollups.points_per_row(level)
    begin, end = rows[0][_FIRST_STEP], rows[-1][_LAST_STEP]
    before = _BETWEEN.fetch_tuples(connection, series_id, first, begin)
    after = _BETWEEN.fetch_tuples(connection, series_id, end, last)
    odd: Sequence[Any] = ()
    if any(row[_ODD_STEP] is not None for row in rows):
        odd = rollups.odd_points(connection, series_id, level, begin - 1, rows[-1][_FIRST_STEP])
    inner = _points_of_rows(rows, odd)
    head, tail = _rest(before, before[:1], size), _rest(after, after[-1:], size)
    # The rest begins and ends with a point of the rows, which may be shown already.
    for step, *_ in inner[:_POINTS_OF_ROW]:
        head.pop(step, None)
    for step, *_ in inner[-_POINTS_OF_ROW:]:
        tail.pop(step, None)
    return [*_in_order(head), *inner, *_in_order(tail)]


def _rest(points: Sequence[Any], always: Sequence[Any], size: int) -> dict[int, ChartPoint]:
    """By step, what `size` points each are summarized by, and the points that are always shown."""
    shown: dict[int, ChartPoint] = {}
    for summary in _summaries(points, size):
        shown |= {p.step: (p.step, p.time, p.value, None) for p in summary[2:] if p is not None}
    for step, time, value in always:
        shown[step] = step, time, value, None
    return shown


def _in_order(points: dict[int, ChartPoint]) -> list[ChartPoint]:
    return [points[step] for step in sorted(points)]


def _points_of_rows(rows: Sequence[Any], odd: Sequence[Any]) -> list[ChartPoint]:
    """The points that roll-up rows keep, in order of steps."""
    points: list[ChartPoint] = []
    # Unpacked by position, since this runs for every row of every chart.
    for _, _, low, low_time, low_value, high, high_time, high_value, _ in rows:
        if low is None:
            continue
        if low < high:
            points.append((low, low_time, low_value, None))
            points.append((high, high_time, high_value, None))
        else:
            points.append((high, high_time, high_value, None))
            if low > high:
                points.append((low, low_time, low_value, None))
    if odd:
        points += [(step, time, value, None) for step, time, value in odd]
        points.sort(key=_step)
    return points


_step = itemgetter(0)


_BETWEEN = CompiledStatement(
    select(metrics.c.step, metrics.c.time, metrics.c.value)
    .where(
        metrics.c.series_id == bindparam("series"),
        metrics.c.step >= bindparam("first"),
        metrics.c.step <= bindparam("last"),
    )
    .order_by(metrics.c.step),
    ["series", "first", "last"],
)


def _summaries(points: Sequence[Any], size: int) -> list[Summary]:
    """Summaries of `size` points each; the last one may have fewer."""
    return [summarize(points[i : i + size]) for i in range(0, len(points), size)]


_COLUMNS = (metrics.c.step, metrics.c.time, metrics.c.value, metrics.c.epoch)
"""Of a `ChartPoint`."""
_FROM = CompiledStatement(
    select(*_COLUMNS)
    .where(
        metrics.c.series_id == bindparam("series"),
        metrics.c.step >= bindparam("first"),
        metrics.c.step <= bindparam("last"),
    )
    .order_by(metrics.c.step),
    ["series", "first", "last"],
)
_LAST_OF_ALL = 2**63 - 1


def _read_points(
    connection: Connection, series_id: int, first: int, last: int | None
) -> Sequence[ChartPoint]:
    return _FROM.fetch_tuples(connection, series_id, first, _LAST_OF_ALL if last is None else last)


def _read_epochs(
    connection: Connection, series_id: int, window: Window
) -> tuple[int, Sequence[ChartPoint]]:
    """The number of values of epochs in the window, and some of them.

    At most twice `_READ_FOR_EACH` for each point that the window shows.
    """
    wanted = [
        metrics.c.series_id == series_id,
        metrics.c.step >= window.first_step,
        metrics.c.epoch.is_not(None),
    ]
    if window.last_step is not None:
        wanted.append(metrics.c.step <= window.last_step)
    most = _READ_FOR_EACH * window.max_points
    count = connection.execute(select(func.count()).where(*wanted)).scalar_one()
    if count > most:
        wanted.append(metrics.c.epoch % math.ceil(count / most) == 0)
    # A program may call every value one of the same epoch.
    query = select(*_COLUMNS).where(*wanted).order_by(metrics.c.step).limit(2 * most)
    return count, [tuple(row) for row in connection.execute(query)]
