"""The asynchronous client's part for owners: `AsyncClient.owners`."""

from __future__ import annotations

from typing import Literal

from trainyard.async_connection import AsyncConnection
from trainyard.owners import calls
from trainyard.owners.answers import Owner

Shared = Literal["session", "dataset", "model"]


class AsyncOwners:
    """Whose objects are, and who sees them. Methods raise the errors of `trainyard.errors`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def of(self, kind: Shared, name: str) -> Owner:
        """Whose a session, dataset or model is. Raises NotFound."""
        return await self._connection.send(calls.owner(kind, name))

    async def share(
        self,
        kind: Shared,
        name: str,
        *,
        visibility: str | None = None,
        team: str | None = None,
        user: str | None = None,
    ) -> Owner:
        """Let others see it, or give it to another team or, unless it is a session, user.

        `visibility` is `private`, `team` or `all`. Raises NotFound, NotPermitted and Invalid.
        """
        given = {"visibility": visibility, "team": team, "user": user}
        changes = {key: value for key, value in given.items() if value is not None}
        return await self._connection.send(calls.share(kind, name, changes))
