"""Numbers and times as they stand in a terminal. Pure."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Final

UNKNOWN: Final = "-"
_SIZES: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_CONTROL: Final = dict.fromkeys(range(32)) | dict.fromkeys(range(127, 160))


def duration(seconds: float | None) -> str:
    """`45s`, `4m10s`, `2h05m`, `3d04h`; `-` for None; below zero counts as 0."""
    if seconds is None:
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
    """How long ago that was."""
    if time is None:
        return UNKNOWN
    moment = datetime.fromisoformat(time) if isinstance(time, str) else time
    return duration((now - moment).total_seconds())


def size(number: int | None) -> str:
    """`512 B`, `1.5 KiB`, `12 GiB`: one decimal below ten."""
    if number is None:
        return UNKNOWN
    value, unit = float(number), 0
    while value >= 1024 and unit < len(_SIZES) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.1f} {_SIZES[unit]}" if unit and value < 10 else f"{value:.0f} {_SIZES[unit]}"


def number(value: float | str | None) -> str:
    """Four significant digits; NaN and infinities by name; text that is no number as it came."""
    if value is None:
        return UNKNOWN
    try:
        found = float(value)
    except ValueError:
        return clean(str(value))
    if math.isfinite(found):
        return f"{found:.4g}"
    return {math.inf: "∞", -math.inf: "-∞"}.get(found, "NaN")


def percent(value: float | None) -> str:
    """`62%`; `-` for None."""
    return UNKNOWN if value is None else f"{value:.0f}%"


def count(how_many: int, noun: str) -> str:
    """`1 run`, `2 runs`, `1,000 runs`."""
    return f"{how_many:,} {noun}" if how_many == 1 else f"{how_many:,} {noun}s"


def sentence(words: str) -> str:
    """Words from outside as one line, each space and line break one space."""
    return clean(" ".join(words.split()))


def clean(line: str) -> str:
    """A line from outside without control characters: no program may move the reader's cursor. Tabs become spaces."""
    return line.replace("\t", "    ").translate(_CONTROL)
