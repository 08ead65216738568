"""Rows of `sessions`: the last known object of each session."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, func, select, tuple_, update

from trainyard_api.rights.owner import User
from trainyard_gateway.paging import first_page
from trainyard_gateway.store.access import owners
from trainyard_gateway.store.access.owners import Kind
from trainyard_gateway.store.schema.tables import sessions
from trainyard_gateway.store.sql.dialect import upsert

_ROWS_AT_ONCE = 4
_MAX_UIDS = 500
"""UIDs of one query; databases bound the parameters of a statement."""


class SessionRow(NamedTuple):
    """A row of `sessions`."""

    uid: str
    name: str
    created: str
    """Creation time in the cluster, RFC 3339."""
    object: str
    """The custom resource as JSON."""
    deleted: bool
    """Whether the cluster no longer has it."""


def find(connection: Connection, name_or_uid: str) -> SessionRow | None:
    """The session with this UID, or the newest one with this name."""
    by_uid = sessions.c.uid == name_or_uid
    order = (by_uid.desc(), sessions.c.created.desc())
    match = by_uid | (sessions.c.name == name_or_uid)
    query = select(sessions).where(match).order_by(*order).limit(1)
    row = connection.execute(query).one_or_none()
    return SessionRow(*row) if row is not None else None


def deleted_page(
    connection: Connection, limit: int, before: tuple[str, str] | None, user: User
) -> tuple[list[SessionRow], bool, int]:
    """A page of up to `limit` deleted sessions that `user` sees, newest first; whether there are
    more; all of them.

    `before`: creation time and UID of the last session of the page before; None is the first page.
    """
    wanted = sessions.c.deleted & owners.visible(user, Kind.SESSION, sessions.c.uid)
    query = select(sessions).where(wanted)
    if before is not None:
        query = query.where(tuple_(sessions.c.created, sessions.c.uid) < before)
    query = query.order_by(sessions.c.created.desc(), sessions.c.uid.desc()).limit(limit + 1)
    count = select(func.count()).select_from(sessions).where(wanted)
    with connection.execute(query.execution_options(yield_per=_ROWS_AT_ONCE)) as found:
        of_rows = (SessionRow(*row) for row in found)
        rows, more = first_page(of_rows, lambda row: len(row.object.encode()), limit)
    return rows, more, connection.execute(count).scalar_one()


def deleted_names(connection: Connection, uids: Sequence[str]) -> dict[str, str]:
    """The names of those sessions among `uids` that were deleted, by UID."""
    found: dict[str, str] = {}
    for start in range(0, len(uids), _MAX_UIDS):
        some = sessions.c.uid.in_(uids[start : start + _MAX_UIDS])
        query = select(sessions.c.uid, sessions.c.name).where(sessions.c.deleted, some)
        found |= {row.uid: row.name for row in connection.execute(query)}
    return found


def save(connection: Connection, rows: Sequence[SessionRow]) -> None:
    """Insert sessions, at least one, or replace `object` and `deleted` of stored ones."""
    statement = upsert(connection, sessions)
    new = {name: statement.excluded[name] for name in ("object", "deleted")}
    connection.execute(
        statement.on_conflict_do_update(index_elements=["uid"], set_=new),
        [row._asdict() for row in rows],
    )


def mark_deleted_except(connection: Connection, present: AbstractSet[str]) -> None:
    """Mark all sessions as deleted whose UIDs are not in `present`."""
    known = connection.execute(select(sessions.c.uid).where(~sessions.c.deleted)).scalars()
    gone = [{"gone": uid} for uid in known if uid not in present]
    if gone:
        statement = update(sessions).where(sessions.c.uid == bindparam("gone")).values(deleted=True)
        connection.execute(statement, gone)
