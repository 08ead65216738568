"""Wakes a command that follows a session when the gateway's event stream tells of something.

The stream says when to look, the look says what there is: events that come twice, late or not at all change nothing but the
time. Where streams are refused, or a proxy holds them back, the command looks at its interval as if there were none.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from trainyard.client import Client
from trainyard.errors import TrainyardError
from trainyard.models import Event, Session

SILENCE_SECONDS: Final = 10.0
"""A look at least so often, whatever the stream says."""
AGAIN_SECONDS: Final = 30.0
"""Pause before a stream that was refused is asked for again."""


class Bell:
    """Listens to `events(last_id)` in a thread of its own, which ends with the program."""

    def __init__(
        self,
        events: Callable[[str], Iterator[Event]],
        *,
        silence: float = SILENCE_SECONDS,
        again: float = AGAIN_SECONDS,
    ) -> None:
        self._events, self._silence, self._again = events, silence, again
        self._rung, self._closed = threading.Event(), threading.Event()
        self._heard = False
        """Whether the stream gets through; one that was opened only may be held back on the way."""
        self._thread = threading.Thread(target=self._listen, daemon=True, name="events")
        self._thread.start()

    def wait(self, interval: float) -> None:
        """Return after `interval` seconds, or later, when something happened."""
        time.sleep(interval)
        if self._heard:
            self._rung.wait(max(0.0, self._silence - interval))
        self._rung.clear()

    def close(self) -> None:
        """Listen no more, from the next event on."""
        self._closed.set()

    def _listen(self) -> None:
        last_id = ""
        while not self._closed.is_set():
            try:
                for event in self._events(last_id):
                    last_id, self._heard = event.id, True
                    self._rung.set()
                    if self._closed.is_set():
                        return
            except TrainyardError:
                self._heard = False
            except RuntimeError:
                return  # httpx: the client was closed, the command is over
            else:
                self._heard = False
                return  # the session has ended
            finally:
                self._rung.set()
            self._closed.wait(self._again)


@contextmanager
def bell(client: Client, session: Session) -> Iterator[Bell]:
    """The bell of one session."""
    rings = Bell(lambda last_id: client.events(session.uid, last_id))
    try:
        yield rings
    finally:
        rings.close()
