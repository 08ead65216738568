"""A part of a transaction that can fail without the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")


class TransactionRolledBack(Exception):
    """The database gave up the whole transaction.

    SQLite does so when the disk is full, PostgreSQL when the connection is lost.
    """

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason
        """The error that the database reported."""


def in_savepoint(connection: Connection, action: Callable[[Connection], T]) -> T:
    """Run `action` inside a savepoint and return its result.

    If it raises, only its own changes are undone. A fault of the savepoint itself
    says nothing about `action`: drivers raise errors of many kinds when a connection is lost.

    Raises TransactionRolledBack if the database gave up the whole transaction, otherwise what
    `action` raises.
    """
    try:
        savepoint = connection.begin_nested()
    except Exception as error:
        raise TransactionRolledBack(error) from error
    try:
        result = action(connection)
    except Exception as error:
        # If no savepoint is left, rolling back to it would hide the reason, and later statements
        # would run outside of a transaction.
        if _is_rolled_back(connection):
            raise TransactionRolledBack(error) from error
        try:
            savepoint.rollback()
        except Exception:
            raise TransactionRolledBack(error) from error
        raise
    try:
        savepoint.commit()
    except Exception as error:
        raise TransactionRolledBack(error) from error
    return result


def _is_rolled_back(connection: Connection) -> bool:
    if connection.invalidated:
        return True
    if connection.dialect.name != "sqlite":
        return False
    raw: Any = connection.connection.dbapi_connection
    return not raw.in_transaction
