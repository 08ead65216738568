"""SQLite with one writer thread.

Guarantees: a write that has returned is on disk (WAL with synchronous FULL); many writes that come at once share one commit; a write that
fails undoes itself and nothing else; readers never wait for the writer.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, insert
from sqlalchemy.exc import SQLAlchemyError

from trainyard_api.report import Batch
from trainyard_gateway.errors import SettingsError
from trainyard_gateway.store import migrate
from trainyard_gateway.store.database import GROUP_LIMIT, Database, settle
from trainyard_gateway.store.ingest import Ingest
from trainyard_gateway.store.prepared import Prepared
from trainyard_gateway.store.series import POINT
from trainyard_gateway.store.tables import metrics

T = TypeVar("T")

_Future = asyncio.Future[Any]
_Work = tuple[Callable[[Connection], Any] | Batch, _Future]
_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "ceph", "glusterfs", "fuse.sshfs", "9p"})


class SqliteDatabase(Database):
    """One file, one process."""

    exclusive = True

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._engine = _engine(path)
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._ingest = Ingest(exclusive=True, append=_APPEND.many)
        self._thread = threading.Thread(target=self._work, name="database-writer", daemon=True)

    async def open(self) -> None:
        """Make or migrate the file and start the writer."""
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._open)

    def _open(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            _refuse_network(self._path.parent)
            with self._engine.begin() as connection:
                migrate.upgrade(connection)
        except (SQLAlchemyError, OSError) as error:
            raise SettingsError(f"cannot open the database {self._path}: {error}") from error
        self._thread.start()

    async def close(self) -> None:
        """Carry out what is queued, then end."""
        self._queue.put(None)
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join)
        self._engine.dispose()

    async def write(self, action: Callable[[Connection], T]) -> T:
        """Run `action` in the writer; returns when it is durable."""
        return await self._put(action)  # type: ignore[no-any-return]  # the future carries what the action returned

    async def ingest(self, batch: Batch) -> bool:
        """Apply a batch together with others that wait."""
        return bool(await self._put(batch))

    async def read(self, action: Callable[[Connection], T]) -> T:
        """Run `action` on a connection of its own in a thread."""
        return await asyncio.to_thread(self._read, action)

    async def _put(self, work: Callable[[Connection], Any] | Batch) -> Any:
        future = self._loop.create_future()
        self._queue.put((work, future))
        return await future

    def _read(self, action: Callable[[Connection], T]) -> T:
        with self._engine.connect() as connection:
            return action(connection)

    def _work(self) -> None:
        with self._engine.connect() as connection:
            while (first := self._queue.get()) is not None:
                group, last = self._group(first)
                if not self._commit_reports(connection, group):
                    self._commit(connection, group)
                if last:
                    return

    def _group(self, first: _Work) -> tuple[list[_Work], bool]:
        """Everything that waits, and whether the end was among it."""
        group = [first]
        while len(group) < GROUP_LIMIT:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
            if item is None:
                return group, True
            group.append(item)
        return group, False

    def _commit_reports(self, connection: Connection, group: list[_Work]) -> bool:
        """The short way for a group of nothing but reports, of which none is bad; False when it is not that, and nothing was done."""
        reports = [work for work, _ in group if isinstance(work, Batch)]
        if len(reports) < len(group):
            return False
        try:
            with connection.begin():
                results = self._ingest.apply(connection, reports)
        except Exception:  # what it was is found out by the long way
            self._ingest.forget()
            return False
        futures = [future for _, future in group]
        outcomes = list(zip(futures, results, strict=True))
        self._loop.call_soon_threadsafe(self._settle, reports, outcomes)
        return True

    def _commit(self, connection: Connection, group: list[_Work]) -> None:
        """One transaction for all; what fails alone is taken out, what fails together is done one by one."""
        reports = [(w, f) for w, f in group if isinstance(w, Batch)]
        done: list[tuple[_Future, Any]] = []
        failed: list[tuple[_Future, Exception]] = []
        try:
            with connection.begin():
                done += self._apply(connection, reports, failed)
                for work, future in group:
                    if not isinstance(work, Batch):
                        try:
                            done.append((future, _alone(connection, work)))
                        except UndoneError:
                            raise
                        except Exception as error:  # belongs to whoever asked for this write
                            failed.append((future, error))
        except Exception as error:  # nothing of the group is durable
            self._ingest.forget()
            reason = error.reason if isinstance(error, UndoneError) else error
            own = dict(failed)
            done, failed = [], [(future, own.get(future, reason)) for _, future in group]
        # One call for all: waking the event loop costs more than what it then does.
        durable = dict(done)
        self._loop.call_soon_threadsafe(
            self._settle, [b for b, future in reports if future in durable], [*done, *failed]
        )

    def _settle(self, batches: list[Batch], outcomes: list[tuple[_Future, Any]]) -> None:
        """Runs in the event loop."""
        self._reported(batches)
        for future, outcome in outcomes:
            settle(future, outcome)

    def _apply(
        self,
        connection: Connection,
        reports: list[tuple[Batch, _Future]],
        failed: list[tuple[_Future, Exception]],
    ) -> list[tuple[_Future, Any]]:
        if not reports:
            return []
        batches = [batch for batch, _ in reports]
        try:
            results = _alone(connection, lambda c: self._ingest.apply(c, batches))
            return [(f, r) for (_, f), r in zip(reports, results, strict=True)]
        except UndoneError:
            raise
        except Exception as error:  # one of them is bad: the others must not suffer
            self._ingest.forget()
            if len(reports) == 1:
                failed.append((reports[0][1], error))
                return []
            return [p for r in reports for p in self._apply(connection, [r], failed)]


class UndoneError(Exception):
    """SQLite has undone the whole transaction by itself, as it does when the disk is full."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason


def _alone(connection: Connection, work: Callable[[Connection], T]) -> T:
    """Run `work`; what it did is undone when it raises, and nothing else. Raises UndoneError, and what `work` raises."""
    savepoint = connection.begin_nested()
    try:
        result = work(connection)
    except Exception as error:
        # There is no savepoint left to go back to; the attempt would hide the reason, and what follows would run without a transaction.
        if not connection.connection.dbapi_connection.in_transaction:  # type: ignore[union-attr]  # sqlite3's, which is there
            raise UndoneError(error) from error
        savepoint.rollback()
        raise
    savepoint.commit()
    return result


_APPEND = Prepared(insert(metrics), POINT)


def _engine(path: Path) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        connect_args={"timeout": 30, "check_same_thread": False},
        pool_size=8,
        # What people log belongs into no error message.
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: object) -> None:
        # SQLAlchemy begins transactions itself; the driver's own begin would come too late for savepoints.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def _refuse_network(folder: Path) -> None:
    """WAL shares memory between processes of one machine; on a network file system it loses data silently."""
    import psutil

    mounts = {os.path.realpath(p.mountpoint): p.fstype for p in psutil.disk_partitions(all=True)}
    for place in (folder.resolve(), *folder.resolve().parents):
        kind = mounts.get(str(place))
        if kind is not None:
            if kind in _NETWORK:
                raise SettingsError(
                    f"{folder} is on {kind}, where SQLite loses data; use PostgreSQL (databaseUrl) or a local volume"
                )
            return
