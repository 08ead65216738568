"""PostgreSQL by asyncpg: points come in by COPY, many batches share one commit, several gateways share one database.

Guarantees: writes of all gateways go one after another (an advisory lock held by the transaction), so that cursors grow in the order of
commits and versions have no gaps or twins; a write that has returned is committed. Only batches are taken in without the lock; whichever
gateway sorts in next sorts in those of all.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import structlog
from sqlalchemy import Connection, func, make_url, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from trainyard_api.report import Batch
from trainyard_gateway.errors import SettingsError
from trainyard_gateway.store.database import GROUP_LIMIT, Database, settle
from trainyard_gateway.store.reports.backlog import SETTLE_POINTS, Backlog, points
from trainyard_gateway.store.reports.inbox import AT_ONCE, Arrival, Report, report
from trainyard_gateway.store.reports.ingest import Ingest
from trainyard_gateway.store.schema import migrate
from trainyard_gateway.store.sql.bulk_insert import by_copy

T = TypeVar("T")
WRITER_LOCK = 0x7472_6169
"""Key of the advisory lock that every writing transaction holds."""
_ANSWER_SECONDS = 15.0
"""A server that has not let us in by then is away; asyncpg alone would wait for a minute."""
_LOCK = select(func.pg_advisory_xact_lock(WRITER_LOCK))

_log = structlog.get_logger()


class PostgresDatabase(Database):
    """One server, any number of gateways."""

    exclusive = False

    def __init__(
        self, url: str, password_file: Path | None, answer_seconds: float = _ANSWER_SECONDS
    ) -> None:
        super().__init__()
        self._engine = _engine(url, password_file, answer_seconds)
        self._waiting: list[tuple[Report, asyncio.Future[bool]]] = []
        self._more = asyncio.Event()
        self._ingest = Ingest(exclusive=False, append=by_copy)
        self._backlog = Backlog()
        self._settling = asyncio.Lock()
        self._behind = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._line: AsyncConnection | None = None
        self._closing = False

    async def open(self) -> None:
        """Migrate the schema and start the writer of reports."""
        try:
            await self._locked(migrate.upgrade)
        except (SQLAlchemyError, OSError) as error:
            where = self._engine.url.render_as_string(hide_password=True)
            # A timeout has no text of its own.
            why = str(error) or "it does not answer"
            raise SettingsError(f"cannot use the database {where}: {why}") from error
        # What another gateway left, too.
        self._came(0)
        self._tasks = [asyncio.create_task(self._work()), asyncio.create_task(self._follow())]

    async def close(self) -> None:
        """Carry out what is queued, then end."""
        self._closing = True
        self._more.set()
        self._behind.set()
        for task in self._tasks:
            await task
        if self._tasks:
            await self._settle()
        if self._line is not None:
            await self._line.close()
        await self._engine.dispose()

    async def write(self, action: Callable[[Connection], T]) -> T:
        """Run `action` in a transaction of its own."""
        await self._catch_up()
        return await self._locked(action)

    async def _locked(self, action: Callable[[Connection], T]) -> T:
        async with self._engine.begin() as connection:
            await connection.execute(_LOCK)
            return await connection.run_sync(action)

    async def read(self, action: Callable[[Connection], T], settled: bool = True) -> T:
        """Run `action` on a connection of the pool."""
        if settled:
            await self._catch_up()
        async with self._engine.connect() as connection:
            return await connection.run_sync(action)

    async def ingest(self, batch: Batch, body: bytes | None = None) -> bool:
        """Take a batch together with others that wait."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((report(batch, body), future))
        self._more.set()
        return await future

    async def _work(self) -> None:
        """Take batches in."""
        while True:
            await self._more.wait()
            group, self._waiting = self._waiting[:GROUP_LIMIT], self._waiting[GROUP_LIMIT:]
            if not group:
                if self._closing:
                    return
                self._more.clear()
                continue
            await self._accept(group)
            if self._backlog.points > 2 * SETTLE_POINTS:
                await self._settle()

    async def _accept(self, group: list[tuple[Report, asyncio.Future[bool]]]) -> None:
        """One commit for all; when it fails, one for each, so that nobody suffers for another."""
        reports = [given for given, _ in group]
        try:
            taken = await self._take(reports)
        except Exception as error:  # whatever it is, the sender must hear of it
            self._ingest.forget()
            if len(group) == 1:
                settle(group[0][1], error)
                return
            for one in group:
                await self._accept([one])
            return
        self._ingest.arrivals.remember(taken)
        new = [arrival.batch for arrival in taken if arrival is not None]
        if new:
            self._came(points(new))
        self._reported(given.batch for given in reports)
        for (_, future), arrival in zip(group, taken, strict=True):
            settle(future, arrival is None)

    async def _take(self, reports: list[Report]) -> list[Arrival | None]:
        is_new = self._line is None
        try:
            if self._line is None:
                self._line = await self._open_line()
            return await self._line.run_sync(lambda c: self._ingest.accept(c, reports))
        except (SQLAlchemyError, OSError):
            self._ingest.forget()
            await self._drop_line()
            if is_new:
                raise
        # The server may have gone and come back since the line was last used. What it took all the same waits, and is a duplicate now.
        self._came(0)
        return await self._take(reports)

    async def _open_line(self) -> AsyncConnection:
        """A connection for nothing but to take batches in: one statement each time, which is its own transaction."""
        connection = await self._engine.connect()
        return await connection.execution_options(isolation_level="AUTOCOMMIT")

    async def _drop_line(self) -> None:
        """It may be broken; the next one is a new one."""
        line, self._line = self._line, None
        if line is not None:
            with contextlib.suppress(SQLAlchemyError, OSError):
                await line.invalidate()
                await line.close()

    def _came(self, count: int) -> None:
        self._backlog.add(count, time.monotonic())
        self._behind.set()

    async def _follow(self) -> None:
        """Sort in what was taken when it is due."""
        while not self._closing:
            await self._behind.wait()
            wait = self._backlog.due_in(time.monotonic())
            if wait is None:
                self._behind.clear()
            elif wait > 0:
                # Looked at again, since so many may come that it is due earlier.
                await asyncio.sleep(min(wait, _LOOK_SECONDS))
            else:
                await self._settle()

    async def _catch_up(self) -> None:
        """Sort in what was acknowledged, if there is anything."""
        async with self._engine.connect() as connection:
            behind = await connection.run_sync(self._ingest.arrivals.any)
        if behind:
            await self._settle()

    async def _settle(self) -> None:
        """Sort in what waits, whoever took it; when that is not possible now, later, or when somebody reads."""
        async with self._settling:
            try:
                done = None
                while done is None or len(done) == AT_ONCE:
                    # Counted anew from here on: what comes now may be missed.
                    self._backlog.clear()
                    done = await self._locked(self._ingest.settle)
                    self._ingest.arrivals.dropped(done)
                    self._sorted_in(arrival.batch for arrival in done)
            except (
                Exception
            ) as error:  # such as a server that is away: what waits is on its disk already
                self._ingest.forget()
                self._came(0)
                self._backlog.failed(time.monotonic())
                _log.warning("reports wait to be stored", error=str(error))


_LOOK_SECONDS = 0.05


def _engine(url: str, password_file: Path | None, answer_seconds: float) -> AsyncEngine:
    try:
        parsed = make_url(url).set(drivername="postgresql+asyncpg")
        if password_file is not None:
            parsed = parsed.set(password=password_file.read_text().strip())
    except SQLAlchemyError as error:
        raise SettingsError("databaseUrl is no valid URL") from error
    except OSError as error:
        raise SettingsError(f"cannot read {password_file}: {error.strerror}") from error
    return create_async_engine(
        parsed,
        pool_size=8,
        max_overflow=8,
        pool_pre_ping=True,
        connect_args={
            "timeout": answer_seconds,
            # Whoever has waited for the lock must see what its last holder wrote, whatever the server's default is.
            "server_settings": {"default_transaction_isolation": "read committed"},
        },
        # What people log belongs into no error message.
        hide_parameters=True,
    )
