"""When a notice is tried again. Pure."""

from __future__ import annotations

import zlib
from typing import Final

PAUSES: Final = (
    5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 7200.0, 18_000.0, 36_000.0, 43_200.0,
)  # fmt: skip
"""Seconds after the first, second, … try that failed: 31 hours in all. Then the notice is dead."""
SPREAD: Final = 0.2
"""A pause is longer by up to this share, so that what failed together is not tried together."""
LONGEST_RETRY_AFTER: Final = 86_400.0
"""A longer pause that a receiver asks for is shortened."""


def next_try(
    identity: str, tries: int, now: float, retry_after: float | None = None
) -> float | None:
    """When a notice is tried again that failed for the `tries`-th time; None if no more.

    `retry_after` are the seconds that the receiver asks for. Times are seconds since the epoch.
    """
    if tries > len(PAUSES):
        return None
    share = zlib.crc32(f"{identity}/{tries}".encode()) / 2**32
    pause = PAUSES[tries - 1] * (1 + SPREAD * share)
    return now + max(pause, min(retry_after or 0.0, LONGEST_RETRY_AFTER))
