"""SQLite with one writer thread.

Guarantees: a write that `write` has returned from is on disk (WAL with synchronous FULL); many writes that come at once share one
commit; a write that fails undoes itself and nothing else; readers never wait for the writer.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event

from trainyard_gateway.store import tables

T = TypeVar("T")
GROUP_LIMIT = 500
"""Writes per commit at most."""


class Database:
    """One SQLite file. Start with `open`, end with `close`."""

    def __init__(self, path: Path) -> None:
        self._engine = _engine(path)
        self._queue: queue.SimpleQueue[tuple[Callable[[Connection], Any], Future[Any]] | None] = (
            queue.SimpleQueue()
        )
        self._thread = threading.Thread(target=self._work, name="database-writer", daemon=True)

    def open(self) -> None:
        """Make the tables that are missing and start the writer."""
        with self._engine.begin() as connection:
            tables.metadata.create_all(connection)
        self._thread.start()

    def close(self) -> None:
        """Carry out what is queued, then end."""
        self._queue.put(None)
        self._thread.join()
        self._engine.dispose()

    async def write(self, action: Callable[[Connection], T]) -> T:
        """Run `action` in the writer; returns when it is durable."""
        future: Future[T] = Future()
        self._queue.put((action, future))
        return await asyncio.wrap_future(future)

    async def read(self, action: Callable[[Connection], T]) -> T:
        """Run `action` on a connection of its own in a thread."""
        return await asyncio.to_thread(self._read, action)

    def _read(self, action: Callable[[Connection], T]) -> T:
        with self._engine.connect() as connection:
            return action(connection)

    def _work(self) -> None:
        with self._engine.connect() as connection:
            while True:
                first = self._queue.get()
                if first is None:
                    return
                self._commit_group(connection, [first, *self._waiting()])

    def _waiting(self) -> list[Any]:
        group: list[Any] = []
        while len(group) < GROUP_LIMIT:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
            if item is None:
                # Close after this group.
                self._queue.put(None)
                break
            group.append(item)
        return group

    def _commit_group(self, connection: Connection, group: list[Any]) -> None:
        done: list[tuple[Future[Any], Any]] = []
        try:
            with connection.begin():
                for action, future in group:
                    try:
                        with connection.begin_nested():
                            done.append((future, action(connection)))
                    except Exception as error:  # belongs to whoever asked for this write
                        future.set_exception(error)
        except Exception as error:  # the commit failed: nothing of the group is durable
            for future, _ in done:
                future.set_exception(error)
            return
        for future, result in done:
            future.set_result(result)


def _engine(path: Path) -> Engine:
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        f"sqlite:///{path}", connect_args={"timeout": 30, "check_same_thread": False}
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: object) -> None:
        # SQLAlchemy begins transactions itself; the driver's own begin would come too late for savepoints.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine
