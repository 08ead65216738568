"""What trainers report, applied exactly once, many batches in one transaction.

Guarantees: a batch is known by (session UID, attempt, stream, sequence) and changes nothing the second time; a step that a later attempt
trains again replaces the earlier value; a late report of an old attempt changes no newer value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select, tuple_

from trainyard_api.report import Batch
from trainyard_gateway.store import heartbeats, rollups
from trainyard_gateway.store.database import upsert
from trainyard_gateway.store.moments import micros
from trainyard_gateway.store.series import Key, Line, SeriesBook, storable
from trainyard_gateway.store.tables import batches, logs, metrics, streams

_STREAMS_CACHED = 100_000
_HIGHEST_RANK = 2**31 - 1
"""What the column holds; no session has as many workers."""

Append = Callable[[Connection, list["Point"]], None]
"""Inserts points that are all new."""
Sender = tuple[str, int, str]
"""Session UID, attempt, stream."""


class Point(NamedTuple):
    """A row of `metrics`."""

    series_id: int
    step: int
    attempt: int
    epoch: int | None
    time: int
    value: float | None


class Ingest:
    """Applies groups of batches. With `exclusive` (one process writes) senders and series are remembered."""

    def __init__(self, exclusive: bool, append: Append) -> None:
        self._exclusive, self._append = exclusive, append
        self._book = SeriesBook(exclusive)
        self._streams: dict[Sender, int] = {}

    def forget(self) -> None:
        """After a transaction that failed: what was remembered may not be true."""
        self._book.forget()
        self._streams.clear()

    def apply(self, connection: Connection, group: Sequence[Batch]) -> list[bool]:
        """Store everything of the batches that are new; which of them were there already."""
        fresh = self._mark(connection, group)
        new = [batch for batch, is_new in zip(group, fresh, strict=True) if is_new]
        self._metrics(connection, [b for b in new if b.metrics])
        rows = [row for batch in new for row in _log_rows(batch)]
        if rows:
            connection.execute(insert(logs), rows)
        for batch in new:
            if batch.heartbeat or batch.checkpoint:
                heartbeats.advance(connection, batch)
        return [not is_new for is_new in fresh]

    def _mark(self, connection: Connection, group: Sequence[Batch]) -> list[bool]:
        """Write the batches' identities down; which of them are new."""
        ids = self._stream_ids(connection, {_sender(b) for b in group})
        wanted: dict[tuple[int, int], int] = {}
        for place, batch in enumerate(group):
            # Of twins within one group the first counts.
            wanted.setdefault((ids[_sender(batch)], batch.sequence), place)
        pair = tuple_(batches.c.stream_id, batches.c.sequence)
        known = connection.execute(
            select(batches.c.stream_id, batches.c.sequence).where(pair.in_(sorted(wanted)))
        )
        for found in known:
            del wanted[found.stream_id, found.sequence]
        places = set(wanted.values())
        if places:
            connection.execute(
                insert(batches),
                [
                    {"stream_id": s, "sequence": n, **_steps(group[place])}
                    for (s, n), place in wanted.items()
                ],
            )
        return [place in places for place in range(len(group))]

    def _stream_ids(self, connection: Connection, senders: set[Sender]) -> dict[Sender, int]:
        if not self._exclusive or len(self._streams) > _STREAMS_CACHED:
            self._streams.clear()
        missing = sorted(senders - self._streams.keys())
        if missing:
            names = ("session_uid", "attempt", "stream")
            statement = upsert(connection, streams).on_conflict_do_nothing()
            connection.execute(statement, [dict(zip(names, m, strict=True)) for m in missing])
            key = tuple_(streams.c.session_uid, streams.c.attempt, streams.c.stream)
            for r in connection.execute(select(streams).where(key.in_(missing))):
                self._streams[r.session_uid, r.attempt, r.stream] = r.id
        return {s: self._streams[s] for s in senders}

    def _metrics(self, connection: Connection, group: Sequence[Batch]) -> None:
        if not group:
            return
        keys = {
            (b.session_uid, storable(name))
            for b in group
            for row in b.metrics
            for name in row.values
        }
        lines = self._book.lines(connection, keys)
        points = _points(group, lines)
        fresh: list[Point] = []
        grown: list[Line] = []
        for line in lines.values():
            own = points[line.id]
            if own[0].step > line.max_step:
                if rollups.crosses(line.total, line.total + len(own)):
                    grown.append(line)
                line.total += len(own)
                line.max_step = own[-1].step
                fresh += own
            else:
                self._rewind(connection, line, own)
        if fresh:
            self._append(connection, fresh)
        for line in grown:
            rollups.extend(connection, line.id)
        self._book.save(connection, lines.values())

    def _rewind(self, connection: Connection, line: Line, points: list[Point]) -> None:
        """Points at or below steps that are there: a new attempt, or a late one."""
        statement = upsert(connection, metrics)
        new = statement.excluded
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["series_id", "step"],
                set_={c: new[c] for c in ("attempt", "epoch", "time", "value")},
                where=new.attempt >= metrics.c.attempt,
            ),
            [p._asdict() for p in points],
        )
        rollups.drop(connection, line.id, points[0].step)
        rollups.extend(connection, line.id)
        line.total = rollups.count_points(connection, line.id)
        line.max_step = max(line.max_step, points[-1].step)


def _points(group: Sequence[Batch], lines: dict[Key, Line]) -> dict[int, list[Point]]:
    """The points by series, one per step, in order of steps; the lines take note of the newest."""
    found: dict[int, dict[int, Point]] = {}
    for batch in group:
        uid, attempt = batch.session_uid, batch.attempt
        for row in batch.metrics:
            time = micros(row.time)
            step, epoch = row.step, row.epoch
            for name, given in row.values.items():
                line = lines[uid, storable(name)]
                value = float(given)
                line.see(step, attempt, epoch, time, value)
                own = found.setdefault(line.id, {})
                before = own.get(step)
                if before is None or attempt >= before.attempt:
                    stored = None if value != value else value
                    own[step] = Point(line.id, step, attempt, epoch, time, stored)
    return {series_id: [own[step] for step in sorted(own)] for series_id, own in found.items()}


def _log_rows(batch: Batch) -> list[dict[str, Any]]:
    return [
        {
            "session_uid": batch.session_uid,
            "attempt": batch.attempt,
            "rank": min(line.rank, _HIGHEST_RANK),
            "time": micros(line.time),
            "level": line.level,
            "message": storable(line.message),
        }
        for line in batch.logs
    ]


def _sender(batch: Batch) -> Sender:
    return batch.session_uid, batch.attempt, batch.stream


def _steps(batch: Batch) -> dict[str, int | None]:
    steps = [row.step for row in batch.metrics]
    return {"first_step": min(steps, default=None), "last_step": max(steps, default=None)}
