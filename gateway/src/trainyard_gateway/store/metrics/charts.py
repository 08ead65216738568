"""Charts: a metric over the steps, in at most so many points, with every spike.

A long series is read from the coarsest roll-ups that still give enough points; each of its stretches shows its lowest and highest value,
and the first that is no number. The ends of the range, and what is newer than the last full roll-up, are read from the points.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select

from trainyard_api.timestamps import micros_to_text
from trainyard_gateway.store.metrics import rollups, series
from trainyard_gateway.store.metrics.rollups import Summary
from trainyard_gateway.store.schema.tables import metrics
from trainyard_gateway.store.sql.statements import Prepared

JsonPoint = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Window:
    """What is asked of a chart."""

    max_points: int
    first_step: int = 0
    last_step: int | None = None
    """None is the newest."""
    by_epoch: bool = False
    """Only the summaries of epochs."""


def history(
    connection: Connection, uid: str, names: Sequence[str], window: Window
) -> list[dict[str, Any]]:
    """Every metric of a session (or those named) as `Series`, by name."""
    found = []
    for line in series.of_session(connection, uid, names):
        total, points = _chart(connection, line, window)
        if points or not window.by_epoch:
            found.append({"name": line.name, "total": total, "points": points})
    return found


def number(value: float | None) -> float | str:
    """A value as JSON can carry it: NaN and infinities as text."""
    if value is None:
        return "NaN"
    if math.isfinite(value):
        return value
    return "Infinity" if value > 0 else "-Infinity"


def _chart(connection: Connection, line: Any, window: Window) -> tuple[int, list[JsonPoint]]:
    if window.by_epoch:
        points = _epochs(connection, line.id, window)
        return len(points), thin(points, window.max_points)
    if line.total <= window.max_points:
        points = _points(connection, line.id, window.first_step, window.last_step)
        return len(points), points
    first, last = window.first_step, line.max_step
    if window.last_step is not None:
        last = min(last, window.last_step)
    level = _level(line, first, last, window.max_points)
    while level >= 0:
        rows = rollups.rows_after(connection, line.id, level, first - 1, last)
        if rows and rows[-1].last_step > last:
            rows = rows[:-1]
        # Steps need not be even: where a range holds fewer points than supposed, finer rows are there.
        if rows and (level == 0 or len(rows) * 4 > window.max_points // 2):
            size = rollups.points_in(level)
            return line.total, _from_rows(connection, line.id, rows, size, first, last)
        level -= 1
    points = _points(connection, line.id, first, last)
    return line.total, thin(points, window.max_points)


def _level(line: Any, first: int, last: int, max_points: int) -> int:
    """The finest level whose rows, two points each, stay below `max_points`, supposing even steps; -1 for the points themselves."""
    share = (last - first + 1) / max(1, line.max_step + 1)
    points = line.total * min(1.0, share)
    if points <= max_points:
        return -1
    level = math.log2(2 * points / (max_points * rollups.POINTS)) / math.log2(rollups.ROWS)
    return max(0, math.ceil(level))


def _from_rows(
    connection: Connection, series_id: int, rows: Sequence[Any], size: int, first: int, last: int
) -> list[JsonPoint]:
    """`size`: points that each of the rows sums up."""
    before = _BETWEEN.rows(connection, series_id, first, rows[0].first_step)
    after = _BETWEEN.rows(connection, series_id, rows[-1].last_step, last)
    # Both edges touch the rows' own first and last points, which are shown like the ends of the range.
    shown: dict[int, tuple[int, float | None]] = {}
    for summary in (*_summaries(before, size), *_summaries(after, size)):
        shown |= {p.step: (p.time, p.value) for p in summary[2:] if p is not None}
    # By place: this runs for every bucket of every chart.
    for _, _, _, _, ls, lt, lv, hs, ht, hv, os, ot, ov in rows:
        if ls is not None:
            shown[ls] = lt, lv
            shown[hs] = ht, hv
        if os is not None:
            shown[os] = ot, ov
    for triple in (before[:1], after[-1:]):
        for step, time, value in triple:
            shown[step] = time, value
    return [
        {"step": step, "time": micros_to_text(time), "value": number(value)}
        for step, (time, value) in sorted(shown.items())
    ]


_BETWEEN = Prepared(
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
    """The rows that will be written for these points, or would be."""
    return [rollups.of_points(points[i : i + size]) for i in range(0, len(points), size)]


def _points(
    connection: Connection, series_id: int, first: int, last: int | None
) -> list[JsonPoint]:
    query = select(metrics.c.step, metrics.c.epoch, metrics.c.time, metrics.c.value).where(
        metrics.c.series_id == series_id, metrics.c.step >= first
    )
    if last is not None:
        query = query.where(metrics.c.step <= last)
    return [_json(*r) for r in connection.execute(query.order_by(metrics.c.step))]


def _epochs(connection: Connection, series_id: int, window: Window) -> list[JsonPoint]:
    query = select(metrics.c.step, metrics.c.epoch, metrics.c.time, metrics.c.value).where(
        metrics.c.series_id == series_id,
        metrics.c.step >= window.first_step,
        metrics.c.epoch.is_not(None),
    )
    if window.last_step is not None:
        query = query.where(metrics.c.step <= window.last_step)
    return [_json(*r) for r in connection.execute(query.order_by(metrics.c.step))]


def _json(step: int, epoch: int | None, time: int, value: float | None) -> JsonPoint:
    point: JsonPoint = {"step": step, "time": micros_to_text(time), "value": number(value)}
    if epoch is not None:
        point["epoch"] = epoch
    return point


def thin(points: list[JsonPoint], limit: int) -> list[JsonPoint]:
    """At most about `limit` of the points: first, last, and of each bucket the lowest, the highest and whatever is no number. Pure."""
    if len(points) <= limit:
        return points
    buckets, inner = max(1, (limit - 2) // 2), len(points) - 2
    kept = {0, len(points) - 1}
    for bucket in range(buckets):
        places = range(1 + bucket * inner // buckets, 1 + (bucket + 1) * inner // buckets)
        numbers = [
            (points[i]["value"], i) for i in places if not isinstance(points[i]["value"], str)
        ]
        kept |= {i for i in places if isinstance(points[i]["value"], str)}
        if numbers:
            kept |= {min(numbers)[1], max(numbers)[1]}
    return [points[i] for i in sorted(kept)]
