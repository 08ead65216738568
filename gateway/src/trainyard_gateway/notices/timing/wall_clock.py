"""Instants at which the clocks of a place show a time, also on days on which they are set. Pure.

Instants are seconds since the epoch.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, tzinfo
from functools import lru_cache
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, StringConstraints

_NAME: Final = re.compile(r"[A-Za-z][-+_A-Za-z0-9]*(/[A-Za-z][-+_A-Za-z0-9]*){0,2}", re.ASCII)


@lru_cache(maxsize=256)
def _zone(name: str) -> tzinfo | None:
    if not _NAME.fullmatch(name):
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, no name, a folder of zones
        return None


def zone(name: str) -> tzinfo:
    """The time zone of an IANA name; UTC if this system has it no longer."""
    return _zone(name) or UTC


def _known(name: str) -> str:
    if _zone(name) is None:
        raise ValueError("is no time zone; write an IANA name such as Europe/Berlin or UTC")
    return name


ZoneName = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_known)]
"""An IANA name of a time zone."""
ClockTime = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"""A time of a day, such as 22:00."""


def first(day: date, clock: str, place: tzinfo) -> float:
    """When clocks show the time for the first time on a day, or jump over it."""
    return _instant(day, clock, place, 0)


def last(day: date, clock: str, place: tzinfo) -> float:
    """When clocks show the time for the last time on a day, or jump over it."""
    return _instant(day, clock, place, 1)


def day_of(instant: float, place: tzinfo) -> date:
    """The day that a calendar shows."""
    return datetime.fromtimestamp(instant, place).date()


def _instant(day: date, clock: str, place: tzinfo, fold: int) -> float:
    local = datetime.combine(day, time.fromisoformat(clock), place)
    early, late = sorted(local.replace(fold=n).timestamp() for n in (0, 1))
    shown = datetime.fromtimestamp(late, place).replace(tzinfo=None)
    if early != late and shown != local.replace(tzinfo=None):
        return _jump(early, late, place)
    return local.replace(fold=fold).timestamp()


def _jump(before: float, after: float, place: tzinfo) -> float:
    """The instant between two at which the clocks are set forward, to the second."""
    offset = datetime.fromtimestamp(before, place).utcoffset()
    while after - before > 1:
        middle = (before + after) // 2
        if datetime.fromtimestamp(middle, place).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after
