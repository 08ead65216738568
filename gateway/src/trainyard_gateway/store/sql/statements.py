"""Statements that are compiled once for each database and take parameters by position.

SQLAlchemy matches the parameters of every row by name. For the rows of reports that takes longer
than writing them. A compiled statement passes rows to the driver unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from sqlalchemy import ClauseElement, Connection, Select

_BLOCK_ROWS = 128
"""Rows of one INSERT. The widest table stays within the 32,766 parameters that SQLite accepts."""


class CompiledStatement:
    """A statement with the names of its parameters, in the order in which callers pass the values.

    The statement's constants are appended to the values. The first use raises TypeError if
    SQLAlchemy orders the parameters differently.
    """

    def __init__(self, statement: ClauseElement, names: Sequence[str]) -> None:
        self._statement, self._names = statement, list(names)
        self._compiled: dict[str, tuple[str, tuple[Any, ...]]] = {}

    def fetch_rows(self, connection: Connection, *values: Any) -> Sequence[Any]:
        """All rows of a query, with columns as attributes."""
        text, constants = self._compile(connection)
        return connection.exec_driver_sql(text, values + constants).fetchall()

    def fetch_tuples(self, connection: Connection, *values: Any) -> Sequence[Any]:
        """All rows of a query as the driver's tuples."""
        text, constants = self._compile(connection)
        result = connection.exec_driver_sql(text, values + constants)
        found: Sequence[Any] = result.cursor.fetchall()
        result.close()
        return found

    def execute_many(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Execute the statement once for each row of values; does nothing without rows."""
        if not rows:
            return
        text, _ = self._compile(connection)
        if connection.dialect.name == "sqlite" and text.startswith("INSERT"):
            rows = _insert_full_blocks(connection, text, rows)
        if rows:
            connection.exec_driver_sql(text, rows)

    def _compile(self, connection: Connection) -> tuple[str, tuple[Any, ...]]:
        """The statement's text and its constants for the connection's kind of database."""
        dialect = connection.dialect
        found = self._compiled.get(dialect.name)
        if found is None:
            compiled: Any = self._statement.compile(dialect=dialect, column_keys=self._names)
            positions, count = list(compiled.positiontup), len(self._names)
            if positions[:count] != self._names:
                raise TypeError(f"parameters come as {positions}, not as {self._names}")
            constants = tuple(compiled.params[name] for name in positions[count:])
            found = self._compiled[dialect.name] = str(compiled), constants
        return found


def fetch_tuples(connection: Connection, query: Select[Any]) -> Sequence[Any]:
    """All rows of a query as the driver's tuples; for columns of texts and numbers.

    Rows with attributes cost more than reading them.
    """
    result: Any = connection.execute(query)
    found: Sequence[Any] = result.cursor.fetchall()
    result.close()
    return found


def _insert_full_blocks(
    connection: Connection, text: str, rows: Sequence[tuple[Any, ...]]
) -> Sequence[tuple[Any, ...]]:
    """Insert all full blocks of rows, one statement for each block; returns the remaining rows.

    A row of a block costs SQLite three quarters of the time of a single row, and Python's global
    lock changes hands once for each block.
    """
    full = len(rows) // _BLOCK_ROWS * _BLOCK_ROWS
    block_text = text + f", ({', '.join('?' * len(rows[0]))})" * (_BLOCK_ROWS - 1)
    for first in range(0, full, _BLOCK_ROWS):
        block = chain.from_iterable(rows[first : first + _BLOCK_ROWS])
        connection.exec_driver_sql(block_text, tuple(block))
    return rows[full:]
