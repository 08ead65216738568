"""The database as an interface: transactions that read or write.

An action is a function of a synchronous SQLAlchemy connection, so that every query is written once
for SQLite and PostgreSQL.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

__all__ = ["Connection", "Database"]
# Callers name the type and pass the object to functions of this package; they need no SQLAlchemy.

T = TypeVar("T")


class Database(ABC):
    """Runs actions in transactions. Call `open` first and `close` last."""

    exclusive: bool
    """Whether this process is the only one that uses the database."""

    revision: int = 0
    """Grows when this process has written anything but reported values, and what `applied=False`
    writes, before its caller hears of it. Read in the event loop only."""

    @abstractmethod
    async def open(self) -> None:
        """Migrate the schema and start the writer.

        Raises SettingsError if the database cannot be used.
        """

    @abstractmethod
    async def close(self) -> None:
        """Finish what is queued, then close all connections."""

    @abstractmethod
    async def write(self, action: Callable[[Connection], T], applied: bool = True) -> T:
        """Run `action` in a transaction and return its result once it is durable.

        There is one writer at a time. The action sees every report that was acknowledged before. If
        it raises, its changes are undone and the exception is passed on.

        `applied`: as for `read`. An action that comes often and has nothing to do with sessions,
        runs and their owners leaves the inbox as it is.
        """

    @abstractmethod
    async def reclaim(self) -> bool:
        """Give some of the space of deleted rows back to the file system, in a short transaction.

        Returns whether there is more. New rows use such space again in any case.
        """

    @abstractmethod
    async def read(self, action: Callable[[Connection], T], applied: bool = True) -> T:
        """Run `action` on a connection for reading and return its result.

        `applied`: whether to apply the inbox first, so that the action sees every report that was
        acknowledged before. Otherwise reports of the last half second may be missing;
        `ReportIngest.on_applied` announces them.
        """
