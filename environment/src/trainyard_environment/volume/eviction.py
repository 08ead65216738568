"""Which environments go. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

RECENT_SECONDS = 3600.0
"""An environment that was used within this time stays: a session may be about to start with it."""


@dataclass(frozen=True)
class Kept:
    """An environment on the volume."""

    lock: str
    bytes: int
    used: float
    """When it was last used, in seconds of the clock of `now`."""
    held: bool
    """Whether a session runs with it."""


def evicted(kept: Iterable[Kept], needed: int, limit: int, now: float) -> list[str]:
    """The least recently used ones whose removal leaves space for `needed` bytes below `limit`.

    What is held or was used within the last hour stays, also if the space does not suffice then.
    """
    there = list(kept)
    total = sum(one.bytes for one in there) + needed
    gone = []
    for one in sorted(there, key=lambda one: one.used):
        if total <= limit:
            break
        if not one.held and now - one.used >= RECENT_SECONDS:
            gone.append(one.lock)
            total -= one.bytes
    return gone
