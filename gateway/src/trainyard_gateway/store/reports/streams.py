"""Streams: the senders of batches, by number, each with the highest sequence that was accepted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from trainyard_api.report import Batch
from trainyard_gateway.store.schema.tables import batches, inbox, streams
from trainyard_gateway.store.sql.dialect import upsert

_MAX_CACHED = 100_000

StreamKey = tuple[str, int, str]
"""Session UID, attempt, name of the stream."""


@dataclass(slots=True)
class Stream:
    """A row of `streams`."""

    id: int
    highest_sequence: int = 0
    """Highest sequence that this process knows to be accepted.

    Another gateway may have accepted a higher one.
    """


class Streams:
    """Finds and creates streams. They are cached, since their rows are never changed or deleted."""

    def __init__(self) -> None:
        self._cached: dict[StreamKey, Stream] = {}

    def clear_cache(self) -> None:
        """Empty the cache, which may hold what a failed transaction did not write."""
        self._cached.clear()

    def find_or_create(
        self, connection: Connection, group: Iterable[Batch]
    ) -> dict[StreamKey, Stream]:
        """The streams of all given batches."""
        keys = {stream_key(batch) for batch in group}
        if len(self._cached) > _MAX_CACHED:
            self._cached.clear()
        self._load(connection, keys - self._cached.keys())
        missing = sorted(keys - self._cached.keys())
        if missing:
            columns = ("session_uid", "attempt", "stream")
            statement = upsert(connection, streams).on_conflict_do_nothing()
            connection.execute(statement, [dict(zip(columns, m, strict=True)) for m in missing])
            self._load(connection, missing)
        return {key: self._cached[key] for key in keys}

    def _load(self, connection: Connection, keys: Iterable[StreamKey]) -> None:
        """Cache all streams of the keys' sessions."""
        sessions = {uid for uid, _, _ in keys}
        if sessions:
            query = _STREAMS.where(streams.c.session_uid.in_(sorted(sessions)))
            for r in connection.execute(query):
                highest = max(r.applied or 0, r.pending or 0)
                self._cached[r.session_uid, r.attempt, r.stream] = Stream(r.id, highest)


def stream_key(batch: Batch) -> StreamKey:
    """The stream that a batch belongs to."""
    return batch.session_uid, batch.attempt, batch.stream


_STREAMS = select(
    streams,
    *(
        select(func.max(table.c.sequence))
        .where(table.c.stream_id == streams.c.id)
        .scalar_subquery()
        .label(name)
        for table, name in ((batches, "applied"), (inbox, "pending"))
    ),
)
