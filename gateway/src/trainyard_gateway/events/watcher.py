"""One look a second for all open streams: revoked keys, and changes by other gateways."""

from __future__ import annotations

import asyncio

import structlog

from trainyard_gateway.events.hub import Hub
from trainyard_gateway.store import changes
from trainyard_gateway.store.changes import Cursor
from trainyard_gateway.store.errors import DatabaseError
from trainyard_gateway.store.store import Store

LOOK_SECONDS = 1.0
"""What came in through another gateway is found after this time; so is a revoked key."""

_log = structlog.get_logger()


class StreamWatcher:
    """One look for all streams, however many follow."""

    def __init__(self, hub: Hub, database: Store) -> None:
        self._hub, self._database = hub, database
        self._cursors: dict[str, Cursor] = {}

    async def run(self) -> None:
        """Look without end."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self._hub.wake_refused()
            # Changes by this gateway wake the streams by themselves.
            if not self._database.exclusive:
                try:
                    await self._look()
                except (DatabaseError, OSError) as error:
                    _log.warning("event streams not looked after", error=str(error)[:200])

    async def _look(self) -> None:
        uids = self._hub.sessions()
        if not uids:
            self._cursors.clear()
            return
        found = await self._database.read(
            lambda c: {uid: changes.current_cursor(c, uid) for uid in uids}
        )
        for uid, cursor in found.items():
            if self._cursors.get(uid, cursor) != cursor:
                self._hub.notify(uid)
        self._cursors = found
