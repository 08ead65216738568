"""Sums of the ledger, read from the database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import orjson
from sqlalchemy import Connection, Double, Select, cast, func, select

from trainyard_api.rights.owner import User
from trainyard_api.session.allocation import AllocationKind
from trainyard_gateway.errors import Unprocessable
from trainyard_gateway.store.access import owners
from trainyard_gateway.store.access.owners import Kind
from trainyard_gateway.store.ledger.intervals import Interval
from trainyard_gateway.store.ledger.sums import Held, Key, Sums, grouped
from trainyard_gateway.store.schema.ledger_tables import allocations

MOST_READ: Final = 200_000
"""Rows of the ledger that one question reads at most."""
_ROWS_AT_ONCE: Final = 2_000


class Wanted(NamedTuple):
    """What is asked of the ledger."""

    by: tuple[str, ...]
    """Each of user, queue, month and label at most once."""
    window: Interval
    now: int
    """Attempts under way count until then, in microseconds since the epoch."""
    label: str = ""
    """The label by whose value is grouped."""
    user: str | None = None
    """Only this user's sessions."""
    queue: str | None = None
    """Only sessions of this queue."""
    asker: User = User("", None)
    """Only sessions that this user sees."""


def sums(connection: Connection, wanted: Wanted, most: int = MOST_READ) -> dict[Key, Sums]:
    """Sums by group, in the order of the groups.

    Raises Unprocessable if more than `most` rows would have to be read.
    """
    rows = _rows(connection, _query(wanted), wanted.label, most)

    def key(row: Held, month: str) -> Key:
        values = {"user": row.user, "queue": row.queue, "label": row.label, "month": month}
        return tuple(values[name] for name in wanted.by)

    return grouped(rows, key, wanted.window, wanted.now)


def _query(wanted: Wanted) -> Select[tuple[object, ...]]:
    table, (since, until) = allocations.c, wanted.window
    begun = func.coalesce(table.start, table.finish) < until
    seen = owners.visible(wanted.asker, Kind.SESSION, table.session_uid)
    query = select(allocations).where(begun, table.finish.is_(None) | (table.finish >= since), seen)
    if wanted.user is not None:
        query = query.where(table.user == wanted.user)
    if wanted.queue is not None:
        query = query.where(table.queue == wanted.queue)
    return query


def _rows(
    connection: Connection, query: Select[tuple[object, ...]], label: str, most: int
) -> Iterator[Held]:
    found = connection.execute(query.execution_options(yield_per=_ROWS_AT_ONCE))
    for number, row in enumerate(found.mappings()):
        if number == most:
            raise Unprocessable(
                f"since and until: more than {most:,} attempts lie between them; ask for less time"
            )
        value = orjson.loads(row["labels"]).get(label, "") if label else ""
        yield Held(label=value, **{k: row[k] for k in Held._fields if k != "label"})


class Total(NamedTuple):
    """GPU-seconds of a user in a queue."""

    queue: str
    user: str
    seconds: float


def totals(connection: Connection) -> list[Total]:
    """GPU-seconds of attempts that are over, by queue and user; who was first comes first."""
    table = allocations.c
    seconds = func.sum(cast(table.finish - table.start, Double) * table.gpus / 1e6)
    query = (
        select(table.queue, table.user, seconds)
        .where(table.kind == AllocationKind.ATTEMPT.value)
        .where(table.start.is_not(None), table.finish.is_not(None))
        .group_by(table.queue, table.user)
        .order_by(func.min(table.finish), table.queue, table.user)
    )
    return [Total(*row) for row in connection.execute(query)]
