"""Newest values and log lines of a session, and how each looks in an answer."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from trainyard_api.model import OpenModel
from trainyard_gateway.store import series
from trainyard_gateway.store.charts import number
from trainyard_gateway.store.moments import text
from trainyard_gateway.store.tables import logs


class Point(OpenModel):
    """One value of a metric."""

    step: int
    """Optimizer step."""
    epoch: int | None = None
    """Epoch that ended here, in summaries of epochs."""
    time: str
    """When it was measured."""
    value: float | str
    """A number, or NaN, Infinity, -Infinity as text."""


class Series(OpenModel):
    """One metric over the steps."""

    name: str
    """Metric."""
    total: int
    """Points that there are; `points` may be fewer, down-sampled with the lowest and highest of every stretch."""
    points: list[Point]
    """In order of steps."""


class LatestValue(OpenModel):
    """The newest value of a metric."""

    name: str
    """Metric."""
    step: int
    """Optimizer step."""
    epoch: int | None = None
    """Epoch that ended here, in summaries of epochs."""
    time: str
    """When it was measured."""
    value: float | str
    """A number, or NaN, Infinity, -Infinity as text."""


class LogEntry(OpenModel):
    """One printed line."""

    cursor: int
    """Give it as `after` to read on from here."""
    time: str
    """When it was printed."""
    level: str
    """debug, info, warning or error."""
    message: str
    """The line."""
    rank: int
    """Worker that printed it."""
    attempt: int
    """Attempt that printed it."""


def latest(connection: Connection, uid: str) -> list[LatestValue]:
    """The newest value of each metric, by name."""
    return [
        LatestValue(
            name=r.name,
            step=r.last_step,
            epoch=r.last_epoch,
            time=text(r.last_time),
            value=number(r.last_value),
        )
        for r in series.of_session(connection, uid)
    ]


def lines(
    connection: Connection, uid: str, after: int, limit: int, tail: bool
) -> list[dict[str, Any]]:
    """Lines after a cursor as `LogEntry`, oldest first; with `tail` the last `limit` of them."""
    query = select(
        logs.c.id, logs.c.time, logs.c.level, logs.c.message, logs.c.rank, logs.c.attempt
    ).where(logs.c.session_uid == uid, logs.c.id > after)
    rows = connection.execute(
        query.order_by(logs.c.id.desc() if tail else logs.c.id).limit(limit)
    ).all()
    return [
        {
            "cursor": cursor,
            "time": text(time),
            "level": level,
            "message": message,
            "rank": rank,
            "attempt": attempt,
        }
        for cursor, time, level, message, rank, attempt in (reversed(rows) if tail else rows)
    ]
