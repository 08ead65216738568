"""What trainers report, applied exactly once, many batches in one transaction.

Guarantees: a batch is known by (session UID, attempt, stream, sequence) and changes nothing the second time; a step that a later attempt
trains again replaces the earlier value; a late report of an old attempt changes no newer value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, insert

from trainyard_api.report import Batch
from trainyard_api.timestamps import to_micros
from trainyard_gateway.store.metrics import rollups
from trainyard_gateway.store.metrics.cardinality import Names
from trainyard_gateway.store.metrics.series import POINT, Line, Point, SeriesBook, storable
from trainyard_gateway.store.reports import heartbeats
from trainyard_gateway.store.reports.inbox import (
    Arrival,
    Arrivals,
    Report,
    keep_alone,
    keep_among_others,
)
from trainyard_gateway.store.schema.tables import batches, logs, metrics
from trainyard_gateway.store.sql.bulk_insert import Append
from trainyard_gateway.store.sql.dialect import upsert
from trainyard_gateway.store.sql.savepoint import UndoneError, alone

_HIGHEST_RANK = 2**31 - 1
"""What the column holds; no session has as many workers."""


class Ingest:
    """Takes batches and sorts them in. With `exclusive` (one process writes) senders and series are remembered."""

    def __init__(self, exclusive: bool, append: Append) -> None:
        self._append = append
        self._names = Names()
        self._book = SeriesBook(exclusive)
        self.arrivals = Arrivals(keep_alone if exclusive else keep_among_others)

    def forget(self) -> None:
        """After a transaction that failed: what was remembered may not be true."""
        self._names.forget()
        self._book.forget()
        self.arrivals.forget()

    def accept(self, connection: Connection, group: Sequence[Report]) -> list[Arrival | None]:
        """Write down what is new, to be sorted in later; None for what was there already. Raises TooManyNames."""
        self._names.admit(connection, [batch for batch, _ in group])
        return self.arrivals.take(connection, group)

    def settle(self, connection: Connection) -> list[Arrival]:
        """Sort in what waits, the oldest AT_ONCE of it; what cannot be is set aside. Raises UndoneError."""
        waiting = self.arrivals.waiting(connection)
        if not waiting:
            return []
        try:
            alone(connection, lambda c: self._sort_in(c, waiting))
        except UndoneError:
            raise
        except Exception:  # one of them is bad: the others must not suffer
            self.forget()
            return [a for a in waiting if self._settle_one(connection, a)]
        return waiting

    def _settle_one(self, connection: Connection, arrival: Arrival) -> bool:
        try:
            alone(connection, lambda c: self._sort_in(c, [arrival]))
        except UndoneError:
            raise
        except Exception as error:  # whatever it is, it belongs to this one
            self.forget()
            self.arrivals.set_aside(arrival.id, error)
            return False
        return True

    def _sort_in(self, connection: Connection, waiting: Sequence[Arrival]) -> None:
        """FileStore everything that batches say."""
        self.arrivals.drop(connection, waiting)
        rows = [(a.stream, a.batch.sequence, *_steps(a.batch)) for a in waiting]
        self._append(connection, batches, _BATCH, rows)
        group = [arrival.batch for arrival in waiting]
        self._metrics(connection, [batch for batch in group if batch.metrics])
        lines = [row for batch in group for row in _log_rows(batch)]
        if lines:
            connection.execute(insert(logs), lines)
        for batch in group:
            if batch.heartbeat or batch.checkpoint:
                heartbeats.advance(connection, batch)

    def _metrics(self, connection: Connection, group: Sequence[Batch]) -> None:
        """Append what comes after all that a series has; the rest, of steps that were passed, replaces what is there."""
        if not group:
            return
        wanted = _names(group)
        lines = self._book.lines(connection, wanted)
        touched = [lines[uid][name] for uid, names in wanted.items() for name in names]
        # In the order in which their points lie: neighbours are written together.
        touched.sort(key=_number)
        before = [line.total for line in touched]
        late = _sorted_out(group, lines)
        self._append(connection, metrics, POINT, [p for line in touched for p in line.take()])
        grown = []
        for line, total in zip(touched, before, strict=True):
            if line.id in late:
                self._rewind(connection, line, late[line.id])
                grown.append((line.id, line.total))
            elif rollups.crosses(total, line.total):
                grown.append((line.id, line.total))
        rollups.extend(connection, grown, self._append)
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


_number = attrgetter("id")
_BATCH = ("stream_id", "sequence", "first_step", "last_step")


def _names(group: Sequence[Batch]) -> dict[str, set[str]]:
    """Metric names by session."""
    found: dict[str, set[str]] = {}
    for batch in group:
        found.setdefault(batch.session_uid, set()).update(*(row.values for row in batch.metrics))
    return {uid: {storable(name) for name in names} for uid, names in found.items()}


def _sorted_out(
    group: Sequence[Batch], lines: Mapping[str, Mapping[str, Line]]
) -> dict[int, dict[int, Point]]:
    """Give each line the points that come after all it has; the others, by series and step.

    The lines take note of both. This runs for every point there is.
    """
    late: dict[int, dict[int, Point]] = {}
    for batch in group:
        own, attempt = lines[batch.session_uid], batch.attempt
        for row in batch.metrics:
            step, epoch, time = row.step, row.epoch, to_micros(row.time)
            for name, given in row.values.items():
                line = own.get(name) or own[storable(name)]
                value = float(given)
                point = (line.id, step, attempt, epoch, time, value if value == value else None)
                if step > line.max_step:
                    line.max_step = step
                    line.total += 1
                    if attempt >= line.newest[2]:
                        line.newest = point
                    line.fresh.append(point)
                else:
                    line.see(point)
                    steps = late.setdefault(line.id, {})
                    if step not in steps or attempt >= steps[step][2]:
                        steps[step] = point
    return late


def _log_rows(batch: Batch) -> list[dict[str, Any]]:
    return [
        {
            "session_uid": batch.session_uid,
            "attempt": batch.attempt,
            "rank": min(line.rank, _HIGHEST_RANK),
            "time": to_micros(line.time),
            "level": line.level,
            "message": storable(line.message),
        }
        for line in batch.logs
    ]


def _steps(batch: Batch) -> tuple[int | None, int | None]:
    steps = [row.step for row in batch.metrics]
    return (min(steps), max(steps)) if steps else (None, None)
