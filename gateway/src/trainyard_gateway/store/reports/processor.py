"""Accepts batches into the inbox and applies them to the tables, many batches in one transaction.

Guarantees: a batch is identified by (session UID, attempt, stream, sequence) and has no effect the
second time; a batch that cannot be applied delays no other batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection

from trainyard_api.mlflow import run_id_of
from trainyard_api.report import Batch, LogLine
from trainyard_gateway.store.logs.lines import insert_lines
from trainyard_gateway.store.metrics.cardinality import MetricNameLimit, TooManyMetricNames
from trainyard_gateway.store.metrics.writer import MetricWriter, RunPoints
from trainyard_gateway.store.reports import heartbeats
from trainyard_gateway.store.reports.inbox import (
    Inbox,
    InboxEntry,
    ReceivedBatch,
    insert_exclusive,
    insert_shared,
)
from trainyard_gateway.store.runs import reports as run_reports
from trainyard_gateway.store.schema.tables import batches as batches_table
from trainyard_gateway.store.sql.bulk_insert import BulkInsert
from trainyard_gateway.store.sql.savepoint import TransactionRolledBack, in_savepoint


class InboxProcessor:
    """The transactions of the inbox.

    `exclusive`: whether only this process writes, so that it can cache more; `log_max_bytes`: what
    the log lines of a session may take.
    """

    def __init__(self, exclusive: bool, bulk_insert: BulkInsert, log_max_bytes: int) -> None:
        self.inbox = Inbox(insert_exclusive if exclusive else insert_shared)
        self._name_limit = MetricNameLimit()
        self._metrics = MetricWriter(exclusive, bulk_insert)
        self._bulk_insert = bulk_insert
        self._log_max_bytes = log_max_bytes

    def not_accepted(self, error: Exception) -> None:
        """To be called after `accept` has raised that."""
        # A refusal has written nothing. The names of batches that wait in the inbox are nowhere
        # but in the cache.
        if not isinstance(error, TooManyMetricNames):
            self.clear_caches()

    def clear_caches(self) -> None:
        """To be called after a transaction failed: the caches may hold what it did not write."""
        self.inbox.clear_cache()
        self._name_limit.clear_cache()
        self._metrics.clear_cache()

    def accept(
        self, connection: Connection, received: Sequence[ReceivedBatch]
    ) -> list[InboxEntry | None]:
        """Insert batches into the inbox; None for each that was accepted before.

        Raises TooManyMetricNames.
        """
        self._name_limit.check(connection, [batch for batch, _ in received])
        return self.inbox.insert(connection, received)

    def apply_pending(self, connection: Connection) -> list[InboxEntry]:
        """Apply the oldest MAX_APPLIED entries of the inbox; returns those that were applied.

        Quarantines entries that cannot be applied. Raises TransactionRolledBack.
        """
        entries = self.inbox.pending(connection)
        if not entries:
            return []
        try:
            in_savepoint(connection, lambda c: self._apply(c, entries))
        except TransactionRolledBack:
            raise
        except Exception:  # at least one entry is bad: apply each on its own
            self.clear_caches()
            return [entry for entry in entries if self._apply_one(connection, entry)]
        return entries

    def _apply_one(self, connection: Connection, entry: InboxEntry) -> bool:
        try:
            in_savepoint(connection, lambda c: self._apply(c, [entry]))
        except TransactionRolledBack:
            raise
        except Exception as error:  # of any kind: it concerns this entry only
            self.clear_caches()
            self.inbox.quarantine(entry.id, error)
            return False
        return True

    def _apply(self, connection: Connection, entries: Sequence[InboxEntry]) -> None:
        """Move entries from the inbox to the tables that are read."""
        self.inbox.delete(connection, entries)
        rows = [(e.stream_id, e.batch.sequence, *_step_range(e.batch)) for e in entries]
        self._bulk_insert(connection, batches_table, _BATCH_COLUMNS, rows)
        batches = [entry.batch for entry in entries]
        accepted, notes = run_reports.apply(connection, batches)
        of_runs = [RunPoints(key, b.attempt, r.metrics) for b, r, key in accepted if r.metrics]
        self._metrics.write(connection, batches, of_runs)
        insert_lines(connection, batches, self._log_max_bytes)
        if notes:
            noted = [_noted(batch, note) for batch, note in notes]
            insert_lines(connection, noted, self._log_max_bytes)
        for batch in batches:
            if batch.heartbeat or batch.checkpoint:
                note = heartbeats.update(connection, batch)
                if note is not None:
                    insert_lines(connection, [_noted(batch, note)], self._log_max_bytes)


def _noted(batch: Batch, note: str) -> Batch:
    """A batch whose only content is a line of the gateway's own."""
    line = LogLine(time=datetime.now(UTC), level="warning", message=note)
    return batch.model_copy(update={"metrics": [], "runs": [], "logs": [line]})


_BATCH_COLUMNS = ("stream_id", "sequence", "first_step", "last_step")


def _step_range(batch: Batch) -> tuple[int | None, int | None]:
    """The lowest and the highest step of a batch's metrics; None without metrics."""
    steps = [row.step for row in batch.metrics]
    own = run_id_of(batch.session_uid)
    steps += [p.step for r in batch.runs if r.run == own for p in r.metrics if p.step >= 0]
    return (min(steps), max(steps)) if steps else (None, None)
