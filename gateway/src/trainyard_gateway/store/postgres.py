"""PostgreSQL by asyncpg: points come in by COPY, many batches share one commit, several gateways share one database.

Guarantees: writes of all gateways go one after another (an advisory lock held by the transaction), so that cursors grow in the order of
commits and versions have no gaps or twins; a write that has returned is committed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, func, make_url, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import await_only

from trainyard_api.report import Batch
from trainyard_gateway.errors import SettingsError
from trainyard_gateway.store import migrate
from trainyard_gateway.store.database import GROUP_LIMIT, Database, settle
from trainyard_gateway.store.ingest import Ingest
from trainyard_gateway.store.series import POINT, Point

T = TypeVar("T")
_WRITER_LOCK = 0x7472_6169
"""Key of the advisory lock that every writing transaction holds."""
_ANSWER_SECONDS = 15.0
"""A server that has not let us in by then is away; asyncpg alone would wait for a minute."""
_LOCK = select(func.pg_advisory_xact_lock(_WRITER_LOCK))


class PostgresDatabase(Database):
    """One server, any number of gateways."""

    exclusive = False

    def __init__(
        self, url: str, password_file: Path | None, answer_seconds: float = _ANSWER_SECONDS
    ) -> None:
        super().__init__()
        self._engine = _engine(url, password_file, answer_seconds)
        self._waiting: list[tuple[Batch, asyncio.Future[bool]]] = []
        self._more = asyncio.Event()
        self._ingest = Ingest(exclusive=False, append=_append)
        self._writer: asyncio.Task[None] | None = None
        self._closing = False

    async def open(self) -> None:
        """Migrate the schema and start the writer of reports."""
        try:
            await self.write(migrate.upgrade)
        except (SQLAlchemyError, OSError) as error:
            where = self._engine.url.render_as_string(hide_password=True)
            # A timeout has no text of its own.
            why = str(error) or "it does not answer"
            raise SettingsError(f"cannot use the database {where}: {why}") from error
        self._writer = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Carry out what is queued, then end."""
        self._closing = True
        self._more.set()
        if self._writer is not None:
            await self._writer
        await self._engine.dispose()

    async def write(self, action: Callable[[Connection], T]) -> T:
        """Run `action` in a transaction of its own."""
        async with self._engine.begin() as connection:
            await connection.execute(_LOCK)
            return await connection.run_sync(action)

    async def read(self, action: Callable[[Connection], T]) -> T:
        """Run `action` on a connection of the pool."""
        async with self._engine.connect() as connection:
            return await connection.run_sync(action)

    async def ingest(self, batch: Batch) -> bool:
        """Apply a batch together with others that wait."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((batch, future))
        self._more.set()
        return await future

    async def _work(self) -> None:
        while True:
            await self._more.wait()
            group, self._waiting = self._waiting[:GROUP_LIMIT], self._waiting[GROUP_LIMIT:]
            if not group:
                if self._closing:
                    return
                self._more.clear()
                continue
            await self._commit(group)

    async def _commit(self, group: list[tuple[Batch, asyncio.Future[bool]]]) -> None:
        """One transaction for all; when it fails, one for each, so that nobody suffers for another."""
        try:
            results = await self.write(lambda c: self._ingest.apply(c, [b for b, _ in group]))
        except Exception as error:  # whatever it is, the sender must hear of it
            if len(group) == 1:
                settle(group[0][1], error)
                return
            for one in group:
                await self._commit([one])
            return
        self._reported(batch for batch, _ in group)
        for (_, future), duplicate in zip(group, results, strict=True):
            settle(future, duplicate)


def _append(connection: Connection, points: list[Point]) -> None:
    raw: Any = connection.connection.driver_connection
    await_only(raw.copy_records_to_table("metrics", records=points, columns=POINT))


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
        connect_args={"timeout": answer_seconds},
        # What people log belongs into no error message.
        hide_parameters=True,
    )
