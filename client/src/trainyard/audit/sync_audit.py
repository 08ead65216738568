"""The blocking client's part for the audit log: `AsyncClient.audit`.

Generated from audit/async_audit.py by `make manifests`; do not edit.
"""

from __future__ import annotations

from trainyard.audit import calls
from trainyard.audit.answers import AuditEvents
from trainyard.sync_connection import Connection


class Audit:
    """Who did what (administrators). Methods raise the errors of `trainyard.errors`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def events(
        self, *, limit: int = 1000, cursor: str | None = None, **filters: str | None
    ) -> AuditEvents:
        """A page of events, newest first.

        Filters are `user`, `kind`, `object`, `verb`, `channel`, `since` and `until`.
        """
        return self._connection.send(calls.events(filters, limit).after(cursor))
