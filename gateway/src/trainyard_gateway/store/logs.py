"""Log lines of a session, and how they look in a response."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from trainyard_api.model import OpenModel
from trainyard_api.timestamps import micros_to_text
from trainyard_gateway.store.schema.tables import logs


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


def log_entries(
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
            "time": micros_to_text(time),
            "level": level,
            "message": message,
            "rank": rank,
            "attempt": attempt,
        }
        for cursor, time, level, message, rank, attempt in (reversed(rows) if tail else rows)
    ]
