"""Who sends batches, by number, with the newest sequence of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from trainyard_api.report import Batch
from trainyard_gateway.store.schema.tables import arrivals, batches, streams
from trainyard_gateway.store.sql.dialect import upsert

_CACHED = 100_000

Sender = tuple[str, int, str]
"""Session UID, attempt, stream."""


@dataclass(slots=True)
class Stream:
    """What is known of one sender."""

    id: int
    newest: int = 0
    """Highest sequence that was taken in; where other processes take in too it may be higher by now."""


class Senders:
    """Finds and makes streams, and remembers them: they never change and never go."""

    def __init__(self) -> None:
        self._known: dict[Sender, Stream] = {}

    def forget(self) -> None:
        """After a transaction that failed: what was remembered may not be true."""
        self._known.clear()

    def of(self, connection: Connection, group: Iterable[Batch]) -> dict[Sender, Stream]:
        """The streams of the batches' senders, all of them; those that are missing are made."""
        senders = {sender(batch) for batch in group}
        if len(self._known) > _CACHED:
            self._known.clear()
        self._load(connection, senders - self._known.keys())
        missing = sorted(senders - self._known.keys())
        if missing:
            names = ("session_uid", "attempt", "stream")
            statement = upsert(connection, streams).on_conflict_do_nothing()
            connection.execute(statement, [dict(zip(names, m, strict=True)) for m in missing])
            self._load(connection, missing)
        return {s: self._known[s] for s in senders}

    def _load(self, connection: Connection, wanted: Iterable[Sender]) -> None:
        sessions = {uid for uid, _, _ in wanted}
        if sessions:
            query = _STREAMS.where(streams.c.session_uid.in_(sorted(sessions)))
            for r in connection.execute(query):
                newest = max(r.applied or 0, r.waiting or 0)
                self._known[r.session_uid, r.attempt, r.stream] = Stream(r.id, newest)


def sender(batch: Batch) -> Sender:
    """Who sent a batch."""
    return batch.session_uid, batch.attempt, batch.stream


_STREAMS = select(
    streams,
    *(
        select(func.max(table.c.sequence))
        .where(table.c.stream_id == streams.c.id)
        .scalar_subquery()
        .label(name)
        for table, name in ((batches, "applied"), (arrivals, "waiting"))
    ),
)
