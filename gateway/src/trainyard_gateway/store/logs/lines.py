"""Log lines of sessions: stored and read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select

from trainyard_api.model import OpenModel
from trainyard_api.report import Batch, LogLine
from trainyard_api.timestamps import micros_to_text, to_micros
from trainyard_gateway.store.logs import limit
from trainyard_gateway.store.logs.limit import ROW_BYTES, Added
from trainyard_gateway.store.schema.tables import logs
from trainyard_gateway.store.sql.dialect import byte_length
from trainyard_gateway.store.sql.text import escape_nul

LINES_AT_ONCE = 1000
"""Lines of one INSERT. As rows they take several times their bytes."""
SEARCHED_AT_ONCE = 200_000
"""Lines that one request looks through; a search of more continues from its cursor."""
MAX_PAGE_BYTES = 1 << 20
"""Bytes of the lines that are read at once, unless the first line alone has more."""


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


class LogPage(NamedTuple):
    """Lines that follow each other."""

    lines: list[dict[str, Any]]
    """As JSON of `LogEntry`, oldest first."""
    more: bool
    """Whether there are more lines after these, or before them with `tail`."""
    next: int
    """The cursor after which the next lines come."""


def insert_lines(connection: Connection, batches: Sequence[Batch], most_bytes: int) -> None:
    """Insert the log lines of the batches, in order.

    `most_bytes`: what the lines of one session may take; see `limit`.
    """
    added: dict[str, Added] = {}
    lines = ((batch, line) for batch in batches for line in batch.logs)
    while rows := [_row(*one) for one in islice(lines, LINES_AT_ONCE)]:
        connection.execute(insert(logs), rows)
        for row in rows:
            count, size = added.get(row["session_uid"], (0, 0))
            size += len(row["message"].encode()) + ROW_BYTES
            added[row["session_uid"]] = Added(count + 1, size)
    if added:
        limit.enforce(connection, added, most_bytes)


def read_lines(  # noqa: PLR0913  what a page of lines is asked by
    connection: Connection,
    uid: str,
    after: int,
    most: int,
    tail: bool,
    most_bytes: int = MAX_PAGE_BYTES,
    search: str = "",
    searched_at_once: int = SEARCHED_AT_ONCE,
) -> LogPage:
    """Lines of a session.

    `after`: the cursor behind which they start, 0 for the first; `most`: how many at most; with
    `tail` the last ones instead of the first; `most_bytes`: of their texts; `search`: only lines
    with this text, in whichever case its ASCII letters are, of the first (`tail`: the last)
    `searched_at_once` lines.
    """
    whose = [logs.c.session_uid == uid, logs.c.id > after]
    order = logs.c.id.desc() if tail else logs.c.id
    edge: int | None = None
    if search:
        ids_only = select(logs.c.id).where(*whose).order_by(order)
        edge = connection.execute(ids_only.offset(searched_at_once - 1).limit(1)).scalar()
        whose.append(logs.c.message.icontains(search, autoescape=True))
    if edge is not None:
        whose.append(logs.c.id >= edge if tail else logs.c.id <= edge)
    sizes = select(logs.c.id, byte_length(connection, logs.c.message)).where(*whose)
    found = connection.execute(sizes.order_by(order).limit(most + 1)).all()
    ids = fitting(((id, size) for id, size in found[:most]), most_bytes)
    if not ids:
        return LogPage([], edge is not None, edge or after)
    query = select(
        logs.c.id, logs.c.time, logs.c.level, logs.c.message, logs.c.rank, logs.c.attempt
    ).where(*whose, logs.c.id.between(min(ids), max(ids)))
    rows = connection.execute(query.order_by(logs.c.id)).all()
    cut = len(ids) < len(found)
    last = max(ids) if cut or tail or edge is None else edge
    return LogPage([_entry(*row) for row in rows], cut or edge is not None, last)


def fitting(sizes: Iterable[tuple[int, int]], most_bytes: int) -> list[int]:
    """The ids of the first lines that fit into `most_bytes`, and at least of the first one. Pure.

    `sizes`: id and bytes of lines.
    """
    ids: list[int] = []
    used = 0
    for id, size in sizes:
        used += size
        if ids and used > most_bytes:
            break
        ids.append(id)
    return ids


def _entry(
    cursor: int, time: int, level: str, message: str, rank: int, attempt: int
) -> dict[str, Any]:
    return {
        "cursor": cursor,
        "time": micros_to_text(time),
        "level": level,
        "message": message,
        "rank": rank,
        "attempt": attempt,
    }


def _row(batch: Batch, line: LogLine) -> dict[str, Any]:
    return {
        "session_uid": batch.session_uid,
        "attempt": batch.attempt,
        "rank": line.rank,
        "time": to_micros(line.time),
        "level": line.level,
        "message": escape_nul(line.message),
    }
