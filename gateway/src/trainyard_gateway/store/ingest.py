"""What trainers report, applied exactly once, many batches in one transaction.

Guarantees: a batch is known by (session UID, attempt, stream, sequence) and changes nothing the second time; a step that a later attempt
trains again replaces the earlier value; a late report of an old attempt changes no newer value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select

from trainyard_api.report import Batch
from trainyard_gateway.store import heartbeats, rollups
from trainyard_gateway.store.database import upsert
from trainyard_gateway.store.moments import micros
from trainyard_gateway.store.prepared import Prepared
from trainyard_gateway.store.series import POINT, Line, Point, SeriesBook, storable
from trainyard_gateway.store.tables import batches, logs, metrics, streams

_STREAMS_CACHED = 100_000
_HIGHEST_RANK = 2**31 - 1
"""What the column holds; no session has as many workers."""

Append = Callable[[Connection, list[Point]], None]
"""Inserts points that are all new."""
Sender = tuple[str, int, str]
"""Session UID, attempt, stream."""


@dataclass(slots=True)
class Stream:
    """What is known of one sender."""

    id: int
    newest: int = 0
    """Highest sequence that was applied."""


class Ingest:
    """Applies groups of batches. With `exclusive` (one process writes) senders and series are remembered."""

    def __init__(self, exclusive: bool, append: Append) -> None:
        self._exclusive, self._append = exclusive, append
        self._book = SeriesBook(exclusive)
        self._streams: dict[Sender, Stream] = {}

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
        known = self._known(connection, {_sender(b) for b in group})
        rows: dict[tuple[int, int], tuple[Any, ...]] = {}
        fresh = []
        for batch in group:
            stream = known[_sender(batch)]
            own = stream.id, batch.sequence
            # Senders count up: what is above the newest needs no look. Of twins within one group the first counts.
            is_new = batch.sequence > stream.newest or not (
                own in rows or _IS_THERE.rows(connection, *own)
            )
            if is_new:
                stream.newest = max(stream.newest, batch.sequence)
                rows[own] = (*own, *_steps(batch))
            fresh.append(is_new)
        _INSERT.many(connection, list(rows.values()))
        return fresh

    def _known(self, connection: Connection, senders: set[Sender]) -> dict[Sender, Stream]:
        if not self._exclusive or len(self._streams) > _STREAMS_CACHED:
            self._streams.clear()
        self._load(connection, senders - self._streams.keys())
        missing = sorted(senders - self._streams.keys())
        if missing:
            names = ("session_uid", "attempt", "stream")
            statement = upsert(connection, streams).on_conflict_do_nothing()
            connection.execute(statement, [dict(zip(names, m, strict=True)) for m in missing])
            self._load(connection, missing)
        return {s: self._streams[s] for s in senders}

    def _load(self, connection: Connection, senders: Iterable[Sender]) -> None:
        sessions = {uid for uid, _, _ in senders}
        if sessions:
            for r in connection.execute(
                _STREAMS.where(streams.c.session_uid.in_(sorted(sessions)))
            ):
                self._streams[r.session_uid, r.attempt, r.stream] = Stream(r.id, r.newest or 0)

    def _metrics(self, connection: Connection, group: Sequence[Batch]) -> None:
        """Append what comes after all that a series has; the rest, of steps that were passed, replaces what is there."""
        if not group:
            return
        wanted = _names(group)
        lines = self._book.lines(connection, wanted)
        touched = [lines[uid][name] for uid, names in wanted.items() for name in names]
        before = [line.total for line in touched]
        fresh, late = _sorted_out(group, lines)
        if fresh:
            self._append(connection, fresh)
        for line, total in zip(touched, before, strict=True):
            if line.id in late:
                self._rewind(connection, line, late[line.id])
            elif rollups.crosses(total, line.total):
                rollups.extend(connection, line.id, line.total)
        self._book.save(connection, touched)

    def _rewind(self, connection: Connection, line: Line, points: dict[int, Point]) -> None:
        """Points by step at or below steps that are there: a new attempt, or a late one."""
        statement = upsert(connection, metrics)
        new = statement.excluded
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["series_id", "step"],
                set_={c: new[c] for c in ("attempt", "epoch", "time", "value")},
                where=new.attempt >= metrics.c.attempt,
            ),
            [dict(zip(POINT, points[step], strict=True)) for step in sorted(points)],
        )
        rollups.drop(connection, line.id, min(points))
        line.total = rollups.count_points(connection, line.id)
        rollups.extend(connection, line.id, line.total)


_STREAMS = select(
    streams,
    select(func.max(batches.c.sequence))
    .where(batches.c.stream_id == streams.c.id)
    .scalar_subquery()
    .label("newest"),
)
_IS_THERE = Prepared(
    select(batches.c.id).where(
        batches.c.stream_id == bindparam("stream"), batches.c.sequence == bindparam("sequence")
    ),
    ["stream", "sequence"],
)
_INSERT = Prepared(insert(batches), ["stream_id", "sequence", "first_step", "last_step"])


def _names(group: Sequence[Batch]) -> dict[str, set[str]]:
    """Metric names by session."""
    found: dict[str, set[str]] = {}
    for batch in group:
        found.setdefault(batch.session_uid, set()).update(*(row.values for row in batch.metrics))
    return {uid: {storable(name) for name in names} for uid, names in found.items()}


def _sorted_out(
    group: Sequence[Batch], lines: Mapping[str, Mapping[str, Line]]
) -> tuple[list[Point], dict[int, dict[int, Point]]]:
    """The points that come after all that their series have, and the others by series and step.

    The lines take note of both. This runs for every point there is.
    """
    fresh: list[Point] = []
    late: dict[int, dict[int, Point]] = {}
    for batch in group:
        own, attempt = lines[batch.session_uid], batch.attempt
        for row in batch.metrics:
            step, epoch, time = row.step, row.epoch, micros(row.time)
            for name, given in row.values.items():
                line = own.get(name) or own[storable(name)]
                value = float(given)
                point = (line.id, step, attempt, epoch, time, value if value == value else None)
                if step > line.max_step:
                    line.max_step = step
                    line.total += 1
                    if attempt >= line.newest[2]:
                        line.newest = point
                    fresh.append(point)
                else:
                    line.see(point)
                    steps = late.setdefault(line.id, {})
                    if step not in steps or attempt >= steps[step][2]:
                        steps[step] = point
    return fresh, late


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


def _steps(batch: Batch) -> tuple[int | None, int | None]:
    steps = [row.step for row in batch.metrics]
    return (min(steps), max(steps)) if steps else (None, None)
