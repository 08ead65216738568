"""A database that does not answer at times, in front of one that does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import OperationalError

from trainyard_gateway.store.database import Connection, Database

T = TypeVar("T")


class AwayDatabase(Database):
    """Passes everything on while it is not `away`."""

    def __init__(self, database: Database) -> None:
        self._database, self.exclusive = database, database.exclusive
        self.away = False
        self.refused = 0
        """Reads and writes while it was away."""
        self.results: list[object] = []
        """Of all writes."""

    @property
    def revision(self) -> int:  # type: ignore[override]  # it is only read
        """That of the database behind."""
        return self._database.revision

    async def open(self) -> None:
        await self._database.open()

    async def close(self) -> None:
        await self._database.close()

    async def write(self, action: Callable[[Connection], T], applied: bool = True) -> T:
        self._require()
        result = await self._database.write(action, applied)
        self.results.append(result)
        return result

    async def reclaim(self) -> bool:
        self._require()
        return await self._database.reclaim()

    async def read(self, action: Callable[[Connection], T], applied: bool = True) -> T:
        self._require()
        return await self._database.read(action, applied)

    def _require(self) -> None:
        if self.away:
            self.refused += 1
            raise OperationalError("", None, Exception("it is away"))
