"""The store in SQLite, with one writer thread.

Guarantees: a write that has returned is on disk (WAL with synchronous FULL); writes that arrive
together share one commit; a write that fails undoes only its own changes; readers wait for the
writer only while it applies reports that were acknowledged before.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from trainyard_api.report import Batch
from trainyard_gateway.errors import SettingsError
from trainyard_gateway.store.futures import resolve
from trainyard_gateway.store.logs.limit import DEFAULT_MAX_BYTES
from trainyard_gateway.store.report_ingest import changes_runs
from trainyard_gateway.store.reports.backlog import Backlog, weight
from trainyard_gateway.store.reports.inbox import MAX_APPLIED, InboxEntry, ReceivedBatch
from trainyard_gateway.store.reports.processor import InboxProcessor
from trainyard_gateway.store.schema import migrate
from trainyard_gateway.store.sql.bulk_insert import insert_in_blocks
from trainyard_gateway.store.sql.savepoint import TransactionRolledBack, in_savepoint
from trainyard_gateway.store.sql.sqlite_engine import (
    WRITES,
    refuse_network_file_system,
    sqlite_engine,
)
from trainyard_gateway.store.store import Store

T = TypeVar("T")

_Future = asyncio.Future[Any]


class _Action(NamedTuple):
    """An action of the writer thread."""

    run: Callable[[Connection], Any]
    applied: bool = True
    """Whether it sees every report that was acknowledged before."""
    changes: bool = True
    """Whether it may change what `Database.revision` counts."""


_Request = tuple[_Action | ReceivedBatch, _Future]
"""A write that waits for the writer thread, with the future of its result."""
_Outcome = tuple[_Future, Any]
"""A future with its result or exception."""

_MAX_GROUP = 500
"""Requests of one commit."""
_WRITER_CACHE_KIB = 16 * 1024
"""Page cache of the writer.

Applying the inbox changes some thousand pages, which SQLite's default of 2 MiB would write out
several times.
"""
_CHECKPOINT_PAGES = 4_000
"""Pages of the write-ahead log that start a checkpoint.

