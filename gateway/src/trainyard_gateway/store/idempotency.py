"""Rows of `idempotency`: which session a request with an Idempotency-Key has created."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, select

from trainyard_gateway.store.schema.tables import idempotency
from trainyard_gateway.store.sql.dialect import upsert


class IdempotencyRow(NamedTuple):
    """A row of `idempotency`."""

    key: str
    """Hash of the user and the key."""
    body_sha256: str
    """Hash of the request's body."""
    session: str
    """UID of the session."""
    created: str
    """RFC 3339."""


def find(connection: Connection, key: str) -> IdempotencyRow | None:
    """The row of a key."""
    row = connection.execute(select(idempotency).where(idempotency.c.key == key)).one_or_none()
    return IdempotencyRow(*row) if row is not None else None


def insert_if_absent(connection: Connection, row: IdempotencyRow) -> None:
    """Insert a row unless its key exists."""
    statement = upsert(connection, idempotency).values(row._asdict())
    connection.execute(statement.on_conflict_do_nothing())
