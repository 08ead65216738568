"""Server-sent events: bytes in, events out (WHATWG HTML, 9.2 "Server-sent events"). Pure.

Guarantees: the events do not depend on how the bytes are split into pieces; an incomplete event is
never returned; a stream cannot make an event grow beyond `MAX_EVENT_CHARACTERS`.

The package httpx-sse (0.4.3) is not used: it bounds neither lines nor events, returns the
incomplete event at the end of a broken stream, and does not start with an earlier connection's id.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from trainyard.errors import BadAnswer

MAX_EVENT_CHARACTERS: Final = 16 << 20
"""Bound of one event's data, and of one line."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One event as it was sent."""

    event: str
    data: str
    last_id: str
    """The id to reconnect with: this event's, or that of the last event before it with an id."""


@dataclass
class Decoder:
    """Assembles events from pieces; `last_id` is that of an earlier connection."""

    last_id: str = ""
    _text: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace")
    )
    _rest: str = ""
    _event: str = ""
    _data: list[str] = field(default_factory=list)
    _size: int = 0
    """Characters in `_data`."""
    _id: str | None = None

    def feed(self, piece: bytes) -> Iterator[Frame]:
        """The events that this piece completes. Raises BadAnswer for one that is too large."""
        self._rest += self._text.decode(piece)
        # A carriage return at the end may be the first half of a line's end.
        whole = self._rest.endswith("\n") or not self._rest.endswith("\r")
        lines = self._rest.replace("\r\n", "\n") if whole else self._rest[:-1].replace("\r\n", "\n")
        *complete, rest = lines.replace("\r", "\n").split("\n")
        self._rest = rest if whole else f"{rest}\r"
        _check_size(len(self._rest))
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
            self._size += len(value) + 1
            _check_size(self._size)
        elif name == "id" and "\0" not in value:
            self._id = value
        return None

    def _end(self) -> Frame | None:
        if self._id is not None:
            self.last_id = self._id
        event, data = self._event or "message", "\n".join(self._data)
        empty = not self._data
        self._event, self._data, self._size, self._id = "", [], 0, None
        return None if empty else Frame(event, data, self.last_id)


def _check_size(characters: int) -> None:
    if characters > MAX_EVENT_CHARACTERS:
        raise BadAnswer(f"an event of more than {MAX_EVENT_CHARACTERS >> 20} Mi characters")
