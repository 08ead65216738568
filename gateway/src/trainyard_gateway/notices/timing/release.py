"""When a notice is sent that comes now. Pure. Times are seconds since the epoch.

Guarantees:

- Nothing is sent in quiet hours but what is urgent and trials.
- A notice that comes later is not sent earlier.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final, NamedTuple

from trainyard_gateway.notices.timing import wall_clock
from trainyard_gateway.notices.timing.delivery_times import DAYS, DeliveryTimes, QuietHours

TRIAL: Final = "notice.test"
DIGEST: Final = "notice.digest"
_HOUR: Final = 3600.0
_DAYS_BACK: Final = 2
_DAYS_AHEAD: Final = 9
"""Quiet hours without a pause between them are over by then: one day of a week is free."""


class Release(NamedTuple):
    """When a notice is sent."""

    at: float
    held: bool = False
    """Whether it is sent in a digest."""


def release(times: DeliveryTimes | None, kind: str, now: float) -> Release:
    """When a notice with the `type` `kind` is sent that is there at `now`."""
    if times is None or is_urgent(times, kind):
        return Release(now)
    quiet = quiet_until(times, now)
    if times.digest is None or kind == DIGEST:
        return Release(quiet or now)
    if times.digest.every == "quiet-hours":
        return Release(quiet or now, held=quiet is not None)
    at = _next_digest(times, times.digest.at, now)
    return Release(quiet_until(times, at) or at, held=True)


def is_urgent(times: DeliveryTimes, kind: str) -> bool:
    """Whether a notice with that `type` waits for nothing."""
    subject, _, what = kind.partition(".")
    return kind == TRIAL or (what if subject == "session" else subject) in times.urgent


def quiet_until(times: DeliveryTimes, now: float) -> float | None:
    """When the quiet hours end in which `now` is; None outside of them."""
    if times.quiet_hours is None:
        return None
    until: float | None = None
    for start, end in _hours(times.quiet_hours, times.time_zone, now):
        if start <= (now if until is None else until) < end:
            until = end
    return until


def _hours(quiet: QuietHours, zone_name: str, now: float) -> list[tuple[float, float]]:
    """Starts and ends of the quiet hours around `now`, in their order."""
    zone = wall_clock.zone(zone_name)
    today, over_midnight = wall_clock.day_of(now, zone), quiet.end <= quiet.start
    found = []
    for number in range(-_DAYS_BACK, _DAYS_AHEAD + 1):
        day = today + timedelta(days=number)
        if DAYS[day.weekday()] in (quiet.days or DAYS):
            end_day = day + timedelta(days=1) if over_midnight else day
            start = wall_clock.first(day, quiet.start, zone)
            found.append((start, wall_clock.last(end_day, quiet.end, zone)))
    return found


def _next_digest(times: DeliveryTimes, at: str | None, now: float) -> float:
    if at is None:
        return (now // _HOUR + 1) * _HOUR
    zone = wall_clock.zone(times.time_zone)
    today = wall_clock.day_of(now, zone)
    days = (today + timedelta(days=number) for number in range(-1, 3))
    return min(found for day in days if (found := wall_clock.first(day, at, zone)) > now)
