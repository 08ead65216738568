"""The asynchronous client's part for limits: `AsyncClient.limits`."""

from __future__ import annotations

from typing import Any

from trainyard.async_connection import AsyncConnection
from trainyard.limits import calls
from trainyard.limits.answers import Limit


class AsyncLimits:
    """Limits of users, teams and keys. Methods raise the errors of `trainyard.errors`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def all(self) -> list[Limit]:
        """Those that the caller is under; for administrators all."""
        return (await self._connection.send(calls.limits())).limits

    async def one(self, kind: str, name: str) -> Limit:
        """The limit of a `user`, `team` or `key`. Raises NotFound."""
        return await self._connection.send(calls.limit(kind, name))

    async def set(self, kind: str, name: str, **limit: Any) -> Limit:
        """Set a limit in place of the one of before (administrators).

        Names are those of the API, such as `maxGpus`, `gpuHours`, `period` and `whenSpent`. Raises
        NotFound or Invalid for a user, team or key that is not there.
        """
        return await self._connection.send(calls.put(kind, name, limit))

    async def remove(self, kind: str, name: str) -> None:
        """Delete a limit (administrators). Raises NotFound."""
        await self._connection.deliver(calls.remove(kind, name))
