"""Wakes those who follow a session as soon as something about it changed here."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from trainyard_gateway.errors import Unavailable

MOST_FOLLOWERS = 1000
"""Open streams of this gateway."""


class Hub:
    """One event per session that somebody follows. What changed through another gateway is found by looking every second."""

    def __init__(self, most: int = MOST_FOLLOWERS) -> None:
        self._most = most
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self.followers = 0
        self.stopping = asyncio.Event()

    def notify(self, uid: str) -> None:
        """Something about this session changed."""
        for event in self._waiting.get(uid, ()):
            event.set()

    def stop(self) -> None:
        """The gateway goes down: every stream ends."""
        self.stopping.set()
        for events in self._waiting.values():
            for event in events:
                event.set()

    @contextmanager
    def following(self, uid: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever the session was touched. Raises Unavailable when too many follow."""
        if self.followers >= self._most or self.stopping.is_set():
            raise Unavailable("too many event streams are open; ask for status and logs instead")
        event = asyncio.Event()
        self.followers += 1
        self._waiting.setdefault(uid, set()).add(event)
        try:
            yield event
        finally:
            self.followers -= 1
            self._waiting[uid].discard(event)
            if not self._waiting[uid]:
                del self._waiting[uid]
