"""The blocking client's part for owners: `AsyncClient.owners`.

Generated from owners/async_owners.py by `make manifests`; do not edit.
"""

from __future__ import annotations

from typing import Literal

from trainyard.owners import calls
from trainyard.owners.answers import Owner
from trainyard.sync_connection import Connection

Shared = Literal["session", "dataset", "model"]


class Owners:
    """Whose objects are, and who sees them. Methods raise the errors of `trainyard.errors`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(self, kind: Shared, name: str) -> Owner:
        """Whose a session, dataset or model is. Raises NotFound."""
        return self._connection.send(calls.owner(kind, name))

    def share(
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
        return self._connection.send(calls.share(kind, name, changes))
