"""When a receiver gets its notices, as users write it."""

from __future__ import annotations

from typing import ClassVar, Final, Literal

from pydantic import Field

from trainyard_api.model import Rule as Condition
from trainyard_api.model import RuledModel
from trainyard_gateway.notices.timing.wall_clock import ClockTime, ZoneName

Day = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
DAYS: Final[tuple[Day, ...]] = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
Kind = Literal["phase", "failure", "metric", "stalled", "starts-soon", "budget"]


class QuietHours(RuledModel):
    """Hours in which notices wait."""

    start: ClockTime
    """When they begin, as clocks show it: 22:00."""
    end: ClockTime
    """When they end; on the next day if it is not later than `start`."""
    days: list[Day] | None = Field(default=None, min_length=1, max_length=len(DAYS))
    """Days on which they begin. Default: every day."""

    RULES: ClassVar[tuple[Condition, ...]] = (
        Condition(
            cel="self.start != self.end || (has(self.days) && size(self.days) < 7)",
            message="these quiet hours never end; let end differ from start, or name fewer days",
            holds=lambda s: s.start != s.end or (s.days is not None and len(set(s.days)) < 7),
        ),
    )


class Digest(RuledModel):
    """Notices come together, in one message."""

    every: Literal["hour", "day", "quiet-hours"]
    """At each full hour of UTC, once a day, or when quiet hours end: what came in them."""
    at: ClockTime | None = None
    """Of a digest every day: when it is sent, as clocks show it."""

    RULES: ClassVar[tuple[Condition, ...]] = (
        Condition(
            cel="(self.every == 'day') == has(self.at)",
            message="give at, such as 08:00, with every: day and with nothing else",
            holds=lambda s: (s.every == "day") == (s.at is not None),
        ),
    )


class DeliveryTimes(RuledModel):
    """When a receiver gets its notices. Default: at once."""

    time_zone: ZoneName = "UTC"
    """Of the times here: an IANA name, such as Europe/Berlin."""
    quiet_hours: QuietHours | None = None
    """Hours in which nothing is sent."""
    digest: Digest | None = None
    """Notices come together."""
    urgent: list[Kind] = Field(default=[], max_length=6)
    """Rules whose notices are sent at once nevertheless."""

    RULES: ClassVar[tuple[Condition, ...]] = (
        Condition(
            cel="!has(self.digest) || self.digest.every != 'quiet-hours' || has(self.quietHours)",
            message="a digest with every: quiet-hours needs quietHours",
            holds=lambda s: (
                s.digest is None or s.digest.every != "quiet-hours" or s.quiet_hours is not None
            ),
        ),
    )
