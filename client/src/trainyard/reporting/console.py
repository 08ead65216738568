"""What the program prints, sent as log lines besides being printed."""

from __future__ import annotations

import io
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import TextIO

LAST_LINES = 20


class Tee(io.TextIOBase):
    """A stream that prints through and hands every whole line to `line`."""

    def __init__(self, stream: TextIO, line: Callable[[str], None]) -> None:
        self._stream = stream
        self._line = line
        self._pending = ""
        self._lock = threading.Lock()

    def write(self, text: str) -> int:
        """Print `text`; whole lines are handed on."""
        written = self._stream.write(text)
        with self._lock:
            *lines, self._pending = (self._pending + text).split("\n")
        for one in lines:
            # A progress bar redraws its line with carriage returns; what stands last is what a reader sees.
            shown = one.rstrip("\r").rpartition("\r")[2]
            if shown.strip():
                self._line(shown)
        return written

    def flush(self) -> None:
        """Flush the stream below."""
        self._stream.flush()

    def isatty(self) -> bool:
        """As the stream below."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """As the stream below."""
        return self._stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a plain attribute in the base class
        """As the stream below."""
        return self._stream.encoding


class Capture:
    """Tees standard output and standard error until `stop`; keeps the last lines."""

    def __init__(self, report: Callable[[str, str], None]) -> None:
        self.last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self._streams = (sys.stdout, sys.stderr)
        self._report = report
        sys.stdout = Tee(sys.stdout, lambda line: self._line("info", line))
        sys.stderr = Tee(sys.stderr, lambda line: self._line("warning", line))

    def stop(self) -> None:
        """Give the streams back."""
        sys.stdout, sys.stderr = self._streams

    def _line(self, level: str, line: str) -> None:
        self.last_lines.append(line)
        self._report(level, line)
