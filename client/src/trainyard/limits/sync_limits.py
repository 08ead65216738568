"""The blocking client's part for limits: `AsyncClient.limits`.

Generated from limits/async_limits.py by `make manifests`; do not edit.
"""

from __future__ import annotations

from typing import Any

from trainyard.limits import calls
from trainyard.limits.answers import Limit
from trainyard.sync_connection import Connection


class Limits:
    """Limits of users, teams and keys. Methods raise the errors of `trainyard.errors`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> list[Limit]:
        """Those that the caller is under; for administrators all."""
        return (self._connection.send(calls.limits())).limits

    def one(self, kind: str, name: str) -> Limit:
        """The limit of a `user`, `team` or `key`. Raises NotFound."""
        return self._connection.send(calls.limit(kind, name))

    def set(self, kind: str, name: str, **limit: Any) -> Limit:
        """Set a limit in place of the one of before (administrators).

        Names are those of the API, such as `maxGpus`, `gpuHours`, `period` and `whenSpent`. Raises
        NotFound or Invalid for a user, team or key that is not there.
        """
        return self._connection.send(calls.put(kind, name, limit))

    def remove(self, kind: str, name: str) -> None:
        """Delete a limit (administrators). Raises NotFound."""
        self._connection.deliver(calls.remove(kind, name))
