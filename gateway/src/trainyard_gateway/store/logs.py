"""Log lines of sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, insert, select

from trainyard_api.model import OpenModel
from trainyard_api.report import Batch
from trainyard_api.timestamps import micros_to_text, to_micros
from trainyard_gateway.store.schema.tables import logs
from trainyard_gateway.store.sql.text import escape_nul


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


def insert_lines(connection: Connection, batches: Sequence[Batch]) -> None:
    """Insert the log lines of the batches, in order."""
    rows = [row for batch in batches for row in _rows(batch)]
    if rows:
        connection.execute(insert(logs), rows)


def read_lines(
    connection: Connection, uid: str, after: int, limit: int, tail: bool
) -> list[dict[str, Any]]:
    """Lines of a session as JSON of `LogEntry`.

    `after`: the cursor behind which they start, 0 for the first; `limit`: how many at most.

    Oldest first; with `tail` the last `limit` lines instead of the first.
    """
    query = select(
        logs.c.id, logs.c.time, logs.c.level, logs.c.message, logs.c.rank, logs.c.attempt
    ).where(logs.c.session_uid == uid, logs.c.id > after)
    rows = connection.execute(
        query.order_by(logs.c.id.desc() if tail else logs.c.id).limit(limit)
    ).all()
    return [
        {
            "cursor": cursor,
            "time": micros_to_text(time),
            "level": level,
            "message": message,
            "rank": rank,
            "attempt": attempt,
        }
        for cursor, time, level, message, rank, attempt in (reversed(rows) if tail else rows)
    ]


def _rows(batch: Batch) -> list[dict[str, Any]]:
    return [
        {
            "session_uid": batch.session_uid,
            "attempt": batch.attempt,
            "rank": line.rank,
            "time": to_micros(line.time),
            "level": line.level,
            "message": escape_nul(line.message),
        }
        for line in batch.logs
    ]
