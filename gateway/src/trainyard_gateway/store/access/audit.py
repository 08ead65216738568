"""Rows of `audit_events` and `audit_states`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, tuple_

from trainyard_gateway.store.schema.audit_tables import audit_events, audit_states
from trainyard_gateway.store.sql.dialect import upsert

PRUNED_AT_ONCE: Final = 5_000
_UIDS_AT_ONCE: Final = 500


class AuditRow(NamedTuple):
    """A row of `audit_events`, without its id."""

    time: int
    user: str
    channel: str
    credential: str
    client: str
    verb: str
    kind: str
    object: str
    uid: str
    status: int
    detail: str
    request_id: str
    mark: str | None


class AuditQuery(NamedTuple):
    """Which events; None and empty texts ask for all."""

    user: str | None = None
    kind: str | None = None
    object: str | None = None
    """Name, id or UID."""
    verb: str | None = None
    channel: str | None = None
    since: int | None = None
    until: int | None = None
    """Before this time."""


def append(connection: Connection, rows: Sequence[AuditRow]) -> None:
    """Insert events; one whose mark is there already is left out."""
    plain = [row._asdict() for row in rows if row.mark is None]
    marked = [row._asdict() for row in rows if row.mark is not None]
    if plain:
        connection.execute(insert(audit_events), plain)
    if marked:
        statement = upsert(connection, audit_events)
        connection.execute(statement.on_conflict_do_nothing(index_elements=["mark"]), marked)


def page(
    connection: Connection, wanted: AuditQuery, before: tuple[int, int] | None, limit: int
) -> list[tuple[int, AuditRow]]:
    """Ids and events, newest first, at most `limit`.

    `before`: time and id of the last event of the page before.
    """
    query = select(audit_events).where(*_conditions(wanted))
    if before is not None:
        query = query.where(tuple_(audit_events.c.time, audit_events.c.id) < before)
    order = (audit_events.c.time.desc(), audit_events.c.id.desc())
    found = connection.execute(query.order_by(*order).limit(limit)).all()
    return [(row.id, AuditRow(*row[1:])) for row in found]


def _conditions(wanted: AuditQuery) -> list[ColumnElement[bool]]:
    names = ("user", "kind", "verb", "channel")
    found = [
        audit_events.c[name] == value
        for name in names
        if (value := getattr(wanted, name)) is not None
    ]
    if wanted.object is not None:
        found.append(
            (audit_events.c.object == wanted.object) | (audit_events.c.uid == wanted.object)
        )
    if wanted.since is not None:
        found.append(audit_events.c.time >= wanted.since)
    if wanted.until is not None:
        found.append(audit_events.c.time < wanted.until)
    return found


def prune(connection: Connection, before: int) -> bool:
    """Delete some events older than `before`. Returns whether there may be more."""
    old = select(audit_events.c.id).where(audit_events.c.time < before).limit(PRUNED_AT_ONCE)
    gone = connection.execute(delete(audit_events).where(audit_events.c.id.in_(old))).rowcount
    return gone == PRUNED_AT_ONCE


def counts(connection: Connection, keep: int) -> dict[str, int]:
    """How many events each user has; empty if there are at most `keep`."""
    first, last = func.min(audit_events.c.id), func.max(audit_events.c.id)
    if (connection.execute(select(last - first + 1)).scalar_one() or 0) <= keep:
        return {}  # Ids have gaps: there are no more events than ids.
    query = select(audit_events.c.user, func.count()).group_by(audit_events.c.user)
    return {row[0]: row[1] for row in connection.execute(query)}


def prune_user(connection: Connection, user: str, keep: int) -> bool:
    """Delete some of the oldest events of a user with more than `keep`.

    Returns whether there may be more to delete.
    """
    own = audit_events.c.user == user
    many = connection.execute(select(func.count()).where(own)).scalar_one() - keep
    if many <= 0:
        return False
    order = (audit_events.c.time, audit_events.c.id)
    oldest = select(audit_events.c.id).where(own).order_by(*order).limit(min(many, PRUNED_AT_ONCE))
    connection.execute(delete(audit_events).where(audit_events.c.id.in_(oldest)))
    return many > PRUNED_AT_ONCE


def states(connection: Connection, uids: Sequence[str]) -> dict[str, str]:
    """What was last seen of these sessions, by UID."""
    found: dict[str, str] = {}
    for start in range(0, len(uids), _UIDS_AT_ONCE):
        some = audit_states.c.uid.in_(uids[start : start + _UIDS_AT_ONCE])
        query = select(audit_states.c.uid, audit_states.c.state).where(some)
        found |= {row.uid: row.state for row in connection.execute(query)}
    return found


def all_states(connection: Connection) -> list[str]:
    """UIDs of the sessions of which something was seen."""
    return list(connection.execute(select(audit_states.c.uid)).scalars())


def save_states(connection: Connection, found: Mapping[str, str]) -> None:
    """Remember what was seen now."""
    if not found:
        return
    statement = upsert(connection, audit_states)
    rows: list[dict[str, Any]] = [{"uid": uid, "state": state} for uid, state in found.items()]
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["uid"], set_={"state": statement.excluded.state}
        ),
        rows,
    )


def forget_states(connection: Connection, uids: Sequence[str]) -> None:
    """Forget sessions that are gone."""
    for start in range(0, len(uids), _UIDS_AT_ONCE):
        some = audit_states.c.uid.in_(uids[start : start + _UIDS_AT_ONCE])
        connection.execute(delete(audit_states).where(some))
