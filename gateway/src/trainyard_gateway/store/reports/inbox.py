"""Batches as they came: on disk and acknowledged, and not yet sorted into the tables that are read.

Points lie in the order of their metric, so that a batch touches a place of its own for each of its metrics. Many batches that are sorted in
together cost a fraction of what they cost one by one; here they wait for each other, while their senders go on.

Guarantees: a batch is known by its stream and sequence, and taken once, whether it waits or is sorted in; what waits is in the table, so
that it survives the process that took it; it leaves the table in the transaction that sorts it in.
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
from trainyard_gateway.store.reports.streams import Senders, Stream, sender
from trainyard_gateway.store.schema.tables import arrivals, batches
from trainyard_gateway.store.sql.statements import Prepared

AT_ONCE = 20_000
"""Batches that are sorted in by one transaction at most."""
_ASIDE_SECONDS = 60.0
"""What cannot be sorted in is tried again after this time."""

_log = structlog.get_logger()


class Report(NamedTuple):
    """What a sender gave."""

    batch: Batch
    body: str
    """The same as JSON."""


def report(batch: Batch, body: bytes | None) -> Report:
    """Of a batch and what it was read from, None where it was not read."""
    return Report(batch, batch.model_dump_json(by_alias=True) if body is None else body.decode())


class Arrival(NamedTuple):
    """A batch that waits."""

    id: int
    stream: int
    batch: Batch


Row = tuple[Stream, int, str]
"""Stream, sequence, body."""
Key = tuple[int, int]
"""Number of the stream, sequence."""
Keep = Callable[[Connection, Sequence[Row]], dict[Key, int]]
"""Writes down the rows that are not there already; their numbers."""


class Arrivals:
    """The table, and its batches as this process has parsed them: they are read back only where another one has taken them."""

    def __init__(self, keep: Keep, clock: Callable[[], float] = time.monotonic) -> None:
        self._keep, self._clock = keep, clock
        self._senders = Senders()
        self._parsed: dict[int, Arrival] = {}
        self._aside: dict[int, float] = {}
        """What could not be sorted in, and when to try again."""

    def forget(self) -> None:
        """After a transaction that failed: what was remembered may not be true."""
        self._senders.forget()

    def take(self, connection: Connection, group: Sequence[Report]) -> list[Arrival | None]:
        """Write a group of batches down; None for what was there already, or twice in the group."""
        streams = self._senders.of(connection, [batch for batch, _ in group])
        rows: dict[Key, Row] = {}
        first = []
        for batch, body in group:
            stream = streams[sender(batch)]
            key = stream.id, batch.sequence
            first.append(key if key not in rows else None)
            rows.setdefault(key, (stream, batch.sequence, body))
        kept = self._keep(connection, list(rows.values()))
        return [
            Arrival(kept[key], key[0], batch) if key is not None and key in kept else None
            for (batch, _), key in zip(group, first, strict=True)
        ]

    def remember(self, taken: Sequence[Arrival | None]) -> None:
        """What was taken is committed."""
        self._parsed.update((arrival.id, arrival) for arrival in taken if arrival is not None)

    def any(self, connection: Connection) -> bool:
        """Whether something waits that is not set aside."""
        query = select(arrivals.c.id).order_by(arrivals.c.id).limit(len(self._aside) + 1)
        return any(not self._is_aside(id) for (id,) in connection.execute(query))

    def waiting(self, connection: Connection) -> list[Arrival]:
        """The oldest that wait, in the order in which they came."""
        query = select(arrivals.c.id).order_by(arrivals.c.id).limit(AT_ONCE + len(self._aside))
        ids = [id for (id,) in connection.execute(query) if not self._is_aside(id)][:AT_ONCE]
        # Another process may have sorted in what this one has parsed.
        newest = ids[-1] if ids else 0
        listed = set(ids)
        self._parsed = {i: a for i, a in self._parsed.items() if i in listed or i > newest}
        unknown = [i for i in ids if i not in self._parsed]
        self._read(connection, unknown)
        return [self._parsed[i] for i in ids if i in self._parsed]

    def _read(self, connection: Connection, ids: Sequence[int]) -> None:
        for start in range(0, len(ids), 500):
            some = arrivals.c.id.in_(ids[start : start + 500])
            for row in connection.execute(select(arrivals).where(some)):
                try:
                    batch = Batch.model_validate_json(row.body)
                except ValidationError as error:
                    # It was valid for the version that took it.
                    self.set_aside(row.id, error)
                    continue
                self._parsed[row.id] = Arrival(row.id, row.stream_id, batch)

    def drop(self, connection: Connection, done: Sequence[Arrival]) -> None:
        """Take rows out of the table."""
        if connection.dialect.name == "postgresql":
            connection.execute(_DROP_MANY, {"ids": [arrival.id for arrival in done]})
        else:
            _DROP.many(connection, [(arrival.id,) for arrival in done])

    def dropped(self, done: Sequence[Arrival]) -> None:
        """What was dropped is committed."""
        for arrival in done:
            self._parsed.pop(arrival.id, None)
            self._aside.pop(arrival.id, None)

    def set_aside(self, id: int, error: Exception) -> None:
        """Go on without one that cannot be sorted in; it stays in the table and is tried again later."""
        if id not in self._aside:
            _log.error("a report waits, since it cannot be stored", arrival=id, error=str(error))
        self._aside[id] = self._clock() + _ASIDE_SECONDS

    def _is_aside(self, id: int) -> bool:
        return id in self._aside and self._aside[id] > self._clock()


def keep_alone(connection: Connection, rows: Sequence[Row]) -> dict[Key, int]:
    """Where one process takes in everything: senders count up, and only what is not above the newest needs a look."""
    newest = connection.execute(_NEWEST).scalar() or 0
    new: list[tuple[int, int, int, str]] = []
    for stream, sequence, body in rows:
        own = stream.id, sequence
        if sequence > stream.newest or not _IS_THERE.rows(connection, *own, *own):
            stream.newest = max(stream.newest, sequence)
            new.append((newest + len(new) + 1, *own, body))
    _INSERT.many(connection, new)
    return {(stream, sequence): id for id, stream, sequence, _ in new}


def keep_among_others(connection: Connection, rows: Sequence[Row]) -> dict[Key, int]:
    """Where several processes take in: the database looks for each in both tables."""
    found = connection.execute(
        _KEEP,
        {
            "streams": [stream.id for stream, _, _ in rows],
            "sequences": [sequence for _, sequence, _ in rows],
            "bodies": [body for _, _, body in rows],
        },
    )
    return {(r.stream_id, r.sequence): r.id for r in found}


_NEWEST = select(func.max(arrivals.c.id))
_IS_THERE = Prepared(
    union_all(
        select(batches.c.id).where(
            batches.c.stream_id == bindparam("stream"), batches.c.sequence == bindparam("sequence")
        ),
        select(arrivals.c.id).where(
            arrivals.c.stream_id == bindparam("same_stream"),
            arrivals.c.sequence == bindparam("same_sequence"),
        ),
    ),
    ["stream", "sequence", "same_stream", "same_sequence"],
)
_INSERT = Prepared(insert(arrivals), ["id", "stream_id", "sequence", "body"])
_DROP = Prepared(arrivals.delete().where(arrivals.c.id == bindparam("number")), ["number"])

_NUMBERS, _TEXTS = ARRAY(BigInteger), ARRAY(Text)
_KEEP = text(
    "SELECT id, stream_id, sequence FROM keep_arrivals(:streams, :sequences, :bodies)"
).bindparams(
    bindparam("streams", type_=_NUMBERS),
    bindparam("sequences", type_=_NUMBERS),
    bindparam("bodies", type_=_TEXTS),
)
_DROP_MANY = text("DELETE FROM arrivals WHERE id = ANY(:ids)").bindparams(
    bindparam("ids", type_=_NUMBERS)
)
