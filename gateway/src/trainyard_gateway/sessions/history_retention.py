"""Removes log lines and metrics of sessions that were deleted a while ago from the database.

Guarantees:

- History stays while its session is in the cluster. Time counts from when the session was first
  missed; the time of a session that comes back starts again.
- While the cluster does not answer, nothing is removed.
- Every step is a short transaction with a pause after it, so that no other write waits for long.
- One session that cannot be removed delays no other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from trainyard_gateway.sessions.cache import SessionCache
from trainyard_gateway.sessions.sweeps import DAY, sweep_again_and_again
from trainyard_gateway.store import history
from trainyard_gateway.store.store import Store

STEP_PAUSE_SECONDS = 0.1
"""Pause after each transaction, which takes some hundredths of a second."""

_log = structlog.get_logger()


class HistoryRetention:
    """Looks through the deleted sessions in the background.

    `clock`: seconds since the epoch.
    """

    def __init__(
        self,
        cache: SessionCache,
        database: Store,
        days: float,
        clock: Callable[[], float] = time.time,
        step_pause: float = STEP_PAUSE_SECONDS,
    ) -> None:
        self._cache, self._database, self._clock = cache, database, clock
        self._seconds, self._step_pause = days * DAY, step_pause

    async def run(self) -> None:
        """Sweep again and again, first when the cluster's sessions are known."""
        await sweep_again_and_again(self.sweep, self._cache, self._seconds, "deleted sessions")

    async def sweep(self) -> None:
        """Once. Raises DatabaseError."""
        if self._cache.stale is not None:
            return
        await self._mark()
        removed = 0
        before = int((self._clock() - self._seconds) * 1e6)
        for uid in await self._database.read(lambda c: history.due(c, before), applied=False):
            removed += await self._remove(uid)
        if removed:
            await self._database.clear_caches()
            _log.info("removed logs and metrics of sessions that are gone", sessions=removed)
            await self._repeat(self._database.reclaim)

    async def _mark(self) -> None:
        now = int(self._clock() * 1e6)
        if back := await self._database.read(history.back, applied=False):
            await self._database.write(lambda c: history.unmark(c, back))
        await self._repeat(lambda: self._mark_some(now))

    async def _mark_some(self, now: int) -> bool:
        missed = await self._database.read(history.missed, applied=False)
        if missed:
            await self._database.write(lambda c: history.mark(c, missed, now))
        return len(missed) == history.STEP_ROWS

    async def _repeat(self, step: Callable[[], Awaitable[bool]]) -> None:
        """Take steps with pauses between them, until one says that there is no more."""
        more = True
        while more:
            more = await step()
            await asyncio.sleep(self._step_pause if more else 0)

    async def _remove(self, uid: str) -> bool:
        try:
            await self._repeat(lambda: self._database.write(lambda c: history.remove_some(c, uid)))
        except Exception as error:  # of any kind: it concerns this session only
            _log.warning("history of a session not removed", session=uid, error=str(error)[:200])
            return False
        return True
