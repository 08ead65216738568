"""Wakes a command that follows a session as soon as the gateway's event stream reports a change.

An event only triggers a poll, and the poll reads the state. Events that arrive twice, late or never
therefore change the delay only. If streams are refused or buffered by a proxy, the command polls at
its interval.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from trainyard.errors import TrainyardError

if TYPE_CHECKING:
    from trainyard.client import Client
    from trainyard.models import Event, Session

MAX_SILENCE_SECONDS: Final = 10.0
"""Longest time between two polls, independent of the stream."""
RECONNECT_SECONDS: Final = 30.0
"""Pause before a stream that was refused is opened again."""


class EventWaiter:
    """Reads `events(last_id)` in a daemon thread.

    `max_silence` and `reconnect` are in seconds.
    """

    def __init__(
        self,
        events: Callable[[str], Iterator[Event]],
        *,
        max_silence: float = MAX_SILENCE_SECONDS,
        reconnect: float = RECONNECT_SECONDS,
    ) -> None:
        self._events, self._max_silence, self._reconnect = events, max_silence, reconnect
        self._changed, self._closed = threading.Event(), threading.Event()
        self._receiving = False
        """Whether events arrive; an open stream alone may be buffered by a proxy."""
        self._thread = threading.Thread(target=self._read, daemon=True, name="events")
        self._thread.start()

    def wait(self, interval: float, soonest: float | None = None) -> None:
        """Sleep `interval` seconds, and then until an event arrives or `max_silence` has passed.

        While events arrive, the first sleep takes `soonest` seconds, by default `interval`.
        """
        if self._receiving:
            first = interval if soonest is None else soonest
            time.sleep(first)
            self._changed.wait(max(0.0, self._max_silence - first))
        else:
            time.sleep(interval)
        self._changed.clear()

    def close(self) -> None:
        """Stop reading at the next event."""
        self._closed.set()

    def _read(self) -> None:
        last_id = ""
        while not self._closed.is_set():
            try:
                for event in self._events(last_id):
                    last_id, self._receiving = event.id, True
                    self._changed.set()
                    if self._closed.is_set():
                        return
            except TrainyardError:
                self._receiving = False
            except RuntimeError:
                return  # httpx: the client was closed, the command has ended
            else:
                self._receiving = False
                return  # the session has ended
            finally:
                self._changed.set()
            self._closed.wait(self._reconnect)


@contextmanager
def event_waiter(client: Client, session: Session) -> Iterator[EventWaiter]:
    """The waiter of one session, closed at the end of the block."""
    waiter = EventWaiter(lambda last_id: client.events(session.uid, last_id))
    try:
        yield waiter
    finally:
        waiter.close()
