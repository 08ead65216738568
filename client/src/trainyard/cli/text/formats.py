"""Numbers, times and sizes as a terminal shows them. Pure."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Final

from trainyard_api import timestamps
from trainyard_api.visible_text import visible

UNKNOWN: Final = "-"
_SIZES: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
MAX_SECONDS: Final = 3e11
"""Longest duration that is shown: from 1970 to 9999."""
MAX_BYTES: Final = 1 << 80
"""Largest size that is shown."""
MAX_TEXT: Final = 100
"""Characters of a text in the place of a number."""


def duration(seconds: float | None) -> str:
    """`45s`, `4m10s`, `2h05m`, `3d04h`; `-` for None and implausible times; negative becomes 0."""
    if seconds is None or not math.isfinite(seconds) or abs(seconds) > MAX_SECONDS:
        return UNKNOWN
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86_400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86_400}d{whole % 86_400 // 3600:02d}h"


def since(time: str | datetime | None, now: datetime) -> str:
    """Time from `time` (RFC 3339 text or a datetime) until `now`; `-` if there is none."""
    moment = timestamps.parse(time) if isinstance(time, str) else time
    return UNKNOWN if moment is None else duration((now - moment).total_seconds())


def until(time: str | None, now: datetime) -> str:
    """Time from now until `time` (RFC 3339); `-` if there is none."""
    at = timestamps.parse(time)
    return UNKNOWN if at is None else duration((at - now).total_seconds())


def size(number: int | None) -> str:
    """`512 B`, `1.5 KiB`, `12 GiB`: one decimal below ten."""
    if number is None or not 0 <= number < MAX_BYTES:
        return UNKNOWN
    value, unit = float(number), 0
    while value >= 1024 and unit < len(_SIZES) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.1f} {_SIZES[unit]}" if unit and value < 10 else f"{value:.0f} {_SIZES[unit]}"


def number(value: float | str | None) -> str:
    """Four significant digits; NaN and infinities by name; other text unchanged."""
    if value is None:
        return UNKNOWN
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return clean(str(value)[:MAX_TEXT])
    if math.isfinite(found):
        return f"{found:.4g}"
    return {math.inf: "∞", -math.inf: "-∞"}.get(found, "NaN")


def percent(value: float | None) -> str:
    """`62%`; `-` for None and what is not a share."""
    shown = value is not None and math.isfinite(value) and 0 <= value <= 1000
    return f"{value:.0f}%" if shown else UNKNOWN


def count(how_many: int, noun: str) -> str:
    """`1 session`, `2 sessions`, `1,000 sessions`."""
    return f"{how_many:,} {noun}" if how_many == 1 else f"{how_many:,} {noun}s"


def sentence(words: str) -> str:
    """Text from outside as one line: each run of white space becomes one space."""
    return clean(" ".join(words.split()))


def clean(line: str) -> str:
    """A line from outside; control characters, which could move the cursor, are shown as escapes.

    Tabs become spaces.
    """
    return visible(line.replace("\t", "    "))
