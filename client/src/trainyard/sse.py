"""Server-sent events: bytes in, events out (WHATWG HTML, 9.2 "Server-sent events"). Pure.

Guarantee: however the bytes are cut into pieces, the events are the same; one that is not complete is never given out.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Frame:
    """One event as it was sent."""

    event: str
    data: str
    last_id: str
    """The id to come back with: that of this event, or of the last one before it that had one."""


@dataclass
class Decoder:
    """Collects pieces into events."""

    last_id: str = ""
    _text: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace")
    )
    _rest: str = ""
    _event: str = ""
    _data: list[str] = field(default_factory=list)
    _id: str | None = None

    def feed(self, piece: bytes) -> Iterator[Frame]:
        """The events that this piece completes."""
        self._rest += self._text.decode(piece)
        # A carriage return at the end may be the first half of a line's end.
        whole = self._rest.endswith("\n") or not self._rest.endswith("\r")
        lines = self._rest.replace("\r\n", "\n") if whole else self._rest[:-1].replace("\r\n", "\n")
        *complete, rest = lines.replace("\r", "\n").split("\n")
        self._rest = rest if whole else f"{rest}\r"
        for line in complete:
            frame = self._line(line)
            if frame is not None:
                yield frame

    def _line(self, line: str) -> Frame | None:
        if not line:
            return self._end()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._event = value
        elif name == "data":
            self._data.append(value)
        elif name == "id" and "\0" not in value:
            self._id = value
        return None

    def _end(self) -> Frame | None:
        if self._id is not None:
            self.last_id = self._id
        event, data = self._event or "message", "\n".join(self._data)
        empty = not self._data
        self._event, self._data, self._id = "", [], None
        return None if empty else Frame(event, data, self.last_id)
