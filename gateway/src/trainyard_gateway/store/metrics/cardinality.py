"""How many different metrics a session may have."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, select

from trainyard_api.report import Batch
from trainyard_gateway.errors import Unprocessable
from trainyard_gateway.store.metrics.series import storable
from trainyard_gateway.store.schema.tables import series

NAMES_PER_SESSION = 2_000
"""Different metric names of one session at most."""
_CACHED = 1_000_000


class TooManyNames(Unprocessable):
    """A session may have only so many different metrics."""


class Names:
    """The metrics of sessions, those that wait to be stored included. Where several processes take in reports each counts for itself."""

    def __init__(self) -> None:
        self._known: dict[str, set[str]] = {}
        self._count = 0

    def forget(self) -> None:
        """After a transaction that failed: what was remembered may not be true."""
        self._known.clear()
        self._count = 0

    def admit(self, connection: Connection, group: Iterable[Batch]) -> None:
        """Raises TooManyNames."""
        for batch in group:
            if not batch.metrics:
                continue
            known = self._of(connection, batch.session_uid)
            for row in batch.metrics:
                if not known.issuperset(row.values):
                    self._add(known, {storable(name) for name in row.values})

    def _of(self, connection: Connection, uid: str) -> set[str]:
        known = self._known.get(uid)
        if known is None:
            if self._count > _CACHED:
                self.forget()
            query = select(series.c.name).where(series.c.session_uid == uid)
            known = self._known[uid] = set(connection.execute(query).scalars())
            self._count += len(known)
        return known

    def _add(self, known: set[str], names: set[str]) -> None:
        new = names - known
        if len(known) + len(new) > NAMES_PER_SESSION:
            raise TooManyNames(
                f"a session has at most {NAMES_PER_SESSION} different metrics; use fewer names"
            )
        known |= new
        self._count += len(new)
