"""Times that other clocks measured.

A time that lies ahead of this clock by more than clocks differ is wrong. Nothing may look more
alive, younger or safer because of it, so it counts as absent.
"""

from __future__ import annotations

from typing import Final

CLOCK_SKEW_SECONDS: Final = 30.0
"""Most by which the clocks of a cluster may differ."""


def past(time: float | None, now: float) -> float | None:
    """`time` if it has been by `now`, as far as clocks can tell; otherwise None.

    Both are in seconds since the epoch.
    """
    return time if time is not None and time <= now + CLOCK_SKEW_SECONDS else None
