"""The asynchronous client's part for the audit log: `AsyncClient.audit`."""

from __future__ import annotations

from trainyard.async_connection import AsyncConnection
from trainyard.audit import calls
from trainyard.audit.answers import AuditEvents


class AsyncAudit:
    """Who did what (administrators). Methods raise the errors of `trainyard.errors`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def events(
        self, *, limit: int = 1000, cursor: str | None = None, **filters: str | None
    ) -> AuditEvents:
        """A page of events, newest first.

        Filters are `user`, `kind`, `object`, `verb`, `channel`, `since` and `until`.
        """
        return await self._connection.send(calls.events(filters, limit).after(cursor))
