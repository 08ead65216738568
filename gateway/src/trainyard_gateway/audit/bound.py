"""The end of old events: the log is bounded in age and number.

Of too many events the oldest of those users go who have the most, so that no user's noise pushes
out what others did.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

import structlog

from trainyard_gateway.store.access import audit
from trainyard_gateway.store.database import Connection, Database

_SECONDS: Final = 60.0
_PAUSE: Final = 0.1
_DAY: Final = 86_400

_log = structlog.get_logger()


def share(counts: Iterable[int], keep: int) -> int | None:
    """How many events each user may have where `keep` may stay, None where none is too many. Pure.

    What users with fewer events leave is shared by the others. It is one at least.
    """
    left = keep
    for at, count in enumerate(ordered := sorted(counts)):
        equal = max(1, left // (len(ordered) - at))
        if count > equal:
            return equal
        left -= count
    return None


class AuditBound:
    """Deletes events that are too old or too many, in short transactions beside the writing."""

    def __init__(
        self, database: Database, days: float, most: int, clock: Callable[[], float] = time.time
    ) -> None:
        """`days`, `most`: how long events are kept, and how many."""
        self._database, self._days, self._most, self._clock = database, days, most, clock

    async def run(self) -> None:
        """Delete without end."""
        while True:
            try:
                await self.prune()
            except Exception as error:  # such as a full volume: it is tried again
                _log.warning("old events not deleted from the audit log", error=str(error)[:200])
            await asyncio.sleep(_SECONDS)

    async def prune(self) -> None:
        """Delete what is too old, then what is too much."""
        before = int((self._clock() - self._days * _DAY) * 1_000_000)
        await self._repeat(lambda c: audit.prune(c, before))
        found = await self._database.read(lambda c: audit.counts(c, self._most), applied=False)
        keep = share(found.values(), self._most)
        if keep is not None:
            for user in (user for user, many in found.items() if many > keep):
                await self._repeat(partial(audit.prune_user, user=user, keep=keep))

    async def _repeat(self, delete: Callable[[Connection], bool]) -> None:
        """Delete until there is nothing more; another gateway may do the same at the same time."""
        more = True
        while more:
            more = await self._database.write(delete, applied=False)
            await asyncio.sleep(_PAUSE if more else 0)
