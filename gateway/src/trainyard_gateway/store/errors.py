"""Errors of the database, for callers that do not know SQLAlchemy."""

from __future__ import annotations

from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError

DatabaseError = SQLAlchemyError
"""Any error that the database or its driver reports."""


class DumpError(Exception):
    """A dump of the tables cannot be written or loaded; the message says why."""


def is_unavailable(error: BaseException) -> bool:
    """Whether an error says that the database does not answer, or cannot write at the moment."""
    return isinstance(error, (OperationalError, InterfaceError, ConnectionError))
