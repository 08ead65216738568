"""Whether a step that is not seen to rise means a stall, or only that the gateway is away.

Steps reach the status through the gateway. It renews a Lease while it takes in reports. A session
is called stalled only at a time at which the gateway was seen to report, and after it has been seen
to do so without a long pause for the whole `stallTimeoutSeconds`.

All times are seconds since the epoch by the operator's clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

USUAL_PAUSE_SECONDS: Final = 15.0
"""After so long without a renewal the gateway counts as silent, unless its Lease says otherwise."""
_PAUSES: Final = (5.0, 300.0)
"""Least and most that a Lease may say."""
LOOK_SECONDS: Final = 3.0
"""How often the operator looks at the Lease, and again at a session that it cannot judge."""


@dataclass(frozen=True, slots=True)
class GatewayLife:
    """When the operator saw the gateway's Lease renewed."""

    watched: float
    """Since when it looks."""
    renewed: float | None = None
    """When it last saw a renewal; None if it has seen none."""
    steady: float | None = None
    """The first renewal after the last silence, or the first one ever seen."""
    pause: float = USUAL_PAUSE_SECONDS
    """Seconds; a longer pause between two renewals is silence."""

    def seen(self, now: float) -> GatewayLife:
        """The same after a renewal that is seen at `now`."""
        returned = self.renewed is None or now - self.renewed > self.pause
        return replace(self, renewed=now, steady=now if returned else self.steady)

    def silent_since(self, now: float) -> float | None:
        """Since when it is silent; None if it is not."""
        last = self.watched if self.renewed is None else self.renewed
        return last if now - last > self.pause else None

    def shifted(self, by: float) -> GatewayLife:
        """The same by a clock that shows `by` seconds more."""
        return replace(
            self,
            watched=self.watched + by,
            renewed=None if self.renewed is None else self.renewed + by,
            steady=None if self.steady is None else self.steady + by,
        )


@dataclass(frozen=True, slots=True)
class StallClock:
    """What is known of a stall now."""

    stalled: bool
    look: float
    """When to look again."""
    silent_since: float | None = None
    """Since when the gateway's silence hides whether it is stalled; None if it does not."""


def stall_clock(stepped: float, timeout: float, now: float, life: GatewayLife | None) -> StallClock:
    """Whether a session has stalled that was last seen to make a step at `stepped`.

    `timeout` is in seconds. Without `life` nothing is known of the gateway, which counts as alive.
    """
    limit = stepped + timeout
    if now < limit:
        return StallClock(stalled=False, look=limit)
    if life is None:
        return StallClock(stalled=True, look=limit)
    if life.renewed is not None and life.steady is not None:
        limit = max(limit, life.steady + timeout)
        if life.renewed >= limit:
            return StallClock(stalled=True, look=limit)
    return StallClock(False, now + LOOK_SECONDS, life.silent_since(now))


def pause_of(seconds: object) -> float:
    """The pause that a Lease allows by its `leaseDurationSeconds`, within bounds."""
    if not isinstance(seconds, int):
        return USUAL_PAUSE_SECONDS
    least, most = _PAUSES
    return min(max(float(seconds), least), most)
