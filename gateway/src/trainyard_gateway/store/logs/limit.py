"""The limit of the log bytes of a session.

A program may print without end. A session keeps its first lines, which say with what it started,
and its newest lines, which say how it goes or why it ended. What was printed between is removed,
and one line in its place says how much that was.

Guarantees:

- The lines of a session take at most `most_bytes`, ROW_BYTES for each line included, plus what one
  transaction has just inserted.
- A transaction removes about as much as it inserts, so it delays no other write for long.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, func, select, update

from trainyard_gateway.store.schema.tables import log_usage, logs
from trainyard_gateway.store.sql.dialect import byte_length, upsert

DEFAULT_MAX_BYTES = 32 << 20
"""Bytes of the log lines of one session."""
ROW_BYTES = 128
"""About what a database needs for a line beside its text."""
HEAD_SHARE = 4
"""The first lines get this part of the bytes: a quarter."""
_SLACK_SHARE = 16
"""Removing stops this part below the limit, so that not every transaction removes."""
_MAX_REMOVED = 20_000
"""Lines that one transaction removes, unless it inserts half as many."""
_MAX_UIDS = 500


class Added(NamedTuple):
    """What a transaction has inserted for a session."""

    lines: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Usage:
    """A row of `log_usage`."""

    session_uid: str
    bytes: int = 0
    head: int | None = None
    """Id of the last line that is never removed; None before the first removal."""
    note: int | None = None
    """Id of the line that says what was removed."""
    removed_lines: int = 0
    removed_bytes: int = 0


def enforce(connection: Connection, added: Mapping[str, Added], most_bytes: int) -> None:
    """Remove lines of the sessions that have more than `most_bytes`.

    `added`: what this transaction has inserted, by session UID.
    """
    known = _read(connection, sorted(added))
    changed = []
    for uid, new in added.items():
        usage = known.get(uid)
        # Without a row: a new session, or one whose lines were stored before there was a limit.
        size = _stored_bytes(connection, uid) if usage is None else usage.bytes + new.bytes
        usage = replace(usage or Usage(uid), bytes=size)
        if usage.bytes > most_bytes:
            usage = _remove(connection, usage, most_bytes, max(_MAX_REMOVED, 2 * new.lines))
        changed.append(usage)
    _save(connection, changed)


def note(lines: int, bytes: int, most_bytes: int) -> str:
    """The line in the place of removed ones. Pure."""
    return (
        f"trainyard: {lines:,} lines with {bytes:,} bytes that were printed here are not kept. "
        f"A session keeps {most_bytes:,} bytes: its first lines and its newest ones"
    )


def head_end(sizes: Iterable[tuple[int, int]], head_bytes: int) -> int:
    """The id of the last line of the head, 0 without one. Pure.

    `sizes`: id and bytes of lines, oldest first.
    """
    last, used = 0, 0
    for id, size in sizes:
        used += size
        if used > head_bytes:
            break
        last = id
    return last


def _remove(connection: Connection, usage: Usage, most_bytes: int, most_lines: int) -> Usage:
    head = usage.head
    if head is None:
        share = most_bytes // HEAD_SHARE
        head = head_end(_sizes(connection, usage.session_uid, 0, share // ROW_BYTES + 1), share)
    goal = usage.bytes - (most_bytes - most_bytes // _SLACK_SHARE)
    ids: list[int] = []
    freed = 0
    for id, size in _sizes(connection, usage.session_uid, usage.note or head, most_lines):
        if freed >= goal:
            break
        ids.append(id)
        freed += size
    if not ids:
        return usage
    removed_lines, removed_bytes = usage.removed_lines + len(ids), usage.removed_bytes + freed
    written = usage.note or ids[0]
    connection.execute(
        delete(logs).where(
            logs.c.session_uid == usage.session_uid, logs.c.id > written, logs.c.id <= ids[-1]
        )
    )
    connection.execute(
        update(logs)
        .where(logs.c.id == written)
        .values(
            level="warning",
            message=note(removed_lines, removed_bytes - removed_lines * ROW_BYTES, most_bytes),
        )
    )
    left = usage.bytes - freed + (2 * ROW_BYTES if usage.note is None else 0)
    return Usage(usage.session_uid, left, head, written, removed_lines, removed_bytes)


def _sizes(connection: Connection, uid: str, after: int, most: int) -> Iterable[tuple[int, int]]:
    query = (
        select(logs.c.id, _row_bytes(connection))
        .where(logs.c.session_uid == uid, logs.c.id > after)
        .order_by(logs.c.id)
        .limit(most)
    )
    return ((id, size) for id, size in connection.execute(query))


def _row_bytes(connection: Connection) -> ColumnElement[int]:
    return byte_length(connection, logs.c.message) + ROW_BYTES


def _stored_bytes(connection: Connection, uid: str) -> int:
    query = select(func.sum(_row_bytes(connection))).where(logs.c.session_uid == uid)
    return int(connection.execute(query).scalar() or 0)


def _read(connection: Connection, uids: Sequence[str]) -> dict[str, Usage]:
    found: dict[str, Usage] = {}
    for start in range(0, len(uids), _MAX_UIDS):
        some = log_usage.c.session_uid.in_(uids[start : start + _MAX_UIDS])
        query = select(log_usage).where(some)
        found |= {row.session_uid: Usage(*row) for row in connection.execute(query)}
    return found


def _save(connection: Connection, changed: Sequence[Usage]) -> None:
    statement = upsert(connection, log_usage)
    names = ("bytes", "head", "note", "removed_lines", "removed_bytes")
    new = {name: statement.excluded[name] for name in names}
    connection.execute(
        statement.on_conflict_do_update(index_elements=["session_uid"], set_=new),
        [
            {"session_uid": usage.session_uid, **{name: getattr(usage, name) for name in names}}
            for usage in changed
        ],
    )
