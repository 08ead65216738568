"""The audit log: attempts to authenticate, written without delaying the response.

Every attempt is a row. Failures that repeat are counted: of a client, reason and key the first 20
of a minute are rows, and one more row says how many others there were.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, MutableMapping
from typing import Any

import structlog

from trainyard_api import timestamps
from trainyard_api.visible_text import visible
from trainyard_gateway.auth.client_address import client_address
from trainyard_gateway.repeated_failures import WINDOW_SECONDS, RepeatedFailures
from trainyard_gateway.store import audit_log
from trainyard_gateway.store.audit_log import AuditRow
from trainyard_gateway.store.database import Database

FLUSH_SECONDS = 0.2
MOST_WAITING = 10_000
"""Attempts that wait to be written. Further ones are only counted, so that a flood of wrong keys
does not fill the memory."""
MOST_KEPT = 1_000_000
"""Attempts in the database; the oldest go first, so that a flood fills no disk."""
_PRUNE_EVERY = 10_000

_log = structlog.get_logger()


class AuditLog:
    """Collects attempts and writes them together."""

    def __init__(
        self,
        database: Database,
        most_waiting: int = MOST_WAITING,
        most_kept: int = MOST_KEPT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._most_waiting, self._most_kept = database, most_waiting, most_kept
        self._repeated = RepeatedFailures[AuditRow](clock)
        self._rows: list[AuditRow] = []
        self._more = asyncio.Event()
        self._dropped = 0
        self._since_pruning = _PRUNE_EVERY

    def record(
        self,
        scope: MutableMapping[str, Any],
        accepted: bool,
        reason: str,
        key_id: str | None = None,
    ) -> None:
        """Remember one attempt of an ASGI request."""
        row = AuditRow(
            time=timestamps.now_text(),
            client=client_address(scope),
            method=str(scope["method"])[:8],
            path=visible(scope["path"][:256])[:256],
            accepted=accepted,
            reason=reason,
            key_id=key_id,
            request_id=scope.get("state", {}).get("id"),
        )
        if accepted or self._repeated.is_written((row.client, reason, key_id), row):
            self._add(row)

    def _add(self, row: AuditRow) -> None:
        if len(self._rows) >= self._most_waiting:
            self._dropped += 1
            return
        self._rows.append(row)
        self._more.set()

    def _count_repeated(self, all_of_them: bool) -> None:
        """Add a row for failures that were only counted."""
        for last, more in self._repeated.ended(all_of_them):
            self._add(last._replace(reason=f"{last.reason}, {more} more", request_id=None))

    async def run(self) -> None:
        """Write without end."""
        while True:
            try:
                async with asyncio.timeout(WINDOW_SECONDS):
                    await self._more.wait()
            except TimeoutError:
                pass
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()

    async def close(self) -> None:
        """Write everything, also the failures that are only counted until their minute is over."""
        self._count_repeated(all_of_them=True)
        await self.flush()

    async def flush(self) -> None:
        """Write what waits; on failure it waits on."""
        self._count_repeated(all_of_them=False)
        self._more.clear()
        rows, self._rows = self._rows, []
        if not rows:
            return
        if self._dropped:
            _log.warning("authentication attempts not written: too many", attempts=self._dropped)
            self._dropped = 0
        self._since_pruning += len(rows)
        prune = self._since_pruning >= min(_PRUNE_EVERY, self._most_kept)
        try:
            await self._database.write(
                lambda c: audit_log.append(c, rows, self._most_kept if prune else None),
                applied=False,
            )
            if prune:
                self._since_pruning = 0
        except Exception as error:  # a full volume must not end the audit_log
            _log.warning("authentication attempts not written", error=str(error)[:200])
            self._rows = (rows + self._rows)[: self._most_waiting]
            await asyncio.sleep(1)
            self._more.set()
