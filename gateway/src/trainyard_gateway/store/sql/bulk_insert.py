"""Inserts of many new rows, in the fastest way of each kind of database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Table, insert
from sqlalchemy.util import await_only

from trainyard_gateway.store.sql.statements import CompiledStatement

BulkInsert = Callable[[Connection, Table, Sequence[str], list[Any]], None]
"""Inserts new rows: (connection, table, column names, rows of values by position)."""


def insert_in_blocks(
    connection: Connection, table: Table, columns: Sequence[str], rows: list[Any]
) -> None:
    """INSERT with many rows in one statement, for SQLite.

    `columns` must be the same in each call for a table.
    """
    statement = _STATEMENTS.get(table.name)
    if statement is None:
        statement = _STATEMENTS[table.name] = CompiledStatement(insert(table), columns)
    statement.execute_many(connection, rows)


_STATEMENTS: dict[str, CompiledStatement] = {}
"""By table name."""


def insert_by_copy(
    connection: Connection, table: Table, columns: Sequence[str], rows: list[Any]
) -> None:
    """PostgreSQL's COPY, through asyncpg."""
    if rows:
        raw: Any = connection.connection.driver_connection
        await_only(raw.copy_records_to_table(table.name, records=rows, columns=columns))
