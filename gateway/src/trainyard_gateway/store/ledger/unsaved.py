"""Which states of sessions the ledger still needs: most changes of a session are none of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from trainyard_gateway.store.ledger.record import Body, Rows, rows_of


class Unsaved:
    """Remembers what was saved of each session.

    Only this process does: after a restart everything is saved again, which changes nothing.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        """`clock` gives the microseconds since the epoch."""
        self._clock = clock
        self._saved: dict[str, int] = {}

    def of(self, bodies: Iterable[Body], deleted: bool) -> dict[str, Rows]:
        """The rows of those sessions that changed, by UID."""
        now = self._clock()
        found = {body["metadata"]["uid"]: rows_of(body, deleted, now) for body in bodies}
        return {uid: r for uid, r in found.items() if deleted or self._saved.get(uid) != hash(r)}

    def saved(self, rows: dict[str, Rows], deleted: bool) -> None:
        """These rows are in the database."""
        for uid, found in rows.items():
            if deleted:
                self._saved.pop(uid, None)
            else:
                self._saved[uid] = hash(found)

    def forget(self, uids: Iterable[str]) -> None:
        """These sessions are not in the cluster any more."""
        for uid in uids:
            self._saved.pop(uid, None)
