"""How late this machine is itself, so that a delay of a program can be told from it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_EVERY = 0.02


@dataclass
class HostDelay:
    """The longest time by which a short wait of our own took longer than asked for."""

    seconds: float = 0.0


@contextmanager
def host_delay() -> Iterator[HostDelay]:
    """Measures for the length of the block."""
    found, ended = HostDelay(), threading.Event()

    def sample() -> None:
        while not ended.is_set():
            started = time.monotonic()
            ended.wait(_EVERY)
            found.seconds = max(found.seconds, time.monotonic() - started - _EVERY)

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()
