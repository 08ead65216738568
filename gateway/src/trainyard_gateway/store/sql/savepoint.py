"""A part of a transaction that can fail alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

T = TypeVar("T")


class UndoneError(Exception):
    """The database has undone the whole transaction by itself, as SQLite does when the disk is full."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason


def alone(connection: Connection, work: Callable[[Connection], T]) -> T:
    """Run `work`; what it did is undone when it raises, and nothing else. Raises UndoneError, and what `work` raises."""
    savepoint = connection.begin_nested()
    try:
        result = work(connection)
    except Exception as error:
        # There is no savepoint left to go back to; the attempt would hide the reason, and what follows would run without a transaction.
        if _is_undone(connection):
            raise UndoneError(error) from error
        savepoint.rollback()
        raise
    savepoint.commit()
    return result


def _is_undone(connection: Connection) -> bool:
    if connection.dialect.name != "sqlite":
        return False
    return not connection.connection.dbapi_connection.in_transaction  # type: ignore[union-attr]  # sqlite3's, which is there
