"""Repeats what the program prints, without ever waiting for the reader.

A reader that is slower than the program gets what it can take; what is left out is counted and
said at its place.
"""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections import deque

BUFFER_BYTES = 1 << 20


class Mirror:
    """A descriptor that is written to as far as it takes it."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._left_out = 0
        self._broken = False
        self._line_is_open = False
        self._was_blocking = os.get_blocking(descriptor)
        os.set_blocking(descriptor, False)

    @property
    def waits(self) -> bool:
        """Whether something waits until the reader takes more."""
        return bool(self._waiting) or (self._left_out > 0 and not self._broken)

    def write(self, chunk: bytes) -> None:
        """Write what the reader takes, keep a bounded rest."""
        if self._broken:
            return
        if chunk:
            self._line_is_open = not chunk.endswith(b"\n")
        if self._left_out:
            chunk = self._resume(chunk)
        if not self._waiting:
            chunk = self._written(chunk)
        if chunk and self._bytes + len(chunk) <= BUFFER_BYTES:
            self._waiting.append(chunk)
            self._bytes += len(chunk)
        else:
            self._left_out += len(chunk)

    def leave_out(self, size: int) -> None:
        """Pass over so many bytes; a note in their place says so."""
        self._left_out += size

    def say(self, sentence: str) -> None:
        """Write a line of the supervisor's own."""
        start = "\n" if self._line_is_open else ""
        self.write(f"{start}trainyard: {sentence}\n".encode("utf-8", "replace"))

    def flush(self) -> None:
        """Write what waits, as far as the reader takes it, and what to say of the rest."""
        while self._waiting and not self._broken:
            chunk = self._waiting.popleft()
            self._bytes -= len(chunk)
            rest = self._written(chunk)
            if rest:
                self._waiting.appendleft(rest)
                self._bytes += len(rest)
                return
        if self._left_out:
            self.write(b"")

    def close(self, seconds: float) -> None:
        """Wait at most `seconds` until the reader has taken the rest."""
        deadline = time.monotonic() + seconds
        while self.waits and (left := deadline - time.monotonic()) > 0:
            select.select([], [self.descriptor], [], left)
            self.flush()
        with contextlib.suppress(OSError):
            os.set_blocking(self.descriptor, self._was_blocking)

    def _resume(self, chunk: bytes) -> bytes:
        """What to write of `chunk` after a part was left out; b"" while there is no space."""
        if self._bytes > BUFFER_BYTES // 2:
            self._left_out += len(chunk)
            return b""
        # At the beginning of a line, so that half of one is not taken for a whole one.
        rest = chunk.partition(b"\n")[2]
        count, self._left_out = self._left_out + len(chunk) - len(rest), 0
        note = (
            f"\ntrainyard: {count:,} bytes that were printed here are left out: the program"
            " is faster than this log takes it\n"
        )
        return note.encode() + rest

    def _written(self, chunk: bytes) -> bytes:
        """Write; the rest that the reader does not take now."""
        view = memoryview(chunk)
        while view:
            try:
                view = view[os.write(self.descriptor, view) :]
            except BlockingIOError:
                break
            except OSError:
                # The reader is gone, or the disk below is full: the program continues.
                self._broken = True
                self._waiting.clear()
                self._bytes = 0
                return b""
        return bytes(view)
