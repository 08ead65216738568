"""Numbers, times and long texts as they fit on a phone. Pure.

Guarantees:

- `pages` never cuts inside an escape sequence, and no page is longer than `MESSAGE_LIMIT`.
- Nothing here raises, for no number (NaN, infinities), no time and no text.
- Text from outside becomes one line without hidden characters: it can begin no further line and
  turns no direction of writing.
- Text from outside never becomes a command, a mention or a link that can be tapped.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from trainyard_api.visible_text import visible

MESSAGE_LIMIT: Final = 4096
"""Largest text of one message, in UTF-16 code units (Bot API, sendMessage)."""

CAPTION_LIMIT: Final = 1024
"""Largest caption of a picture or file, in UTF-16 code units (Bot API, sendPhoto)."""

DETAIL_LIMIT: Final = 600
"""UTF-16 code units shown of a text from outside, such as an error's detail."""

NAME_LIMIT: Final = 128
"""UTF-16 code units of the longest name that the gateway allows."""

LIST_LIMIT: Final = 30
"""Entries of a list that are shown; the rest is counted."""

_CENTURY_SECONDS: Final = 36_525 * 86_400
_LARGEST_INTEGER: Final = 10**15
_PRE_OVERHEAD: Final = len("<pre></pre>")
_SIZES: Final = ("B", "KiB", "MiB", "GiB", "TiB")


_TAPPABLE: Final = re.compile(r"/(?=\w)|@(?=\w)|(?<=:)//", re.ASCII)
"""What begins a command, a mention or a link in text outside of `<code>` and `<pre>`."""
_ALIKE: Final = {"/": "\u2215", "@": "\uff20", "//": "\u2215\u2215"}
"""Characters that look like them and begin nothing."""


@dataclass(frozen=True, slots=True)
class LocalTime:
    """The present time (with a zone) and the reader's zone."""

    now: datetime
    zone: tzinfo

    def clock(self, time: datetime) -> str:
        """`23:59`; `02 Jul 00:05` on another day, with the year in another year.

        A time without a zone is taken as UTC. A time outside the calendar is `?`.
        """
        try:
            local = aware(time).astimezone(self.zone)
        except OverflowError:
            return "?"
        today = self.now.astimezone(self.zone)
        if local.date() == today.date():
            return local.strftime("%H:%M")
        return local.strftime("%d %b %H:%M" if local.year == today.year else "%d %b %Y %H:%M")

    def clock_in(self, seconds: float) -> str:
        """The clock `seconds` from now; `?` beyond the calendar."""
        try:
            return self.clock(self.now + timedelta(seconds=seconds))
        except (OverflowError, ValueError):
            return "?"

    def until(self, time: datetime) -> float:
        """Seconds from now to `time`, negative if it is past."""
        return (aware(time) - self.now).total_seconds()


def aware(time: datetime) -> datetime:
    """`time` with a zone; without one it is taken as UTC."""
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def escape(text: str) -> str:
    """`text` with `&`, `<` and `>` escaped for HTML."""
    return html.escape(text, quote=False)


def one_line(text: str, limit: int = DETAIL_LIMIT) -> str:
    """`text` from outside as one line of at most `limit` UTF-16 code units.

    Tabs become spaces; other control characters and invisible ones become escapes.
    """
    return clip(shown_whole(text[: limit + 1]), limit)


def shown_whole(text: str) -> str:
    """`one_line` of any length."""
    return visible(text.replace("\t", "    "))


def inline(text: str, limit: int = DETAIL_LIMIT) -> str:
    """`one_line`, escaped for HTML; nothing in it can be tapped."""
    return escape(untappable(one_line(text, limit)))


def untappable(text: str) -> str:
    """`text` whose commands, mentions and links have characters that only look like them.

    Telegram finds them anywhere in a text, not only at its start. A slash or @ inside of a word is
    none.
    """
    return _TAPPABLE.sub(_alike, text)


def _alike(match: re.Match[str]) -> str:
    before = match.string[match.start() - 1 : match.start()] if match.start() else ""
    inside = bool(re.match(r"\w", before)) and match[0] != "//"
    return match[0] if inside else _ALIKE[match[0]]


def name_of(text: str) -> str:
    """The name of a session, model or dataset for HTML, at most `NAME_LIMIT` characters."""
    return inline(text, NAME_LIMIT)


def plain(text: str) -> str:
    """A message without its tags, for places that show no HTML and make nothing tappable."""
    return html.unescape(re.sub(r"</?(?:b|i|code|pre)>", "", text))


def length(text: str) -> int:
    """Length in UTF-16 code units, as the Bot API counts."""
    return len(text.encode("utf-16-le", errors="surrogatepass")) // 2


