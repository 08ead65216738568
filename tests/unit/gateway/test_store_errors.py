"""Which errors say that the database does not answer, so that callers are told to try again."""

from __future__ import annotations

import errno
import socket

import pytest
from asyncpg import exceptions as of_server
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError

from trainyard_gateway.store.errors import is_unavailable


class OfDriver(Exception):
    """What SQLAlchemy's dialect makes of an error of the server."""

    def __init__(self, sqlstate: str) -> None:
        self.sqlstate = sqlstate


AWAY = {
    "locked": OperationalError("", None, Exception()),
    "closed connection": InterfaceError("", None, Exception()),
    "refused": ConnectionRefusedError(),
    "reset": ConnectionResetError(),
    "silent": TimeoutError(),
    "no such name": socket.gaierror(socket.EAI_AGAIN, "try again"),
    "no route": OSError(errno.EHOSTUNREACH, "no route"),
    "broken while in use": DBAPIError("", None, Exception(), connection_invalidated=True),
    "ended by the administrator": DBAPIError("", None, OfDriver("57P01")),
    "starts up": of_server.CannotConnectNowError("starting up"),
    "too many connections": of_server.TooManyConnectionsError("too many"),
}
OTHERS = {
    "a double row": IntegrityError("", None, Exception()),
    "a wrong statement": DBAPIError("", None, OfDriver("42601")),
    "a wrong password": of_server.InvalidPasswordError("no"),
    "a missing file": FileNotFoundError(errno.ENOENT, "no file"),
    "a bug": KeyError("x"),
}


@pytest.mark.parametrize(
    ("error", "want"),
    [*((e, True) for e in AWAY.values()), *((e, False) for e in OTHERS.values())],
    ids=[*AWAY, *OTHERS],
)
def test_what_is_unavailable(error: BaseException, want: bool) -> None:
    assert is_unavailable(error) is want
