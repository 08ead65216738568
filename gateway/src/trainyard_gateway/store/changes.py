"""What was stored for a session since a cursor."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from trainyard_api.timestamps import micros_to_text
from trainyard_gateway.errors import BadRequest
from trainyard_gateway.store.logs.lines import read_lines
from trainyard_gateway.store.metrics.chart_points import json_number
from trainyard_gateway.store.schema.tables import batches, logs, metrics, series, streams

MAX_BATCHES = 64
MAX_POINTS = 2000
MAX_LINES = 500
MAX_LINE_BYTES = 64 << 10
"""Bytes of the lines of one event: many clients may read slowly."""

_CURSOR = re.compile(r"([0-9]{1,18})[.]([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class Cursor:
    """A position: the ids of the last batch and of the last log line before it."""

    batch: int
    line: int

    def __str__(self) -> str:
        return f"{self.batch}.{self.line}"


@dataclass(frozen=True, slots=True)
class Changes:
    """Points and log lines after a cursor, at most MAX_POINTS and MAX_LINES."""

    points: list[dict[str, Any]]
    """As JSON, in order of steps and names."""
    truncated: bool
    """Whether points were left out; the history of the metrics has them."""
    lines: list[dict[str, Any]]
    """As JSON of `LogEntry`, oldest first."""
    cursor: Cursor
    """The position after these changes."""
    more: bool
    """Whether more changes are stored already."""


def parse_cursor(text: str) -> Cursor:
    """The cursor that `str(cursor)` gave. Raises BadRequest for any other text."""
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise BadRequest("Last-Event-ID is not the id of an event of this stream; leave it out")
    return Cursor(int(found[1]), int(found[2]))


def current_cursor(connection: Connection, uid: str) -> Cursor:
    """The position after everything that is stored for a session."""
    batch = (
        select(func.max(batches.c.id))
        .join(streams, streams.c.id == batches.c.stream_id)
        .where(streams.c.session_uid == uid)
    )
    line = select(func.max(logs.c.id)).where(logs.c.session_uid == uid)
    return Cursor(connection.execute(batch).scalar() or 0, connection.execute(line).scalar() or 0)


def since(connection: Connection, uid: str, cursor: Cursor) -> Changes:
    """What was stored for a session after a cursor."""
    query = (
        select(batches.c.id, batches.c.first_step, batches.c.last_step)
        .join(streams, streams.c.id == batches.c.stream_id)
        .where(streams.c.session_uid == uid, batches.c.id > cursor.batch)
        .order_by(batches.c.id)
        .limit(MAX_BATCHES)
    )
    new = connection.execute(query).all()
    points = _points_of(connection, uid, new)
    lines, more, _ = read_lines(connection, uid, cursor.line, MAX_LINES, False, MAX_LINE_BYTES)
    return Changes(
        points=points[:MAX_POINTS],
        truncated=len(points) > MAX_POINTS,
        lines=lines,
        cursor=Cursor(
            new[-1].id if new else cursor.batch, lines[-1]["cursor"] if lines else cursor.line
        ),
        more=len(new) == MAX_BATCHES or more,
    )


def _points_of(connection: Connection, uid: str, new: Sequence[Any]) -> list[dict[str, Any]]:
    """The points in the range of steps of some rows of `batches`, at most MAX_POINTS + 1."""
    with_steps = [row for row in new if row.first_step is not None]
    if not with_steps:
        return []
    first = min(row.first_step for row in with_steps)
    last = max(row.last_step for row in with_steps)
    query = (
        select(series.c.name, metrics.c.step, metrics.c.epoch, metrics.c.time, metrics.c.value)
        .join(metrics, metrics.c.series_id == series.c.id)
        .where(series.c.session_uid == uid, metrics.c.step.between(first, last))
        .order_by(metrics.c.step, series.c.name)
        .limit(MAX_POINTS + 1)
    )
    return [
        {
            "name": r.name,
            "step": r.step,
            **({"epoch": r.epoch} if r.epoch is not None else {}),
            "time": micros_to_text(r.time),
            "value": json_number(r.value),
        }
        for r in connection.execute(query)
    ]
