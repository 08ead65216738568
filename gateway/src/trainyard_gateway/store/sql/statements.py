"""Statements whose parameters are given by place.

SQLAlchemy puts the parameters of every row together by name, which for the rows of reports takes longer than to write them. Here its
text is made once for each kind of database, and rows go to the driver as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from sqlalchemy import ClauseElement, Connection

_BLOCK = 128
"""Rows of the widest table are within the 32,766 parameters that SQLite takes."""


class Prepared:
    """A statement and the names of its parameters, in the order in which rows give them; its constants come behind them."""

    def __init__(self, statement: ClauseElement, names: Sequence[str]) -> None:
        self._statement, self._names = statement, list(names)
        self._compiled: dict[str, tuple[str, tuple[Any, ...]]] = {}

    def rows(self, connection: Connection, *given: Any) -> Sequence[Any]:
        """Everything that a query finds."""
        text, constants = self._of(connection)
        return connection.exec_driver_sql(text, given + constants).fetchall()

    def tuples(self, connection: Connection, *given: Any) -> Sequence[Any]:
        """The same as the driver gives it: to make rows with names takes longer than to read them."""
        text, constants = self._of(connection)
        result = connection.exec_driver_sql(text, given + constants)
        found: Sequence[Any] = result.cursor.fetchall()
        result.close()
        return found

    def many(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Carry the statement out for each row of parameters."""
        if not rows:
            return
        text, _ = self._of(connection)
        if connection.dialect.name == "sqlite" and text.startswith("INSERT"):
            rows = _blocks(connection, text, rows)
        if rows:
            connection.exec_driver_sql(text, rows)

    def _of(self, connection: Connection) -> tuple[str, tuple[Any, ...]]:
        """Text and constants."""
        dialect = connection.dialect
        found = self._compiled.get(dialect.name)
        if found is None:
            compiled: Any = self._statement.compile(dialect=dialect, column_keys=self._names)
            places, count = list(compiled.positiontup), len(self._names)
            # Which order SQLAlchemy gives them is not ours to choose.
            if places[:count] != self._names:
                raise TypeError(f"parameters come as {places}, not as {self._names}")
            constants = tuple(compiled.params[name] for name in places[count:])
            found = self._compiled[dialect.name] = str(compiled), constants
        return found


def _blocks(
    connection: Connection, text: str, rows: Sequence[tuple[Any, ...]]
) -> Sequence[tuple[Any, ...]]:
    """Insert blocks of rows by one statement each; what is left. SQLite does a row of them in three quarters of the time, and Python's
    lock changes hands once a block."""
    full = len(rows) // _BLOCK * _BLOCK
    several = text + f", ({', '.join('?' * len(rows[0]))})" * (_BLOCK - 1)
    for first in range(0, full, _BLOCK):
        block = chain.from_iterable(rows[first : first + _BLOCK])
        connection.exec_driver_sql(several, tuple(block))
    return rows[full:]
