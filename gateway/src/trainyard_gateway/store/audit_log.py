"""Rows of the audit log (table `auth_logs`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, select

from trainyard_gateway.store.schema.tables import auth_logs


class AuditRow(NamedTuple):
    """An attempt to authenticate, without the row's id."""

    time: str
    """RFC 3339."""
    client: str
    """Address."""
    method: str
    path: str
    accepted: bool
    reason: str
    key_id: str | None
    """Public part of the key, if it is known."""
    request_id: str | None


def append(connection: Connection, rows: Sequence[AuditRow], keep: int | None = None) -> None:
    """Insert rows, at least one. With `keep`, delete all but about that many of the newest rows."""
    connection.execute(insert(auth_logs), [row._asdict() for row in rows])
    if keep is not None:
        newest = connection.execute(select(func.max(auth_logs.c.id))).scalar_one()
        connection.execute(delete(auth_logs).where(auth_logs.c.id <= newest - keep))
