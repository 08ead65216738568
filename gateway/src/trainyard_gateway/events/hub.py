"""Wakes the event streams of a session as soon as it changes in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from trainyard_gateway.errors import Unavailable

MOST_FOLLOWERS = 1000
"""Open streams of this gateway."""


class Hub:
    """One asyncio event per open stream.

    Streams find changes that another gateway has written by a look every second.
    """

    def __init__(self, most: int = MOST_FOLLOWERS) -> None:
        self._most = most
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self.followers = 0
        self.stopping = asyncio.Event()

    def notify(self, uid: str) -> None:
        """Wake the streams of a session."""
        for event in self._waiting.get(uid, ()):
            event.set()

    def stop(self) -> None:
        """End every stream, because the gateway stops."""
        self.stopping.set()
        for events in self._waiting.values():
            for event in events:
                event.set()

    @contextmanager
    def following(self, uid: str) -> Iterator[asyncio.Event]:
        """An event that `notify` sets, as long as the context is open.

        Raises Unavailable if too many streams are open.
        """
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
