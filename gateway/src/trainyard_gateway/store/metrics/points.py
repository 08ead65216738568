"""Every value of a metric, in pages, in the order of steps."""

from __future__ import annotations

import heapq
from typing import NamedTuple

from sqlalchemy import Connection, Integer, Select, case, cast, select

from trainyard_gateway.store.schema.run_tables import repeated_points
from trainyard_gateway.store.schema.tables import metrics, series
from trainyard_gateway.store.sql.statements import fetch_tuples
from trainyard_gateway.store.sql.text import escape_nul


class LoggedPoint(NamedTuple):
    """One value."""

    step: int
    time: int
    """Microseconds since the epoch."""
    nan: int
    """1 for NaN."""
    value: float


class Place(NamedTuple):
    """Where a page begins: at a step, after so many of its values."""

    step: int
    given: int


FIRST = Place(-(2**63), 0)


def page(
    connection: Connection, key: str, name: str, place: Place, limit: int
) -> tuple[list[LoggedPoint], Place | None]:
    """Up to `limit` values of the metric `name` from a place on, and where the next page begins.

    Values of one step are in order of time. `key`: what the series are stored under.
    """
    found = _from(connection, key, name, place, limit + 1 + place.given)
    given = 0
    while given < min(place.given, len(found)) and found[given].step == place.step:
        given += 1
    points = found[given : given + limit]
    return points, _after(points, place) if len(found) > given + limit else None


def _after(points: list[LoggedPoint], place: Place) -> Place:
    last = points[-1].step
    given = sum(1 for point in points if point.step == last)
    return Place(last, given + (place.given if last == place.step else 0))


def _from(
    connection: Connection, key: str, name: str, place: Place, limit: int
) -> list[LoggedPoint]:
    found = select(series.c.id).where(
        series.c.session_uid == key, series.c.name == escape_nul(name)
    )
    id = connection.execute(found).scalar()
    if id is None:
        return []
    kept, beside = (
        [LoggedPoint._make(row) for row in fetch_tuples(connection, query)]
        for query in (_kept(id, place.step, limit), _beside(id, place.step, limit))
    )
    # Nearly always there is one value for each step.
    return list(heapq.merge(kept, beside)) if beside else kept


def _kept(id: int, step: int, limit: int) -> Select[tuple[int, int, int, float]]:
    value = case((metrics.c.value.is_(None), 0.0), else_=metrics.c.value)
    nan = case((metrics.c.value.is_(None), 1), else_=0)
    query = select(metrics.c.step, metrics.c.time, nan, value)
    query = query.where(metrics.c.series_id == id, metrics.c.step >= step)
    return query.order_by(metrics.c.step).limit(limit)


def _beside(id: int, step: int, limit: int) -> Select[tuple[int, int, int, float]]:
    table = repeated_points
    query = select(table.c.step, table.c.time, cast(table.c.nan, Integer), table.c.value)
    query = query.where(table.c.series_id == id, table.c.step >= step)
    return query.order_by(table.c.step, table.c.time, table.c.nan, table.c.value).limit(limit)
