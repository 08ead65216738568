"""SQLite with one writer thread.

Guarantees: a write that has returned is on disk (WAL with synchronous FULL); many writes that come at once share one commit; a write that
fails undoes itself and nothing else; readers wait for the writer only as long as reports are sorted in that were acknowledged before.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from trainyard_api.report import Batch
from trainyard_gateway.errors import SettingsError
from trainyard_gateway.store.database import GROUP_LIMIT, Database, settle
from trainyard_gateway.store.reports.backlog import Backlog, points
from trainyard_gateway.store.reports.inbox import AT_ONCE, Arrival, Report, report
from trainyard_gateway.store.reports.ingest import Ingest
from trainyard_gateway.store.schema import migrate
from trainyard_gateway.store.sql.bulk_insert import by_blocks
from trainyard_gateway.store.sql.savepoint import UndoneError, alone

T = TypeVar("T")

_Future = asyncio.Future[Any]
_Work = tuple[Callable[[Connection], Any] | Report, _Future]
_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "ceph", "glusterfs", "fuse.sshfs", "9p"})

_WRITER_CACHE_KIB = 32 * 1024
"""The writer's pages: sorting in touches some thousand, which SQLite's own 2 MiB would write out several times."""
_LOG_PAGES = 4_000
"""Pages of the log after which they go into the file, each once, however often it was written."""

_log = structlog.get_logger()


class SqliteDatabase(Database):
    """One file, one process."""

    exclusive = True

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._engine = _engine(path)
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._ingest = Ingest(exclusive=True, append=by_blocks)
        self._backlog = Backlog()
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
                if self._ingest.arrivals.any(connection):
                    # An earlier process was killed before it sorted them in.
                    self._backlog.add(0, time.monotonic())
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

    async def ingest(self, batch: Batch, body: bytes | None = None) -> bool:
        """Take a batch together with others that wait."""
        return bool(await self._put(report(batch, body)))

    async def read(self, action: Callable[[Connection], T], settled: bool = True) -> T:
        """Run `action` on a connection of its own in a thread."""
        if settled and self._backlog.since is not None:
            await self.write(_nothing)
        return await asyncio.to_thread(self._read, action)

    async def _put(self, work: Callable[[Connection], Any] | Report) -> Any:
        future = self._loop.create_future()
        self._queue.put((work, future))
        return await future

    def _read(self, action: Callable[[Connection], T]) -> T:
        with self._engine.connect() as connection:
            return action(connection)

    def _work(self) -> None:
        with self._engine.connect() as connection:
            connection.exec_driver_sql(f"PRAGMA cache_size=-{_WRITER_CACHE_KIB}")
            connection.exec_driver_sql(f"PRAGMA wal_autocheckpoint={_LOG_PAGES}")
            connection.commit()
            last = False
            while not last:
                group, last = self._group()
                if not self._commit_reports(connection, group):
                    # Whoever writes or waits finds everything sorted in that was acknowledged.
                    self._settle(connection)
                    self._commit(connection, group)
                if self._backlog.due_in(time.monotonic()) == 0:
                    self._settle(connection)
            self._settle(connection)

    def _group(self) -> tuple[list[_Work], bool]:
        """Everything that waits, and whether the end was among it. Nothing when reports are due to be sorted in."""
        group: list[_Work] = []
        while len(group) < GROUP_LIMIT:
            try:
                wait = 0.0 if group else self._backlog.due_in(time.monotonic())
                item = self._queue.get(timeout=wait)
            except queue.Empty:
                break
            if item is None:
                return group, True
            group.append(item)
        return group, False

    def _commit_reports(self, connection: Connection, group: list[_Work]) -> bool:
        """The short way for a group of nothing but reports, of which none is bad; False when it is not that, and nothing was done."""
        reports = [work for work, _ in group if isinstance(work, Report)]
        if len(reports) < len(group):
            return False
        if not reports:
            return True
        try:
            with connection.begin():
                taken = self._ingest.accept(connection, reports)
        except Exception:  # what it was is found out by the long way
            self._ingest.forget()
            return False
        self._took(taken)
        futures = [future for _, future in group]
        outcomes = [(f, arrival is None) for f, arrival in zip(futures, taken, strict=True)]
        self._tell(self._reported, [batch for batch, _ in reports], outcomes)
        return True

    def _took(self, taken: list[Arrival | None]) -> None:
        self._ingest.arrivals.remember(taken)
        new = [arrival.batch for arrival in taken if arrival is not None]
        if new:
            self._backlog.add(points(new), time.monotonic())

    def _settle(self, connection: Connection) -> None:
        """Sort in what waits; later, when that is not possible now."""
        if not self._backlog.may_try(time.monotonic()):
            return
        try:
            done = None
            while done is None or len(done) == AT_ONCE:
                with connection.begin():
                    done = self._ingest.settle(connection)
                self._ingest.arrivals.dropped(done)
                self._tell(self._sorted_in, [arrival.batch for arrival in done], [])
        except Exception as error:  # such as a full disk: what waits is on it already
            self._ingest.forget()
            self._backlog.failed(time.monotonic())
            _log.warning("reports wait to be stored", error=str(error))
            return
        self._backlog.clear()

    def _commit(self, connection: Connection, group: list[_Work]) -> None:
        """One transaction for all; what fails alone is taken out, what fails together is done one by one."""
        reports = [(w, f) for w, f in group if isinstance(w, Report)]
        taken: list[tuple[_Future, Arrival | None]] = []
        done: list[tuple[_Future, Any]] = []
        failed: list[tuple[_Future, Exception]] = []
        try:
            with connection.begin():
                taken = self._accept(connection, reports, failed)
                for work, future in group:
                    if not isinstance(work, Report):
                        try:
                            done.append((future, alone(connection, work)))
                        except UndoneError:
                            raise
                        except Exception as error:  # belongs to whoever asked for this write
                            failed.append((future, error))
        except Exception as error:  # nothing of the group is durable
            self._ingest.forget()
            reason = error.reason if isinstance(error, UndoneError) else error
            own = dict(failed)
            taken, done, failed = [], [], [(f, own.get(f, reason)) for _, f in group]
        self._took([arrival for _, arrival in taken])
        durable = dict(taken)
        done += [(future, arrival is None) for future, arrival in taken]
        self._tell(self._reported, [w.batch for w, f in reports if f in durable], [*done, *failed])

    def _tell(
        self,
        listeners: Callable[[list[Batch]], None],
        batches: list[Batch],
        outcomes: list[tuple[_Future, Any]],
    ) -> None:
        """One call for all: waking the event loop costs more than what it then does."""

        def tell() -> None:
            listeners(batches)
            for future, outcome in outcomes:
                settle(future, outcome)

        self._loop.call_soon_threadsafe(tell)

    def _accept(
        self,
        connection: Connection,
        reports: list[tuple[Report, _Future]],
        failed: list[tuple[_Future, Exception]],
    ) -> list[tuple[_Future, Arrival | None]]:
        if not reports:
            return []
        group = [given for given, _ in reports]
        try:
            taken = alone(connection, lambda c: self._ingest.accept(c, group))
            return [(f, arrival) for (_, f), arrival in zip(reports, taken, strict=True)]
        except UndoneError:
            raise
        except Exception as error:  # one of them is bad: the others must not suffer
            self._ingest.forget()
            if len(reports) == 1:
                failed.append((reports[0][1], error))
                return []
            return [p for r in reports for p in self._accept(connection, [r], failed)]


def _nothing(_: Connection) -> None:
    """Who waits for it has everything sorted in that was acknowledged before."""


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
