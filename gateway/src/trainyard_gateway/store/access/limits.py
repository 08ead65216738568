"""Rows of `limits`."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, delete, select

from trainyard_gateway.store.schema.limit_tables import limits
from trainyard_gateway.store.sql.dialect import upsert


class LimitRow(NamedTuple):
    """A row of `limits`; None is no limit."""

    kind: str
    """user, team or key."""
    name: str
    max_gpus: int | None
    gpu_hours: float | None
    period: str
    when_spent: str
    warn_percent: int
    queues: str | None
    """Separated by spaces."""
    max_priority: int | None
    changed: str
    """RFC 3339."""


def read(connection: Connection) -> list[LimitRow]:
    """All limits, by kind and name."""
    found = [LimitRow(*row) for row in connection.execute(select(limits))]
    return sorted(found, key=lambda row: (row.kind, row.name))


def save(connection: Connection, row: LimitRow) -> None:
    """Insert a limit, or replace the one of that kind and name."""
    statement = upsert(connection, limits)
    new = {name: statement.excluded[name] for name in LimitRow._fields if name not in _KEY}
    connection.execute(
        statement.on_conflict_do_update(index_elements=_KEY, set_=new), row._asdict()
    )


_KEY = ("kind", "name")


def remove(connection: Connection, kind: str, name: str) -> bool:
    """Delete a limit; whether there was one."""
    gone = delete(limits).where(limits.c.kind == kind, limits.c.name == name)
    return bool(connection.execute(gone).rowcount)
