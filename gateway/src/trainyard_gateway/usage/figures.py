"""GPU-seconds of the ledger for Prometheus, by queue and user."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from trainyard_gateway import telemetry
from trainyard_gateway.store.database import Database
from trainyard_gateway.store.ledger import reading
from trainyard_gateway.store.ledger.reading import Total

PAUSE_SECONDS: Final = 60.0
MOST_SERIES: Final = 200
"""Pairs of queue and user with a series each."""
OTHER: Final = "other"
"""Queue and user of all further ones together."""


class UsageFigures:
    """Counts what was added to the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counted: dict[tuple[str, str], float] = {}

    async def run(self) -> None:
        """Count again and again, without end."""
        while True:
            await self.count()
            await asyncio.sleep(PAUSE_SECONDS)

    async def count(self) -> None:
        """Once. A sum that shrank, as a record was corrected, waits until it has grown again."""
        found = await self._database.read(reading.totals, applied=False)
        for place, seconds in bounded(found).items():
            more = seconds - self._counted.get(place, 0.0)
            if more > 0:
                telemetry.GPU_SECONDS.labels(*place).inc(more)
                self._counted[place] = seconds


def bounded(totals: Iterable[Total], most: int = MOST_SERIES) -> dict[tuple[str, str], float]:
    """Seconds by queue and user; those after the first `most` are one. Pure."""
    found: dict[tuple[str, str], float] = {}
    for queue, user, seconds in totals:
        place = (queue, user) if len(found) < most else (OTHER, OTHER)
        found[place] = found.get(place, 0.0) + seconds
    return found
