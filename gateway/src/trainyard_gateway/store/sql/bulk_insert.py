"""Inserting many new rows, each kind of database in its quickest way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Table, insert
from sqlalchemy.util import await_only

from trainyard_gateway.store.sql.statements import Prepared

Append = Callable[[Connection, Table, Sequence[str], list[Any]], None]
"""Inserts rows that are all new: into which table, names of the columns, values by place."""


def by_blocks(
    connection: Connection, table: Table, columns: Sequence[str], rows: list[Any]
) -> None:
    """Several rows a statement."""
    prepared = _PREPARED.get(table.name)
    if prepared is None:
        prepared = _PREPARED[table.name] = Prepared(insert(table), columns)
    prepared.many(connection, rows)


_PREPARED: dict[str, Prepared] = {}


def by_copy(connection: Connection, table: Table, columns: Sequence[str], rows: list[Any]) -> None:
    """PostgreSQL's COPY."""
    if rows:
        raw: Any = connection.connection.driver_connection
        await_only(raw.copy_records_to_table(table.name, records=rows, columns=columns))
