"""The events of requests, written before their answers.

Guarantees:

- A change that was answered is in the audit log, unless the database did not take it within
  `LONGEST_WAIT` seconds; then it is written as soon as the database takes it.
- Failures that repeat are counted, so that a flood of refused requests pushes nothing out.
- A program waits for its events only where many wait.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict, replace
from typing import Final

import structlog

from trainyard_gateway.audit.event import AuditEvent, Channel
from trainyard_gateway.repeated_failures import RepeatedFailures
from trainyard_gateway.store.access import audit
from trainyard_gateway.store.access.audit import AuditRow
from trainyard_gateway.store.database import Database

_Waiting = tuple[AuditRow, asyncio.Future[None]]

LONGEST_WAIT: Final = 2.0
MOST_WAITING: Final = 10_000
_MANY: Final = 1_000
_IDLE_SECONDS: Final = 60.0
"""The window in which failures are counted."""
_RETRY_SECONDS: Final = 1.0
_REFUSED: Final = 400

_log = structlog.get_logger()


class AuditTrail:
    """Collects the events of requests and writes them together."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Waiting] = []
        self._more = asyncio.Event()
        self._writing: asyncio.Task[bool] | None = None
        self._repeated = RepeatedFailures[AuditEvent](time.monotonic)

    async def note(self, event: AuditEvent) -> None:
        """Write an event, together with others; returns when it is durable.

        A program makes runs and models all the time: its events come soon after its answers.
        """
        kind = (event.user, event.credential, event.verb, event.kind, event.status)
        if event.status >= _REFUSED and not self._repeated.is_written(kind, event):
            return
        if len(self._waiting) >= MOST_WAITING:
            _log.warning("a change is not in the audit log: too many wait", object=event.object)
            return
        added = self._add(event)
        if event.channel is not Channel.PROGRAM or len(self._waiting) > _MANY:
            await asyncio.wait([added], timeout=LONGEST_WAIT)

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
                async with asyncio.timeout(_IDLE_SECONDS):
                    await self._more.wait()
            except TimeoutError:
                pass
            if not await self.flush():
                await asyncio.sleep(_RETRY_SECONDS)

    async def close(self) -> None:
        """Write what waits, also the failures that are only counted until their minute is over."""
        self._count_repeated(all_of_them=True)
        if self._writing is not None:
            await self._writing
        await self.flush()

    async def flush(self) -> bool:
        """Write what waits; False if the database did not take it: then it waits on."""
        self._count_repeated(all_of_them=False)
        self._more.clear()
        group, self._waiting = self._waiting, []
        if not group:
            return True
        # The end of the gateway stops the loop around this, and no write.
        self._writing = asyncio.create_task(self._write(group))
        return await asyncio.shield(self._writing)

    async def _write(self, group: list[_Waiting]) -> bool:
        try:
            rows = [row for row, _ in group]
            await self._database.write(lambda c: audit.append(c, rows), applied=False)
        except Exception as error:  # a full volume must not end the audit log
            _log.warning("changes not yet in the audit log", error=str(error)[:200])
            self._waiting = group + self._waiting
            self._more.set()
            return False
        for _, future in group:
            if not future.done():
                future.set_result(None)
        return True


def row_of(event: AuditEvent) -> AuditRow:
    """An event as the database has it. Pure."""
    words = {"verb": event.verb.value, "kind": event.kind.value, "channel": event.channel.value}
    return AuditRow(**{**asdict(event), **words})
