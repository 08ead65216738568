"""One event stream: server-sent events of metrics, log lines and phases of a session.

Guarantees:

- A client that reconnects with the id of the last event misses no point and no line. A point may
  come twice; its name and step identify it.
- Of the streams that a change wakes, few are written at once: other requests are answered between.
- Little is buffered for a slow client: changes are sent in pieces of `PIECE_BYTES`. The database is
  read again whenever the client takes more.
- An idle stream does nothing between keep-alives. A change is read and written as JSON once for all
  streams at the same position.
- The stream ends with `end` when the session has ended, and at once when the gateway stops or the
  key is revoked.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson

from trainyard_api.phase import TERMINAL
from trainyard_gateway.errors import NotFound
from trainyard_gateway.events.hub import Client, Hub
from trainyard_gateway.sessions.cache import SessionCache
from trainyard_gateway.sessions.info import SessionInfo
from trainyard_gateway.store import changes
from trainyard_gateway.store.changes import Cursor
from trainyard_gateway.store.database import Database

KEEP_ALIVE_SECONDS = 15.0
"""Proxies close connections on which nothing happens."""
PIECE_BYTES = 32 << 10
"""Bytes that are written at once: a connection holds one piece above its buffer at most."""
_TOLD = ("attempt", "queue", "progress", "failure", "model")


@dataclass(frozen=True, slots=True)
class _News:
    """What a position in a session's changes leads to; the same for all its followers."""

    state: bytes
    frames: bytes
    cursor: Cursor
    more: bool


class Follower:
    """Reads the changes of a session for one client."""

    def __init__(self, database: Database, cache: SessionCache, hub: Hub, client: Client) -> None:
        self._database, self._cache, self._hub, self._client = database, cache, hub, client

    async def follow(self, session: SessionInfo, cursor: Cursor) -> AsyncIterator[bytes]:
        """Events from a cursor on."""
        uid, told, spoke = session.uid, b"", time.monotonic()
        with self._hub.following(uid, self._client) as touched:
            yield b"retry: 2000\n\n"
            while self._client.is_allowed() and not self._hub.stopping.is_set():
                touched.clear()
                found = await self._hub.shared(uid, cursor, partial(self._news, uid, cursor))
                state, cursor, frames = found.state, found.cursor, found.frames
                phase = frame("phase", state, cursor) if state != told else b""
                told = state
                if frames or phase:
                    async with self._hub.slots.taking(uid):
                        for piece in pieces(frames, phase):
                            yield piece
                    spoke = time.monotonic()
                if found.more:
                    continue
                if _is_over(state):
                    yield frame("end", b"{}", cursor)
                    return
                if time.monotonic() - spoke >= KEEP_ALIVE_SECONDS:
                    yield b": still here\n\n"
                    spoke = time.monotonic()
                await wait(touched, KEEP_ALIVE_SECONDS)

    async def _news(self, uid: str, cursor: Cursor) -> _News:
        # Read before the changes: changes that precede the end are sent before it.
        state = await self._state(uid)
        found = await self._database.read(partial(changes.since, uid=uid, cursor=cursor))
        return _News(state, b"".join(_frames(found)), found.cursor, found.more)

    async def _state(self, uid: str) -> bytes:
        try:
            session = await self._cache.find(uid)
        except NotFound:
            return orjson.dumps({"phase": "Unknown", "deleted": True})
        status = {k: session.status[k] for k in _TOLD if k in session.status}
        return orjson.dumps({"phase": session.phase, "deleted": session.deleted, **status})


def pieces(*parts: bytes) -> Iterator[bytes]:
    """The parts in pieces of at most PIECE_BYTES."""
    for part in parts:
        for start in range(0, len(part), PIECE_BYTES):
            yield part[start : start + PIECE_BYTES]


def _is_over(state: bytes) -> bool:
    found = orjson.loads(state)
    return bool(found["deleted"]) or found["phase"] in TERMINAL


def _frames(found: changes.Changes) -> list[bytes]:
    frames = []
    if found.points:
        body: dict[str, Any] = {"points": found.points}
        if found.truncated:
            body["truncated"] = True
        frames.append(
            frame("metrics", orjson.dumps(body), found.cursor if not found.lines else None)
        )
    if found.lines:
        frames.append(frame("logs", orjson.dumps({"lines": found.lines}), found.cursor))
    return frames


def frame(event: str, data: bytes, cursor: Cursor | str | None) -> bytes:
    """One event. `data` is JSON without line breaks.

    Of several events that share a cursor only the last one carries it.
    """
    mark = f"id: {cursor}\n" if cursor is not None else ""
    return f"{mark}event: {event}\ndata: ".encode() + data + b"\n\n"


async def wait(touched: asyncio.Event, seconds: float) -> None:
    """Until the event is set, or for so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            await touched.wait()
    except TimeoutError:
        return
