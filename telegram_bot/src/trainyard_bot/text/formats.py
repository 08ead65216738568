"""Numbers, times and long texts as they fit on a phone. Pure.

Guarantees:

- `pages` never cuts inside an escape sequence and no page is longer than `MESSAGE_LIMIT` in the Bot API's count.
- Nothing here raises for any finite or non-finite number.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final

MESSAGE_LIMIT: Final = 4096
"""Largest text of one message, in UTF-16 code units (Bot API, sendMessage)."""

CAPTION_LIMIT: Final = 1024
"""Largest caption of a picture or file, in UTF-16 code units (Bot API, sendPhoto)."""

DETAIL_LIMIT: Final = 600
"""Characters shown of a text from outside, such as an error's detail."""

LIST_LIMIT: Final = 30
"""Entries of a list that are shown; the rest is counted."""

_PRE_OVERHEAD: Final = len("<pre></pre>")
_SIZES: Final = ("B", "KiB", "MiB", "GiB", "TiB")


@dataclass(frozen=True, slots=True)
class Moment:
    """When, and for whom: the present time and the reader's zone."""

    now: datetime
    zone: tzinfo

    def clock(self, time: datetime) -> str:
        """`time` as the reader's clock shows it."""
        return clock(time, self.zone, self.now)


def escape(text: str) -> str:
    """`text` as it may stand between HTML tags of a message."""
    return html.escape(text, quote=False)


def plain(text: str) -> str:
    """A message without its tags, for places that show no HTML."""
    return html.unescape(re.sub(r"</?(?:b|i|code|pre)>", "", text))


def length(text: str) -> int:
    """Length as the Bot API counts it: UTF-16 code units."""
    return len(text.encode("utf-16-le", errors="surrogatepass")) // 2


def clip(text: str, limit: int) -> str:
    """`text` cut to at most `limit` UTF-16 code units, with … in place of what is missing."""
    if length(text) <= limit:
        return text
    kept, used = [], 1
    for character in text:
        used += length(character)
        if used > limit:
            break
        kept.append(character)
    return "".join(kept) + "…"


def duration(seconds: float) -> str:
    """`45s`, `4m10s`, `2h05m`, `3d04h`; negative counts as 0."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86_400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86_400}d{whole % 86_400 // 3600:02d}h"


def size(number: int) -> str:
    """`512 B`, `1.5 KiB`, `12 GiB`: one decimal below ten."""
    value = float(number)
    unit = 0
    while value >= 1024 and unit < len(_SIZES) - 1:
        value /= 1024
        unit += 1
    return f"{value:.1f} {_SIZES[unit]}" if unit and value < 10 else f"{value:.0f} {_SIZES[unit]}"


def value(text: str) -> str:
    """A metric as four significant digits; what is no number stays as it came, clipped."""
    try:
        number = float(text)
    except ValueError:
        return clip(text, 24)
    if not math.isfinite(number):
        return {math.inf: "∞", -math.inf: "−∞"}.get(number, "NaN")
    return f"{number:.4g}"


def bar(percent: float, width: int = 10) -> str:
    """`██████░░░░` for 60."""
    filled = round(min(100.0, max(0.0, percent)) / 100 * width)
    return "█" * filled + "░" * (width - filled)


def clock(time: datetime, zone: tzinfo, now: datetime) -> str:
    """The time of day in `zone`; with the date when it is not today there."""
    local, today = time.astimezone(zone), now.astimezone(zone)
    return local.strftime("%H:%M" if local.date() == today.date() else "%d %b %H:%M")


def count(number: int, noun: str) -> str:
    """`1 run`, `2 runs`, `1,000 runs`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def metric_lines(metrics: Sequence[tuple[str, str]], limit: int = 6) -> list[str]:
    """The first `limit` of (name, value) as HTML lines."""
    return [
        f"<code>{escape(clip(name, 60))}</code> {escape(value(text))}"
        for name, text in metrics[:limit]
    ]


def with_rest(lines: Sequence[str], rest: int) -> str:
    """`lines` as one message, with a last line that counts the `rest` and the lines that did not fit."""
    kept: list[str] = []
    room = MESSAGE_LIMIT - len("\n… and 1,000,000,000 more")
    for line in lines:
        room -= length(line) + 1
        if room < 0:
            rest += len(lines) - len(kept)
            break
        kept.append(line)
    if rest > 0:
        kept.append(f"… and {rest:,} more")
    return "\n".join(kept)


def pages(lines: list[str], first: str = "") -> list[str]:
    """Plain `lines` as `<pre>` blocks, one per message; `first` (HTML) stands above the first block.

    Lines longer than half a message are cut there. No lines and no `first`: no page.
    """
    result: list[str] = []
    block: list[str] = []
    room = MESSAGE_LIMIT - _PRE_OVERHEAD - (length(first) + 1 if first else 0)
    used = 0
    for line in _cut(lines):
        need = length(line) + 1
        if block and used + need > room:
            result.append(_page(first if not result else "", block))
            block, used, room = [], 0, MESSAGE_LIMIT - _PRE_OVERHEAD
        block.append(line)
        used += need
    if block or (first and not result):
        result.append(_page(first if not result else "", block))
    return result


def _page(first: str, block: list[str]) -> str:
    body = "<pre>" + "\n".join(block) + "</pre>" if block else ""
    return f"{first}\n{body}" if first and body else first or body


def _cut(lines: list[str]) -> Iterator[str]:
    half = MESSAGE_LIMIT // 2
    for line in lines:
        piece: list[str] = []
        used = 0
        for character in line:
            shown = escape(character)
            if used + length(shown) > half:
                yield "".join(piece)
                piece, used = [], 0
            piece.append(shown)
            used += length(shown)
        yield "".join(piece)
