r"""The lines in a stream of bytes. Pure: times are arguments.

A line ends at `\n`. Text after a `\r` replaces what stands before it, as a progress bar that is
drawn again does: such a line is its last state. What waits for its end is shown after a while
(`SETTLE_SECONDS`), so that a bar or a prompt is seen while it stands there.

Memory is bounded: of a longer line the first `LINE_BYTES` bytes are kept, the rest is counted.
"""

from __future__ import annotations

from typing import NamedTuple

from trainyard_supervisor.output.terminal_text import plain

LINE_BYTES = 16_384
SETTLE_SECONDS = 10.0


class Line(NamedTuple):
    """One line, or with `whole` false a state of a line that is still being drawn."""

    text: str
    whole: bool = True


class LineSplitter:
    """The lines of one stream."""

    def __init__(self) -> None:
        self._text = bytearray()
        self._skipped = 0
        self._returned = False
        r"""Whether the next text replaces this one: a `\r` came last."""
        self._redrawn = False
        self._settled = b""
        self._since: float | None = None
        """When the text that was not shown yet began to wait."""

    def feed(self, chunk: bytes, now: float) -> list[Line]:
        """The lines that `chunk` completes, and the last state of one that it draws."""
        *ended, rest = chunk.split(b"\n")
        found: list[Line] = []
        for piece in ended:
            self._add(piece, found)
            self._finish(found)
        drawn = self._add(rest, found)
        if not self._waits():
            self._since = None
        elif drawn and self._since is None:
            self._since = now
        if drawn and self._redrawn and (text := self._shown()):
            found.append(Line(text, whole=False))
        return found

    def skip(self, chunk: bytes) -> int:
        """Pass over bytes; the number of lines that they complete, which are not taken."""
        *ended, rest = chunk.rsplit(b"\n", 1)
        if ended:
            self._clear()
        self._add(rest, [])
        return chunk.count(b"\n")

    def wake(self) -> float | None:
        """When `settle` has something to show."""
        return None if self._since is None else self._since + SETTLE_SECONDS

    def settle(self, now: float) -> list[Line]:
        """What has waited for its end for too long, as a separate line."""
        if self._since is None or now - self._since < SETTLE_SECONDS:
            return []
        self._since = None
        found = [Line(text)] if (text := self._shown()) else []
        if self._redrawn:
            self._settled = bytes(self._text)
        else:
            self._clear()
        return found

    def end(self) -> list[Line]:
        """The last line, if its end is missing."""
        found: list[Line] = []
        self._finish(found)
        return found

    def _add(self, piece: bytes, found: list[Line]) -> bool:
        """Add bytes without a line's end; whether there was anything."""
        body = piece.rstrip(b"\r")
        before, again, last = body.rpartition(b"\r")
        if again or (self._returned and body):
            self._replace(before, found)
        if body:
            room = LINE_BYTES - len(self._text)
            self._text += last[:room]
            self._skipped += max(0, len(last) - room)
            self._returned = False
        self._returned = self._returned or len(body) < len(piece)
        return bool(piece)

    def _replace(self, before: bytes, found: list[Line]) -> None:
        """Begin the line again; `before` is what was drawn and replaced within one piece."""
        if before and not self._returned:
            before = bytes(self._text) + before
        if text := _text(before.rpartition(b"\r")[2][:LINE_BYTES]):
            found.append(Line(text, whole=False))
        self._text.clear()
        self._skipped = 0
        self._redrawn = True
        self._returned = False

    def _finish(self, found: list[Line]) -> None:
        same = self._redrawn and bytes(self._text) == self._settled
        if self._waits() and not same and (text := self._shown()):
            found.append(Line(text))
        self._clear()

    def _clear(self) -> None:
        self._text.clear()
        self._skipped = 0
        self._returned = self._redrawn = False
        self._settled = b""
        self._since = None

    def _waits(self) -> bool:
        return bool(self._text)

    def _shown(self) -> str:
        if not self._skipped:
            return _text(bytes(self._text))
        kept = _text(_to_a_character(bytes(self._text)))
        return f"{kept} … and {self._skipped:,} bytes more"


def _text(line: bytes) -> str:
    """The text of a line, "" if there is nothing to see."""
    text = plain(line.decode("utf-8", "replace"))
    return text.rstrip() if text.strip() else ""


def _to_a_character(line: bytes) -> bytes:
    """A cut line without the beginning of a character at its end."""
    for back in range(1, 4):
        first = line[-back]
        if first >= 0xC0:
            length = 2 if first < 0xE0 else 3 if first < 0xF0 else 4
            return line if length == back else line[:-back]
        if first < 0x80:
            break
    return line
