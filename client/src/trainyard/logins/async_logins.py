"""The asynchronous client's part for logins by single sign-on: `AsyncClient.logins`."""

from __future__ import annotations

from trainyard.async_connection import AsyncConnection
from trainyard.logins import calls
from trainyard.logins.answers import DeviceAnswer, DeviceLogin, OpenLogins


class AsyncLogins:
    """Logins by single sign-on. Methods raise the errors of `trainyard.errors`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def begin_device(self) -> DeviceLogin:
        """Begin a login, which a person ends in any browser. It needs no key.

        Raises NotFound where there is no single sign-on.
        """
        return await self._connection.send(calls.begin_device())

    async def ask_device(self, handle: str) -> DeviceAnswer:
        """Ask for the end of a login; only the response that it is open holds its key.

        Raises Forbidden if the provider or the installation refuses.
        """
        return await self._connection.send(calls.ask_device(handle))

    async def end(self) -> None:
        """End the login of this client's key. An API key stays as it is."""
        await self._connection.deliver(calls.end())

    async def all(self, user: str | None = None, *, cursor: str | None = None) -> OpenLogins:
        """Logins by single sign-on, newest first (administrators); with `user` only this one's."""
        return await self._connection.send_pages(calls.logins(user), "logins", cursor)

    async def end_one(self, id: str) -> None:
        """End a login of anyone (administrators). Raises NotFound for one that is not open."""
        await self._connection.deliver(calls.end_one(id))
