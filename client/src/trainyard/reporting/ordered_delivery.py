"""Sends batches in order until each is acknowledged or refused, with longer and longer pauses."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol, TypeVar

from trainyard.reporting.transport import NotDeliveredError, RejectedError, Transport

_BACKOFF_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)


class Readable(Protocol):
    """A batch that waits on disk."""

    def read(self) -> bytes:
        """The batch as it is sent. Raises FileNotFoundError if another one has delivered it."""


B = TypeVar("B", bound=Readable)


class OrderedDelivery:
    """Remembers how often the gateway has failed, and when it is tried again."""

    def __init__(self, transport: Transport, warn: Callable[[str], None]) -> None:
        self._transport, self._warn = transport, warn
        self._failures = 0
        self._not_before = 0.0

    @property
    def away(self) -> bool:
        """Whether the gateway did not take the last batch that was sent."""
        return self._failures > 0

    @property
    def postponed(self) -> bool:
        """Whether nothing is sent now, since the gateway has failed a moment ago."""
        return time.monotonic() < self._not_before

    def deliver(self, waiting: deque[B], done: Callable[[B], None]) -> bool:
        """Send until one fails; whether nothing is left. `done` takes what needs no sending more.

        Raises OSError of the disk.
        """
        while waiting:
            if self.postponed:
                return False
            batch = waiting[0]
            try:
                self._transport.post("/report/batches", batch.read())
            except FileNotFoundError:
                waiting.popleft()
                continue
            except RejectedError as error:
                self._warn(f"a report was refused and dropped: {error}")
            except NotDeliveredError as error:
                self._postpone(error)
                return False
            self._failures = 0
            waiting.popleft()
            done(batch)
        return True

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def _postpone(self, error: NotDeliveredError) -> None:
        if self._failures == 0:
            self._warn(f"reports wait on disk: {error}")
        pause = _BACKOFF_SECONDS[min(self._failures, len(_BACKOFF_SECONDS) - 1)]
        # Jitter, so that many trainers do not retry at the same moment.
        pause = max(pause, error.retry_after or 0.0) * _jitter()
        self._failures += 1
        self._not_before = time.monotonic() + pause


def _jitter() -> float:
    """A factor from 0.75 to 1.25, not from the program's own random numbers."""
    return 0.75 + os.urandom(1)[0] / 510
