"""Every attempt to come in, written down without letting the answer wait for the disk."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import structlog
from sqlalchemy import insert

from trainyard_gateway import clock
from trainyard_gateway.store.database import Database
from trainyard_gateway.store.tables import auth_logs

FLUSH_SECONDS = 0.2
_MOST_WAITING = 50_000

_log = structlog.get_logger()


class Journal:
    """Collects attempts and writes them together."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows: list[dict[str, Any]] = []
        self._more = asyncio.Event()

    def note(
        self,
        scope: MutableMapping[str, Any],
        accepted: bool,
        reason: str,
        key_id: str | None = None,
    ) -> None:
        """Remember one attempt of an ASGI request."""
        if len(self._rows) >= _MOST_WAITING:
            return
        client = scope.get("client")
        self._rows.append(
            {
                "time": clock.now(),
                "client": (client[0] if client else "unknown")[:64],
                "method": str(scope["method"])[:8],
                "path": _storable(scope["path"])[:256],
                "accepted": accepted,
                "reason": reason,
                "key_id": key_id,
                "request_id": scope.get("state", {}).get("id"),
            }
        )
        self._more.set()

    async def run(self) -> None:
        """Write without end."""
        while True:
            await self._more.wait()
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Write what waits; on failure it waits on."""
        self._more.clear()
        rows, self._rows = self._rows, []
        if not rows:
            return
        try:
            await self._database.write(lambda c: c.execute(insert(auth_logs), rows).rowcount)
        except Exception as error:  # a full volume must not end the journal
            _log.warning("authentication attempts not written", error=str(error)[:200])
            self._rows = rows + self._rows
            await asyncio.sleep(1)
            self._more.set()


def _storable(path: str) -> str:
    """Without what a database or a terminal trips over."""
    return path.encode("unicode_escape").decode() if not path.isprintable() else path
