"""The store in PostgreSQL, through asyncpg. Several gateways can share one database.

Guarantees: writes of all gateways run one after another, since each transaction holds the same
advisory lock; so cursors grow in the order of commits, and versions have no gaps and no duplicates.
A write that has returned is committed. Only the inbox accepts batches without the lock, many in one
commit. Each gateway applies the inbox entries of all gateways, by COPY.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import structlog
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from trainyard_api.report import Batch
from trainyard_gateway.errors import SettingsError
from trainyard_gateway.store.futures import resolve
from trainyard_gateway.store.logs.limit import DEFAULT_MAX_BYTES
from trainyard_gateway.store.report_ingest import changes_runs
from trainyard_gateway.store.reports.backlog import MAX_POINTS, Backlog, weight
from trainyard_gateway.store.reports.inbox import MAX_APPLIED, InboxEntry, ReceivedBatch
from trainyard_gateway.store.reports.processor import InboxProcessor
from trainyard_gateway.store.schema import migrate
from trainyard_gateway.store.sql.bulk_insert import insert_by_copy
from trainyard_gateway.store.sql.postgres_engine import postgres_engine
from trainyard_gateway.store.store import Store

T = TypeVar("T")
_Waiting = tuple[ReceivedBatch, asyncio.Future[bool]]

WRITER_LOCK = 0x7472_6169
"""Key of the advisory lock that every writing transaction holds."""
_LOCK = select(func.pg_advisory_xact_lock(WRITER_LOCK))
_CONNECT_SECONDS = 15.0
"""Timeout of a new connection; asyncpg's default is a minute."""
_MAX_GROUP = 500
"""Batches of one commit."""
_POLL_SECONDS = 0.05
"""Longest pause between two looks at whether the inbox is due."""

_log = structlog.get_logger()


