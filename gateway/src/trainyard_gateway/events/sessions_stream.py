"""One stream of all sessions: first every row, then the rows that change.

Guarantees:

- A client that reconnects with the id of the last event gets what has changed since, and nothing
  that it has. Where that is not known, `reset` says so and every row follows.
- A row is sent as it is now: a session that changes often is sent once in `PAUSE_SECONDS`.
- Rows are read and written as JSON once for all streams at the same position.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial

import orjson

from trainyard_gateway.events.hub import Client, Hub
from trainyard_gateway.events.session_changes import ALL, SessionChanges
from trainyard_gateway.events.session_row import session_row
from trainyard_gateway.events.stream import KEEP_ALIVE_SECONDS, frame, pieces, wait
from trainyard_gateway.sessions.cache import SessionCache

PAUSE_SECONDS = 0.5
"""Between two messages at least."""
ROWS_AT_ONCE = 200
"""Rows of one event."""


@dataclass(frozen=True, slots=True)
class _News:
    frames: bytes
    cursor: str


class SessionsFollower:
    """Reads the rows that change, for one client."""

    def __init__(
        self, changes: SessionChanges, cache: SessionCache, hub: Hub, client: Client
    ) -> None:
        self._changes, self._cache, self._hub, self._client = changes, cache, hub, client

    async def follow(self, cursor: str | None) -> AsyncIterator[bytes]:
        """Events from a cursor on; None: from every row on."""
        spoke = time.monotonic()
        with self._hub.following(ALL, self._client) as touched:
            yield b"retry: 2000\n\n"
            while self._client.is_allowed() and not self._hub.stopping.is_set():
                touched.clear()
                found: _News = await self._hub.shared(ALL, cursor, partial(self._news, cursor))
                cursor = found.cursor
                if found.frames:
                    async with self._hub.slots.taking(ALL):
                        for piece in pieces(found.frames):
                            yield piece
                    spoke = time.monotonic()
                    await asyncio.sleep(PAUSE_SECONDS)
                elif time.monotonic() - spoke >= KEEP_ALIVE_SECONDS:
                    yield b": still here\n\n"
                    spoke = time.monotonic()
                await wait(touched, KEEP_ALIVE_SECONDS)

    async def _news(self, cursor: str | None) -> _News:
        at = self._changes.cursor()
        uids = self._changes.since(cursor)
        if uids is None:
            rows = [session_row(body) for body in self._cache.live()]
            return _News(
                _frames([row.model_dump_json(by_alias=True) for row in rows], [], at, True), at
            )
        bodies = {uid: self._cache.get(uid) for uid in uids}
        rows_of = [session_row(body) for body in bodies.values() if body is not None]
        gone = [uid for uid, body in bodies.items() if body is None]
        if not bodies:
            return _News(b"", at)
        return _News(_frames([row.model_dump_json(by_alias=True) for row in rows_of], gone, at), at)


def _frames(rows: list[str], gone: list[str], cursor: str, reset: bool = False) -> bytes:
    """Events of at most ROWS_AT_ONCE rows; the last one carries the cursor. Pure."""
    starts = range(0, max(len(rows), 1), ROWS_AT_ONCE)
    return b"".join(
        frame(
            "sessions",
            _body(rows[at : at + ROWS_AT_ONCE], gone if at == 0 else [], reset and at == 0),
            cursor if at == starts[-1] else None,
        )
        for at in starts
    )


def _body(rows: list[str], gone: list[str], reset: bool) -> bytes:
    rest = orjson.dumps({"gone": gone, "reset": reset})
    return b'{"sessions":[' + ",".join(rows).encode() + b"]," + rest[1:]
