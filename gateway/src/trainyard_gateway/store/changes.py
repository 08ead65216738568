"""What came in for a session since a moment that a cursor names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from trainyard_api.timestamps import micros_to_text
from trainyard_gateway.errors import BadRequest
from trainyard_gateway.store.logs import log_entries
from trainyard_gateway.store.metrics.charts import number
from trainyard_gateway.store.schema.tables import batches, logs, metrics, series, streams

MOST_BATCHES = 64
MOST_POINTS = 5000
MOST_LINES = 500

_CURSOR = re.compile(r"([0-9]{1,18})[.]([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last batch and the last log line that were told."""

    batch: int
    line: int

    def __str__(self) -> str:
        return f"{self.batch}.{self.line}"


@dataclass(frozen=True, slots=True)
class News:
    """What is new, in at most so many points and lines."""

    points: list[dict[str, Any]]
    truncated: bool
    """Whether points were left out; the history has them."""
    lines: list[dict[str, Any]]
    cursor: Cursor
    more: bool
    """Whether there is more already."""


def parse(cursor: str) -> Cursor:
    """Raises BadRequest."""
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise BadRequest("Last-Event-ID is not the id of an event of this stream; leave it out")
    return Cursor(int(found[1]), int(found[2]))


def now(connection: Connection, uid: str) -> Cursor:
    """The cursor after everything that is there."""
    batch = (
        select(func.max(batches.c.id))
        .join(streams, streams.c.id == batches.c.stream_id)
        .where(streams.c.session_uid == uid)
    )
    line = select(func.max(logs.c.id)).where(logs.c.session_uid == uid)
    return Cursor(connection.execute(batch).scalar() or 0, connection.execute(line).scalar() or 0)


def after(connection: Connection, uid: str, cursor: Cursor) -> News:
    """What came after a cursor."""
    query = (
        select(batches.c.id, batches.c.first_step, batches.c.last_step)
        .join(streams, streams.c.id == batches.c.stream_id)
        .where(streams.c.session_uid == uid, batches.c.id > cursor.batch)
        .order_by(batches.c.id)
        .limit(MOST_BATCHES)
    )
    came = connection.execute(query).all()
    points = _points(connection, uid, came)
    lines = log_entries(connection, uid, cursor.line, MOST_LINES, tail=False)
    return News(
        points=points[:MOST_POINTS],
        truncated=len(points) > MOST_POINTS,
        lines=lines,
        cursor=Cursor(
            came[-1].id if came else cursor.batch, lines[-1]["cursor"] if lines else cursor.line
        ),
        more=len(came) == MOST_BATCHES or len(lines) == MOST_LINES,
    )


def _points(connection: Connection, uid: str, came: Any) -> list[dict[str, Any]]:
    with_steps = [row for row in came if row.first_step is not None]
    if not with_steps:
        return []
    first = min(row.first_step for row in with_steps)
    last = max(row.last_step for row in with_steps)
    query = (
        select(series.c.name, metrics.c.step, metrics.c.epoch, metrics.c.time, metrics.c.value)
        .join(metrics, metrics.c.series_id == series.c.id)
        .where(series.c.session_uid == uid, metrics.c.step.between(first, last))
        .order_by(metrics.c.step, series.c.name)
        .limit(MOST_POINTS + 1)
    )
    return [
        {
            "name": r.name,
            "step": r.step,
            **({"epoch": r.epoch} if r.epoch is not None else {}),
            "time": micros_to_text(r.time),
            "value": number(r.value),
        }
        for r in connection.execute(query)
    ]
