"""The blocking client's part for logins by single sign-on: `AsyncClient.logins`.

Generated from logins/async_logins.py by `make manifests`; do not edit.
"""

from __future__ import annotations

from trainyard.logins import calls
from trainyard.logins.answers import DeviceAnswer, DeviceLogin, OpenLogins
from trainyard.sync_connection import Connection


class Logins:
    """Logins by single sign-on. Methods raise the errors of `trainyard.errors`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def begin_device(self) -> DeviceLogin:
        """Begin a login, which a person ends in any browser. It needs no key.

        Raises NotFound where there is no single sign-on.
        """
        return self._connection.send(calls.begin_device())

    def ask_device(self, handle: str) -> DeviceAnswer:
        """Ask for the end of a login; only the response that it is open holds its key.

        Raises Forbidden if the provider or the installation refuses.
        """
        return self._connection.send(calls.ask_device(handle))

    def end(self) -> None:
        """End the login of this client's key. An API key stays as it is."""
        self._connection.deliver(calls.end())

    def all(self, user: str | None = None, *, cursor: str | None = None) -> OpenLogins:
        """Logins by single sign-on, newest first (administrators); with `user` only this one's."""
        return self._connection.send_pages(calls.logins(user), "logins", cursor)

    def end_one(self, id: str) -> None:
        """End a login of anyone (administrators). Raises NotFound for one that is not open."""
        self._connection.deliver(calls.end_one(id))
