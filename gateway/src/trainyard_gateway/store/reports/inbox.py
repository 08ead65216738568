"""The inbox: batches that are durable and acknowledged, and not applied yet (table `arrivals`).

The inbox is the receiving half of the transactional outbox pattern. The points of a metric are
stored next to each other, so that each batch touches a different page for each of its metrics. Many
batches that are applied in one transaction cost a fraction of what they cost one by one.

Guarantees: a batch is identified by its stream and sequence and accepted once, whether it is in the
inbox or applied; an accepted batch survives the process; it leaves the inbox in the transaction
that applies it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import structlog
from pydantic import ValidationError
from sqlalchemy import (
    BigInteger,
    Connection,
    Text,
    bindparam,
    func,
    insert,
    select,
    text,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY

from trainyard_api.report import Batch
from trainyard_gateway.store.reports.streams import Stream, Streams, stream_key
from trainyard_gateway.store.schema.tables import batches, inbox
from trainyard_gateway.store.sql.statements import CompiledStatement

MAX_APPLIED = 20_000
"""Batches that one transaction applies at most."""
QUARANTINE_SECONDS = 60.0
"""Time until a quarantined entry is tried again."""
_READ_ENTRIES = 500

_log = structlog.get_logger()


class ReceivedBatch(NamedTuple):
    """A batch with the JSON that it was parsed from."""

    batch: Batch
    body: str

    @classmethod
    def of(cls, batch: Batch, body: bytes | None) -> ReceivedBatch:
        """Without a body the batch is written as JSON again."""
        text = batch.model_dump_json(by_alias=True) if body is None else body.decode()
        return cls(batch, text)


class InboxEntry(NamedTuple):
    """A durable batch that is not applied yet."""

    id: int
    stream_id: int
    batch: Batch


Row = tuple[Stream, int, str]
"""Stream, sequence, body."""
RowKey = tuple[int, int]
"""Stream id, sequence."""
InsertRows = Callable[[Connection, Sequence[Row]], dict[RowKey, int]]
"""Inserts the rows whose batches were not accepted before; returns their ids."""


class Inbox:
    """The table, with a cache of parsed batches.

    Only batches that another process accepted are read back.

    `clock`: monotonic, in seconds.
    """

    def __init__(
        self, insert_rows: InsertRows, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._insert_rows, self._clock = insert_rows, clock
        self._streams = Streams()
        self._parsed: dict[int, InboxEntry] = {}
        self._quarantined: dict[int, float] = {}
        """Times of the next try, by entry id."""

    def clear_cache(self) -> None:
        """Empty the cache of streams, which may hold what a failed transaction did not write."""
        self._streams.clear_cache()

    def insert(
        self, connection: Connection, received: Sequence[ReceivedBatch]
    ) -> list[InboxEntry | None]:
        """Insert batches; None for each that was accepted before or is repeated in `received`."""
        streams = self._streams.find_or_create(connection, [batch for batch, _ in received])
        rows: dict[RowKey, Row] = {}
        keys: list[RowKey | None] = []
        for batch, body in received:
            stream = streams[stream_key(batch)]
            key = stream.id, batch.sequence
            keys.append(key if key not in rows else None)
            rows.setdefault(key, (stream, batch.sequence, body))
        ids = self._insert_rows(connection, list(rows.values()))
        return [
            InboxEntry(ids[key], key[0], batch) if key is not None and key in ids else None
            for (batch, _), key in zip(received, keys, strict=True)
        ]

    def cache(self, entries: Sequence[InboxEntry | None]) -> None:
        """Keep parsed batches after the transaction that inserted them was committed."""
        self._parsed.update((entry.id, entry) for entry in entries if entry is not None)

    def has_pending(self, connection: Connection) -> bool:
        """Whether the inbox holds an entry that is not quarantined."""
        query = select(inbox.c.id).order_by(inbox.c.id).limit(len(self._quarantined) + 1)
        return any(not self._is_quarantined(id) for (id,) in connection.execute(query))

    def pending(self, connection: Connection) -> list[InboxEntry]:
        """The oldest MAX_APPLIED entries that are not quarantined, in the order of acceptance."""
        limit = MAX_APPLIED + len(self._quarantined)
        query = select(inbox.c.id).order_by(inbox.c.id).limit(limit)
        ids = [id for (id,) in connection.execute(query) if not self._is_quarantined(id)]
        ids = ids[:MAX_APPLIED]
        self._evict_applied_elsewhere(ids)
        self._read(connection, [id for id in ids if id not in self._parsed])
        return [self._parsed[id] for id in ids if id in self._parsed]

    def _evict_applied_elsewhere(self, ids: Sequence[int]) -> None:
        """Another process may have applied entries that this one has parsed.

        `ids`: the oldest pending ones.
        """
        newest, listed = ids[-1] if ids else 0, set(ids)
        self._parsed = {i: e for i, e in self._parsed.items() if i in listed or i > newest}

    def _read(self, connection: Connection, ids: Sequence[int]) -> None:
        for start in range(0, len(ids), _READ_ENTRIES):
            some = inbox.c.id.in_(ids[start : start + _READ_ENTRIES])
            for row in connection.execute(select(inbox).where(some)):
                try:
                    batch = Batch.model_validate_json(row.body)
                except ValidationError as error:
                    # Another version of the gateway accepted it.
                    self.quarantine(row.id, error)
                    continue
                self._parsed[row.id] = InboxEntry(row.id, row.stream_id, batch)

    def delete(self, connection: Connection, entries: Sequence[InboxEntry]) -> None:
        """Delete the rows of entries."""
        if connection.dialect.name == "postgresql":
            connection.execute(_DELETE_MANY, {"ids": [entry.id for entry in entries]})
        else:
            _DELETE.execute_many(connection, [(entry.id,) for entry in entries])

    def evict(self, entries: Sequence[InboxEntry]) -> None:
        """Forget entries after the transaction that deleted them was committed."""
        for entry in entries:
            self._parsed.pop(entry.id, None)
            self._quarantined.pop(entry.id, None)

    def quarantine(self, id: int, error: Exception) -> None:
        """Skip an entry that cannot be applied for QUARANTINE_SECONDS. It stays in the table."""
        if id not in self._quarantined:
            _log.error("a report cannot be applied and is quarantined", entry=id, error=str(error))
        self._quarantined[id] = self._clock() + QUARANTINE_SECONDS

    def _is_quarantined(self, id: int) -> bool:
        return id in self._quarantined and self._quarantined[id] > self._clock()


def insert_exclusive(connection: Connection, rows: Sequence[Row]) -> dict[RowKey, int]:
    """Insert rows where only this process accepts batches.

    Senders count sequences up, so only a sequence that is not above the highest one is looked up.
    """
    [(last_id,)] = _LAST_ID.fetch_tuples(connection)
    last_id = last_id or 0
    new: list[tuple[int, int, int, str]] = []
    for stream, sequence, body in rows:
        key = stream.id, sequence
        if sequence > stream.highest_sequence or not _EXISTS.fetch_rows(connection, *key, *key):
            stream.highest_sequence = max(stream.highest_sequence, sequence)
            new.append((last_id + len(new) + 1, *key, body))
    _INSERT.execute_many(connection, new)
    return {(stream_id, sequence): id for id, stream_id, sequence, _ in new}


def insert_shared(connection: Connection, rows: Sequence[Row]) -> dict[RowKey, int]:
    """Insert rows where several processes accept batches.

    The database looks each one up in both tables.
    """
    found = connection.execute(
        _INSERT_NEW,
        {
            "streams": [stream.id for stream, _, _ in rows],
            "sequences": [sequence for _, sequence, _ in rows],
            "bodies": [body for _, _, body in rows],
        },
    )
    return {(r.stream_id, r.sequence): r.id for r in found}


_LAST_ID = CompiledStatement(select(func.max(inbox.c.id)), [])
_EXISTS = CompiledStatement(
    union_all(
        select(batches.c.id).where(
            batches.c.stream_id == bindparam("stream"), batches.c.sequence == bindparam("sequence")
        ),
        select(inbox.c.id).where(
            inbox.c.stream_id == bindparam("same_stream"),
            inbox.c.sequence == bindparam("same_sequence"),
        ),
    ),
    ["stream", "sequence", "same_stream", "same_sequence"],
)
_INSERT = CompiledStatement(insert(inbox), ["id", "stream_id", "sequence", "body"])
_DELETE = CompiledStatement(inbox.delete().where(inbox.c.id == bindparam("number")), ["number"])

_BIGINTS, _TEXTS = ARRAY(BigInteger), ARRAY(Text)
# `keep_arrivals` is made by migration 0002.
_INSERT_NEW = text(
    "SELECT id, stream_id, sequence FROM keep_arrivals(:streams, :sequences, :bodies)"
).bindparams(
    bindparam("streams", type_=_BIGINTS),
    bindparam("sequences", type_=_BIGINTS),
    bindparam("bodies", type_=_TEXTS),
)
_DELETE_MANY = text("DELETE FROM arrivals WHERE id = ANY(:ids)").bindparams(
    bindparam("ids", type_=_BIGINTS)
)