def clip(text: str, limit: int) -> str:
    """`text` cut to at most `limit` UTF-16 code units; a cut text ends in `…`."""
    if length(text) <= limit:
        return text
    kept, used = [], 1
    for character in text:
        used += length(character)
        if used > limit:
            break
        kept.append(character)
    # A joiner joins nothing to an ellipsis.
    return "".join(kept).rstrip("\u200c\u200d") + "…"


def duration(seconds: float) -> str:
    """`45s`, `4m10s`, `2h05m`, `3d04h`, `over 100 years`; negative and NaN count as 0."""
    if seconds >= _CENTURY_SECONDS:
        return "over 100 years"
    whole = round(seconds) if seconds > 0 else 0
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86_400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86_400}d{whole % 86_400 // 3600:02d}h"


def size(number: int) -> str:
    """`512 B`, `1.5 KiB`, `12 GiB`: one decimal below ten. Negative counts as 0."""
    value = float(min(max(number, 0), _LARGEST_INTEGER * 1024))
    unit = 0
    while value >= 1024 and unit < len(_SIZES) - 1:
        value /= 1024
        unit += 1
    return f"{value:.1f} {_SIZES[unit]}" if unit and value < 10 else f"{value:.0f} {_SIZES[unit]}"


def value(text: str) -> str:
    """A metric with four significant digits; another text clipped to 24 UTF-16 code units."""
    try:
        number = float(text)
    except ValueError:
        return clip(text, 24)
    if not math.isfinite(number):
        return {math.inf: "∞", -math.inf: "−∞"}.get(number, "NaN")
    return f"{number:.4g}"


def bar(share: float, width: int = 10) -> str:
    """`██████░░░░` for 60 percent; NaN counts as 0."""
    filled = round(min(100.0, share) / 100 * width) if share > 0 else 0
    return "█" * filled + "░" * (width - filled)


def count(number: int, noun: str) -> str:
    """`1 session`, `2 sessions`, `1,000 sessions`."""
    return f"{integer(number)} {noun}" if number == 1 else f"{integer(number)} {noun}s"


def integer(number: int) -> str:
    """`12,400`; beyond 10¹⁵ in either direction only that."""
    if abs(number) <= _LARGEST_INTEGER:
        return f"{number:,}"
    return "over 10¹⁵" if number > 0 else "below −10¹⁵"


def percent(share: float) -> str:
    """`62 %` for 62.4; outside 0 to 100 the nearest bound, `? %` for NaN."""
    return "? %" if math.isnan(share) else f"{min(100.0, max(0.0, share)):.0f} %"


def metric_lines(metrics: Sequence[tuple[str, str]], limit: int = 6) -> list[str]:
    """The first `limit` of (name, value) as lines of HTML."""
    return [
        f"<code>{inline(name, 60)}</code> {inline(value(text))}" for name, text in metrics[:limit]
    ]


def with_rest(lines: Sequence[str], rest: int) -> str:
    """`lines` (HTML) as one message; its last line counts the `rest` and what does not fit."""
    kept: list[str] = []
    space = MESSAGE_LIMIT - len("\n… and 1,000,000,000 more")
    for line in lines:
        space -= length(line) + 1
        if space < 0:
            rest += len(lines) - len(kept)
            break
        kept.append(line)
    if rest > 0:
        kept.append(f"… and {integer(rest)} more")
    return "\n".join(kept)


def pages(lines: Iterable[str], first: str = "") -> Iterator[str]:
    """Plain `lines` as `<pre>` blocks, one per message, with `first` (HTML) above the first.

    A line longer than half a message is split. Without lines and `first` there is no page. Lines
    are read only as pages are taken.
    """
    block: list[str] = []
    space = MESSAGE_LIMIT - _PRE_OVERHEAD - (length(first) + 1 if first else 0)
    used = 0
    for line in _cut(lines):
        need = length(line) + 1
        if block and used + need > space:
            yield _page(first, block)
            first, block, used, space = "", [], 0, MESSAGE_LIMIT - _PRE_OVERHEAD
        block.append(line)
        used += need
    if block or first:
        yield _page(first, block)


def _page(first: str, block: list[str]) -> str:
    body = "<pre>" + "\n".join(block) + "</pre>" if block else ""
    return f"{first}\n{body}" if first and body else first or body


def _cut(lines: Iterable[str]) -> Iterator[str]:
    half = MESSAGE_LIMIT // 2
    for line in lines:
        piece: list[str] = []
        used = 0
        for character in shown_whole(line):
            shown = escape(character)
            if used + length(shown) > half:
                yield "".join(piece)
                piece, used = [], 0
            piece.append(shown)
            used += length(shown)
        yield "".join(piece)