class PostgresStore(Store):
    """A server that any number of gateways share."""

    exclusive = False

    def __init__(
        self,
        url: str,
        password_file: Path | None,
        connect_seconds: float = _CONNECT_SECONDS,
        log_max_bytes: int = DEFAULT_MAX_BYTES,
    ) -> None:
        super().__init__()
        self._engine = postgres_engine(url, password_file, connect_seconds)
        self._waiting: list[_Waiting] = []
        self._has_waiting = asyncio.Event()
        self._processor = InboxProcessor(False, insert_by_copy, log_max_bytes)
        self._backlog = Backlog()
        self._has_backlog = asyncio.Event()
        self._applying = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self._ingest_connection: AsyncConnection | None = None
        self._closing = False

    async def open(self) -> None:
        """Migrate the schema and start the tasks that accept and apply batches.

        Raises SettingsError.
        """
        try:
            await self._run_locked(migrate.upgrade)
        except (SQLAlchemyError, OSError) as error:
            where = self._engine.url.render_as_string(hide_password=True)
            # A timeout has no message.
            why = str(error) or "it does not answer"
            raise SettingsError(f"cannot use the database {where}: {why}") from error
        # The inbox may hold entries of gateways that have stopped.
        self._add_to_backlog(0)
        self._tasks = [
            asyncio.create_task(self._accept_waiting()),
            asyncio.create_task(self._apply_when_due()),
        ]

    async def close(self) -> None:
        """Accept the waiting batches, apply the inbox and close all connections."""
        self._closing = True
        self._has_waiting.set()
        self._has_backlog.set()
        for task in self._tasks:
            await task
        if self._tasks:
            await self._apply_inbox()
        if self._ingest_connection is not None:
            await self._ingest_connection.close()
        await self._engine.dispose()

    async def write(self, action: Callable[[Connection], T], applied: bool = True) -> T:
        """Run `action` in a transaction that holds the writer lock; see `Database.write`."""
        if not applied:
            return await self._run_locked(action)
        await self._apply_pending()
        try:
            return await self._run_locked(action)
        finally:
            # Also after an error: it may have been committed nevertheless.
            self.revision += 1

    async def _run_locked(self, action: Callable[[Connection], T]) -> T:
        async with self._engine.begin() as connection:
            await connection.execute(_LOCK)
            return await connection.run_sync(action)

    async def read(self, action: Callable[[Connection], T], applied: bool = True) -> T:
        """Run `action` on a connection of the pool; see `Database.read`."""
        if applied:
            await self._apply_pending()
        async with self._engine.connect() as connection:
            return await connection.run_sync(action)

    async def clear_caches(self) -> None:
        """See `ReportIngest.clear_caches`."""
        self._processor.clear_caches()

    async def reclaim(self) -> bool:
        """See `Database.reclaim`; PostgreSQL's autovacuum does it."""
        return False

    async def ingest(self, batch: Batch, body: bytes | None = None) -> bool:
        """Accept a batch, in one commit with other waiting ones; see `ReportIngest.ingest`."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((ReceivedBatch.of(batch, body), future))
        self._has_waiting.set()
        return await future

    async def _accept_waiting(self) -> None:
        """Accept waiting batches until the store closes."""
        while True:
            await self._has_waiting.wait()
            group, self._waiting = self._waiting[:_MAX_GROUP], self._waiting[_MAX_GROUP:]
            if not group:
                if self._closing:
                    return
                self._has_waiting.clear()
                continue
            await self._accept(group)
            if self._backlog.points > 2 * MAX_POINTS:
                # Senders wait meanwhile, so that the inbox does not grow without bound.
                await self._apply_inbox()

    async def _accept(self, group: Sequence[_Waiting]) -> None:
        """Accept batches in one commit. If it fails, accept each on its own."""
        received = [batch for batch, _ in group]
        try:
            entries = await self._insert(received)
        except Exception as error:  # of any kind: the sender gets it
            self._processor.not_accepted(error)
            if len(group) == 1:
                resolve(group[0][1], error)
                return
            for one in group:
                await self._accept([one])
            return
        self._processor.inbox.cache(entries)
        new = [entry.batch for entry in entries if entry is not None]
        if new:
            self._add_to_backlog(weight(new))
        self._notify_durable(batch for batch, _ in received)
        for (_, future), entry in zip(group, entries, strict=True):
            resolve(future, entry is None)

    async def _insert(self, received: Sequence[ReceivedBatch]) -> list[InboxEntry | None]:
        """Insert batches into the inbox. An old connection that is broken is replaced once."""
        is_new = self._ingest_connection is None
        try:
            if self._ingest_connection is None:
                self._ingest_connection = await self._open_ingest_connection()
            return await self._ingest_connection.run_sync(
                lambda c: self._processor.accept(c, received)
            )
        except (SQLAlchemyError, OSError):
            self._processor.clear_caches()
            await self._drop_ingest_connection()
            if is_new:
                raise
        # The server may have restarted since the last use. If it committed these batches
        # nevertheless, they are in the inbox and are duplicates now.
        self._add_to_backlog(0)
        return await self._insert(received)

    async def _open_ingest_connection(self) -> AsyncConnection:
        """A connection that only accepts batches. Each statement is one transaction."""
        connection = await self._engine.connect()
        return await connection.execution_options(isolation_level="AUTOCOMMIT")

    async def _drop_ingest_connection(self) -> None:
        """Close a connection that may be broken."""
        connection, self._ingest_connection = self._ingest_connection, None
        if connection is not None:
            with contextlib.suppress(SQLAlchemyError, OSError):
                await connection.invalidate()
                await connection.close()

    def _add_to_backlog(self, points: int) -> None:
        self._backlog.add(points, time.monotonic())
        self._has_backlog.set()

    async def _apply_when_due(self) -> None:
        """Apply the inbox whenever it is due, until the store closes."""
        while not self._closing:
            await self._has_backlog.wait()
            wait = self._backlog.due_in(time.monotonic())
            if wait is None:
                self._has_backlog.clear()
            elif wait > 0:
                # Many points in the meantime make it due earlier.
                await asyncio.sleep(min(wait, _POLL_SECONDS))
            else:
                await self._apply_inbox()

    async def _apply_pending(self) -> None:
        """Apply the inbox if it holds anything, also of other gateways."""
        async with self._engine.connect() as connection:
            pending = await connection.run_sync(self._processor.inbox.has_pending)
        if pending:
            await self._apply_inbox()

    async def _apply_inbox(self) -> None:
        """Apply the inbox, the entries of all gateways; on failure it is tried again later."""
        async with self._applying:
            try:
                applied = None
                while applied is None or len(applied) == MAX_APPLIED:
                    # Batches that are accepted from here on may not be applied by this transaction.
                    self._backlog.clear()
                    applied = await self._run_locked(self._processor.apply_pending)
                    self._processor.inbox.evict(applied)
                    self.revision += any(changes_runs(entry.batch) for entry in applied)
                    self._notify_applied(entry.batch for entry in applied)
            except (
                Exception
            ) as error:  # such as a server that does not answer; it holds the batches
                self._processor.clear_caches()
                self._add_to_backlog(0)
                self._backlog.failed(time.monotonic())
                _log.warning("reports not applied yet", error=str(error))
