"""The events of requests, written before their answers; and the end of old events.

Guarantees:

- A change that was answered is in the audit log, unless the database did not take it within
  `LONGEST_WAIT` seconds; then it is written as soon as the database takes it.
- Failures that repeat are counted, so that a flood of refused requests pushes nothing out.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Final

import structlog

from trainyard_gateway.audit.event import AuditEvent
from trainyard_gateway.repeated_failures import RepeatedFailures
from trainyard_gateway.store.access import audit
from trainyard_gateway.store.access.audit import AuditRow
from trainyard_gateway.store.database import Database

LONGEST_WAIT: Final = 2.0
MOST_WAITING: Final = 10_000
_PRUNE_SECONDS: Final = 60.0
"""Also the window in which failures are counted."""
_RETRY_SECONDS: Final = 1.0
_PRUNE_PAUSE: Final = 0.1
_DAY: Final = 86_400
_REFUSED: Final = 400

_log = structlog.get_logger()


class AuditTrail:
    """Collects the events of requests and writes them together."""

    def __init__(
        self, database: Database, days: float, most: int, clock: Callable[[], float] = time.time
    ) -> None:
        """`days`, `most`: how long events are kept, and how many."""
        self._database, self._days, self._most, self._clock = database, days, most, clock
        self._waiting: list[tuple[AuditRow, asyncio.Future[None]]] = []
        self._more = asyncio.Event()
        self._pruned = 0.0
        self._repeated = RepeatedFailures[AuditEvent](time.monotonic)

    async def note(self, event: AuditEvent) -> None:
        """Write an event, together with others; returns when it is durable."""
        kind = (event.user, event.credential, event.verb, event.kind, event.status)
        if event.status >= _REFUSED and not self._repeated.is_written(kind, event):
            return
        if len(self._waiting) >= MOST_WAITING:
            _log.warning("a change is not in the audit log: too many wait", object=event.object)
            return
        await asyncio.wait([self._add(event)], timeout=LONGEST_WAIT)

    def _add(self, event: AuditEvent) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((row_of(event), future))
        self._more.set()
        return future

    def _count_repeated(self, *, all_of_them: bool) -> None:
        for last, more in self._repeated.ended(all_of_them):
            self._add(replace(last, detail=f"{more} more like this", request_id=""))

    async def run(self) -> None:
        """Write without end."""
        while True:
            try:
                async with asyncio.timeout(_PRUNE_SECONDS):
                    await self._more.wait()
            except TimeoutError:
                pass
            if not await self.flush():
                await asyncio.sleep(_RETRY_SECONDS)
            elif time.monotonic() - self._pruned > _PRUNE_SECONDS:
                self._pruned = time.monotonic()
                await self.prune()

    async def close(self) -> None:
        """Write what waits, also the failures that are only counted until their minute is over."""
        self._count_repeated(all_of_them=True)
        await self.flush()

    async def flush(self) -> bool:
        """Write what waits; False if the database did not take it: then it waits on."""
        self._count_repeated(all_of_them=False)
        self._more.clear()
        group, self._waiting = self._waiting, []
        if not group:
            return True
        try:
            await self._database.write(lambda c: audit.append(c, [row for row, _ in group]))
        except Exception as error:  # a full volume must not end the audit log
            _log.warning("changes not yet in the audit log", error=str(error)[:200])
            self._waiting = group + self._waiting
            self._more.set()
            return False
        for _, future in group:
            if not future.done():
                future.set_result(None)
        return True

    async def prune(self) -> None:
        """Delete events that are too old or too many, in short transactions."""
        before = int((self._clock() - self._days * _DAY) * 1_000_000)
        try:
            more = True
            while more:
                more = await self._database.write(lambda c: audit.prune(c, before, self._most))
                await asyncio.sleep(_PRUNE_PAUSE if more else 0)
        except Exception as error:  # as above: it is tried again
            _log.warning("old events not deleted from the audit log", error=str(error)[:200])


def row_of(event: AuditEvent) -> AuditRow:
    """An event as the database has it. Pure."""
    words = {"verb": event.verb.value, "kind": event.kind.value, "channel": event.channel.value}
    return AuditRow(**{**asdict(event), **words})
