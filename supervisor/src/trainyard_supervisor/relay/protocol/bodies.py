"""Bodies of HTTP requests, read piece by piece: with a length, or in chunks.

Clients send an empty file in chunks, since it has no length that they would name.
"""

from __future__ import annotations

from email.message import Message
from typing import Protocol

from trainyard_supervisor.relay.protocol.refusal import Refusal

LINE_BYTES = 1000


class Stream(Protocol):
    """What comes from a caller."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes."""

    def readline(self, size: int = -1, /) -> bytes:
        """A line of at most `size` bytes."""


class Body:
    """The body of one request."""

    def __init__(self, stream: Stream, headers: Message) -> None:
        """Raises Refusal if the headers name no length that can be read."""
        self._stream = stream
        self._chunked = "chunked" in str(headers.get("Transfer-Encoding", "")).lower()
        given = str(headers.get("Content-Length", "0"))
        if not (given.isascii() and given.isdigit() and len(given) <= 18):
            raise Refusal("Content-Length is no number of bytes", "BAD_REQUEST")
        self.length = None if self._chunked else int(given)
        """Bytes of the body; None if only its end tells."""
        self._left = 0 if self._chunked else int(given)
        self.ended = not self._chunked and self._left == 0

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; none at the end. Raises Refusal if the caller hangs up before."""
        if self.ended:
            return b""
        if self._chunked and self._left == 0 and not self._next_chunk():
            return b""
        wanted = self._left if size < 0 else min(size, self._left)
        piece = self._stream.read(wanted)
        if len(piece) < wanted:
            raise Refusal("the body ends before its end", "BAD_REQUEST")
        self._left -= len(piece)
        if self._left == 0:
            if self._chunked:
                self._stream.readline(LINE_BYTES)
            else:
                self.ended = True
        return piece

    def whole(self, most: int) -> bytes:
        """All of it. Raises Refusal if it has more than `most` bytes."""
        found = b""
        while piece := self.read(64 << 10):
            found += piece
            if len(found) > most:
                raise Refusal(f"a call has at most {most:,} bytes", "RESOURCE_EXHAUSTED")
        return found

    def _next_chunk(self) -> bool:
        line = self._stream.readline(LINE_BYTES).partition(b";")[0].strip()
        try:
            self._left = int(line, 16)
        except ValueError as error:
            raise Refusal("the body is not chunked as it says", "BAD_REQUEST") from error
        if self._left < 0:
            raise Refusal("the body is not chunked as it says", "BAD_REQUEST")
        if self._left == 0:
            while self._stream.readline(LINE_BYTES).strip():
                """Fields after the body say nothing here."""
            self.ended = True
        return not self.ended
