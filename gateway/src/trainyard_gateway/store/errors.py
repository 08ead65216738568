"""Errors of the database, for callers that do not know SQLAlchemy."""

from __future__ import annotations

import errno
import socket
from typing import Final

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

DatabaseError = SQLAlchemyError
"""Any error that the database or its driver reports."""

_AWAY: Final = ("08", "53", "57")
"""Classes of SQLSTATE: the connection is broken, the server has no resources, or it is stopped,
started or restored."""
_NETWORK: Final = frozenset(
    {errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETUNREACH, errno.ETIMEDOUT}
)


class DumpError(Exception):
    """A dump of the tables cannot be written or loaded; the message says why."""


def is_unavailable(error: BaseException) -> bool:
    """Whether an error says that the database does not answer, or cannot write at the moment."""
    if isinstance(error, (OperationalError, InterfaceError, ConnectionError, TimeoutError)):
        return True
    if isinstance(error, OSError):  # of a connection that is being opened
        return isinstance(error, socket.gaierror) or error.errno in _NETWORK
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or _is_away(error.orig)
    return _is_away(error)


def _is_away(error: BaseException | None) -> bool:
    """Whether PostgreSQL said so; before the first statement asyncpg's errors come as they are."""
    state = getattr(error, "sqlstate", None)
    return isinstance(state, str) and state.startswith(_AWAY)
