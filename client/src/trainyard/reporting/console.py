"""Reports what a program prints as log lines; it is still printed."""

from __future__ import annotations

import io
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import TextIO

LAST_LINES = 20


class Tee(io.TextIOBase):
    """A stream that prints to `stream` and passes each complete line to `line`."""

    def __init__(self, stream: TextIO, line: Callable[[str], None]) -> None:
        self._stream = stream
        self._line = line
        self._pending = ""
        self._lock = threading.Lock()

    def write(self, text: str) -> int:
        """Print `text` and pass on complete lines; returns the characters written."""
        written = self._stream.write(text)
        with self._lock:
            *lines, self._pending = (self._pending + text).split("\n")
        for one in lines:
            # A progress bar redraws its line with carriage returns; report its last state.
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
    """Captures standard output and standard error until `stop`; keeps the last 20 lines."""

    def __init__(self, report: Callable[[str, str], None]) -> None:
        self.last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self._streams = (sys.stdout, sys.stderr)
        self._report = report
        sys.stdout = Tee(sys.stdout, lambda line: self._line("info", line))
        sys.stderr = Tee(sys.stderr, lambda line: self._line("warning", line))

    def stop(self) -> None:
        """Restore the streams."""
        sys.stdout, sys.stderr = self._streams

    def _line(self, level: str, line: str) -> None:
        self.last_lines.append(line)
        self._report(level, line)