A checkpoint writes each page once, however often it changed.
"""

_REPORT_READERS = 2
"""Threads that read metrics and log lines."""
_RELEASED_PAGES = 1_000
"""Free pages, of 4 KiB each, that one transaction gives back to the file system."""

_log = structlog.get_logger()


class SqliteStore(Store):
    """A file that belongs to this process."""

    exclusive = True

    def __init__(self, path: Path, log_max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        super().__init__()
        self._path = path
        self._engine = sqlite_engine(path)
        self._report_readers = ThreadPoolExecutor(_REPORT_READERS, "report-reader")
        self._queue: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._processor = InboxProcessor(True, insert_in_blocks, log_max_bytes)
        self._backlog = Backlog()
        self._thread = threading.Thread(
            target=self._run_writer, name="database-writer", daemon=True
        )

    async def open(self) -> None:
        """Create or migrate the file and start the writer thread. Raises SettingsError."""
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._open)

    def _open(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            refuse_network_file_system(self._path.parent)
            with self._engine.execution_options(**{WRITES: True}).begin() as connection:
                migrate.upgrade(connection)
                if self._processor.inbox.has_pending(connection):
                    # An earlier process was killed before it applied the inbox.
                    self._backlog.add(0, time.monotonic())
        except (SQLAlchemyError, OSError) as error:
            raise SettingsError(f"cannot open the database {self._path}: {error}") from error
        self._thread.start()

    async def close(self) -> None:
        """Finish queued writes, apply the inbox and close the file."""
        self._queue.put(None)
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join)
        self._report_readers.shutdown()
        self._engine.dispose()

    async def write(self, action: Callable[[Connection], T], applied: bool = True) -> T:
        """Run `action` in the writer thread, in a transaction; see `Database.write`."""
        result: T = await self._request(_Action(action, applied, changes=applied))
        return result

    async def ingest(self, batch: Batch, body: bytes | None = None) -> bool:
        """Accept a batch, in one commit with other waiting requests; see `ReportIngest.ingest`."""
        return bool(await self._request(ReceivedBatch.of(batch, body)))

    async def read(self, action: Callable[[Connection], T], applied: bool = True) -> T:
        """Run `action` in a thread; see `Database.read`."""
        if applied and self._backlog.since is not None:
            # The writer applies the inbox before it runs an action.
            await self._request(_Action(_do_nothing, changes=False))
        # Reads of reports can be large: they have separate threads, so that small ones wait for
        # none of them.
        pool = self._report_readers if applied else None
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(pool, self._read, action)

    async def clear_caches(self) -> None:
        """See `ReportIngest.clear_caches`; the caches belong to the writer thread."""
        await self.write(lambda _: self._processor.clear_caches())

    async def reclaim(self) -> bool:
        """See `Database.reclaim`."""
        return await self.write(_release_pages)

    async def _request(self, request: _Action | ReceivedBatch) -> Any:
        future = self._loop.create_future()
        self._queue.put((request, future))
        return await future

    def _read(self, action: Callable[[Connection], T]) -> T:
        with self._engine.connect() as connection:
            return action(connection)

    # What follows runs in the writer thread.

    def _run_writer(self) -> None:
        with self._engine.execution_options(**{WRITES: True}).connect() as connection:
            connection.exec_driver_sql(f"PRAGMA cache_size=-{_WRITER_CACHE_KIB}")
            connection.exec_driver_sql(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
            connection.commit()
            while self._serve_group(connection):
                if self._backlog.due_in(time.monotonic()) == 0:
                    self._apply_inbox(connection)
            self._apply_inbox(connection)

    def _serve_group(self, connection: Connection) -> bool:
        """Do what waits, and keep none of it; False if the store closes after it."""
        group, last = self._next_group()
        beside = [(request, future) for request, future in group if _is_beside(request)]
        others = [(request, future) for request, future in group if not _is_beside(request)]
        if not self._commit_batches(connection, others):
            # Actions see every report that was acknowledged before them, and so does what counts
            # the names of metrics, when it reads them again because a batch has failed.
            self._apply_inbox(connection)
            self._commit_group(connection, others)
        if beside:
            self._commit_group(connection, beside)
        return not last

    def _next_group(self) -> tuple[list[_Request], bool]:
        """All waiting requests, and whether the store closes after them.

        Empty when the inbox is due.
        """
        group: list[_Request] = []
        while len(group) < _MAX_GROUP:
            try:
                wait = 0.0 if group else self._backlog.due_in(time.monotonic())
                item = self._queue.get(timeout=wait)
            except queue.Empty:
                break
            if item is None:
                return group, True
            group.append(item)
        return group, False

    def _commit_batches(self, connection: Connection, group: list[_Request]) -> bool:
        """The fast path for a group that holds only batches, all of them good.

        Returns False if nothing was done, since the group holds an action or the transaction
        failed.
        """
        received = [request for request, _ in group if isinstance(request, ReceivedBatch)]
        if len(received) < len(group):
            return False
        if not received:
            return True
        try:
            with connection.begin():
                entries = self._processor.accept(connection, received)
        except Exception as error:  # the slow path finds out which request fails
            self._processor.not_accepted(error)
            return False
        self._add_to_backlog(entries)
        futures = [future for _, future in group]
        outcomes = [(f, entry is None) for f, entry in zip(futures, entries, strict=True)]
        self._publish(self._notify_durable, [batch for batch, _ in received], outcomes, False)
        return True

    def _add_to_backlog(self, entries: Sequence[InboxEntry | None]) -> None:
        self._processor.inbox.cache(entries)
        new = [entry.batch for entry in entries if entry is not None]
        if new:
            self._backlog.add(weight(new), time.monotonic())

    def _apply_inbox(self, connection: Connection) -> None:
        """Apply the inbox; on failure it is tried again later."""
        if not self._backlog.may_try(time.monotonic()):
            return
        try:
            applied = None
            while applied is None or len(applied) == MAX_APPLIED:
                with connection.begin():
                    applied = self._processor.apply_pending(connection)
                self._processor.inbox.evict(applied)
                batches = [entry.batch for entry in applied]
                changes = any(map(changes_runs, batches))
                self._publish(self._notify_applied, batches, [], changes)
        except Exception as error:  # such as a full disk, which already holds the batches
            self._processor.clear_caches()
            self._backlog.failed(time.monotonic())
            _log.warning("reports not applied yet", error=str(error))
            return
        self._backlog.clear()

    def _commit_group(self, connection: Connection, group: list[_Request]) -> None:
        """One transaction for all requests of a group. A request that fails alone is left out."""
        received = [(r, f) for r, f in group if isinstance(r, ReceivedBatch)]
        actions = [(r, f) for r, f in group if not isinstance(r, ReceivedBatch)]
        accepted: list[tuple[_Future, InboxEntry | None]] = []
        results: list[_Outcome] = []
        failures: list[_Outcome] = []
        try:
            with connection.begin():
                accepted = self._accept(connection, received, failures)
                for action, future in actions:
                    try:
                        results.append((future, in_savepoint(connection, action.run)))
                    except TransactionRolledBack:
                        raise
                    except Exception as error:  # of any kind: it is this action's result
                        failures.append((future, error))
        except Exception as error:  # nothing of the group is durable
            if received:
                self._processor.clear_caches()
            reason = error.reason if isinstance(error, TransactionRolledBack) else error
            own = dict(failures)
            accepted, results, failures = [], [], [(f, own.get(f, reason)) for _, f in group]
        self._add_to_backlog([entry for _, entry in accepted])
        durable = dict(accepted)
        results += [(future, entry is None) for future, entry in accepted]
        batches = [r.batch for r, f in received if f in durable]
        changes = any(action.changes for action, _ in actions)
        self._publish(self._notify_durable, batches, [*results, *failures], changes)

    def _accept(
        self,
        connection: Connection,
        received: list[tuple[ReceivedBatch, _Future]],
        failures: list[_Outcome],
    ) -> list[tuple[_Future, InboxEntry | None]]:
        """Accept batches together or, if that fails, one by one; bad ones go to `failures`."""
        if not received:
            return []
        group = [batch for batch, _ in received]
        try:
            entries = in_savepoint(connection, lambda c: self._processor.accept(c, group))
            return [(f, entry) for (_, f), entry in zip(received, entries, strict=True)]
        except TransactionRolledBack:
            raise
        except Exception as error:  # one of them is bad
            self._processor.not_accepted(error)
            if len(received) == 1:
                failures.append((received[0][1], error))
                return []
            return [pair for one in received for pair in self._accept(connection, [one], failures)]

    def _publish(
        self,
        notify: Callable[[list[Batch]], None],
        batches: list[Batch],
        outcomes: list[_Outcome],
        changes: bool,
    ) -> None:
        """Notify listeners and resolve futures in one call, since waking the loop costs most.

        `changes`: whether anything but values was written.
        """

        def publish() -> None:
            self.revision += changes
            notify(batches)
            for future, outcome in outcomes:
                resolve(future, outcome)

        self._loop.call_soon_threadsafe(publish)


def _is_beside(request: _Action | ReceivedBatch) -> bool:
    """Whether a request is an action that leaves the inbox as it is."""
    return isinstance(request, _Action) and not request.applied


def _release_pages(connection: Connection) -> bool:
    """Shorten the file by some of its free pages. A file made by an earlier version keeps them."""
    before = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
    # The driver takes one step of this statement, which releases one page.
    for _ in range(min(before, _RELEASED_PAGES)):
        connection.exec_driver_sql("PRAGMA incremental_vacuum(1)")
    after = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
    return bool(0 < after < before)


def _do_nothing(_: Connection) -> None:
    """An action whose result says that the inbox was applied."""
