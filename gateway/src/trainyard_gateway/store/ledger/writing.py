"""Rows of `allocations`, written again from every state of a session: once or often is the same."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import orjson
from sqlalchemy import Connection, case, func, select, update

from trainyard_gateway.store.ledger.record import UNKNOWN, AllocationRow, Rows, last_sign
from trainyard_gateway.store.schema.ledger_tables import allocations
from trainyard_gateway.store.schema.tables import sessions
from trainyard_gateway.store.sql.dialect import upsert

_KEY = ("session_uid", "kind", "number")


def save(connection: Connection, found: Sequence[Rows]) -> None:
    """Add what follows from the states of some sessions.

    A recorded end stands for good; an attempt under way only follows what is not over; an unknown
    one replaces nothing.
    """
    _put(connection, [row for rows in found for row in rows.recorded], over=None)
    _put(
        connection,
        [row for rows in found for row in rows.open],
        over=allocations.c.finish.is_(None),
    )
    _note_unknown(connection, [row for rows in found for row in rows.unknown])


def _note_unknown(connection: Connection, rows: list[AllocationRow]) -> None:
    """Add attempts without a record; one that was seen under way is over."""
    if not rows:
        return
    statement = upsert(connection, allocations)
    start, given = allocations.c.start, statement.excluded.finish
    new = {"finish": case((start > given, start), else_=given), "exact": False, "outcome": UNKNOWN}
    statement = statement.on_conflict_do_update(
        index_elements=_KEY, set_=new, where=allocations.c.finish.is_(None)
    )
    connection.execute(statement, [row._asdict() for row in rows])


def _put(connection: Connection, rows: list[AllocationRow], over: object) -> None:
    if not rows:
        return
    statement = upsert(connection, allocations)
    fields = (name for name in AllocationRow._fields if name not in _KEY)
    new = {name: statement.excluded[name] for name in fields}
    known, given = allocations.c.checkpoint, statement.excluded.checkpoint
    # Who shares a session with another team later moves nothing of what a budget has paid.
    team = allocations.c.team
    new["team"] = case((team != "", team), else_=statement.excluded.team)
    # The next attempt's checkpoints are none of this one: what is known of it stays.
    new["checkpoint"] = case((known > func.coalesce(given, -1), known), else_=given)
    connection.execute(
        statement.on_conflict_do_update(index_elements=_KEY, set_=new, where=over),
        [row._asdict() for row in rows],
    )


def close_gone(connection: Connection, present: AbstractSet[str]) -> None:
    """End what sessions held that are not in `present`, which were deleted unseen.

    They held it at least until their last sign of life.
    """
    table = allocations.c
    query = select(table.session_uid, table.number, table.start).where(table.finish.is_(None))
    for row in connection.execute(query).all():
        if row.session_uid in present:
            continue
        text = select(sessions.c.object).where(sessions.c.uid == row.session_uid)
        body = connection.execute(text).scalar_one_or_none()
        seen = last_sign(orjson.loads(body)) if body is not None else None
        own = (table.session_uid == row.session_uid) & table.finish.is_(None)
        finish = max(seen or row.start, row.start)
        ended = {"finish": finish, "exact": False, "outcome": UNKNOWN}
        connection.execute(update(allocations).where(own).values(ended))
