"""Reads one of the program's streams: repeats it and takes lines from it, at any speed.

While the program prints more than is reported, its lines are counted, not taken apart: that costs a
hundredth. Values of Secrets are masked before anything else sees the bytes.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable

from trainyard.reporting.line_budget import LineBudget
from trainyard_supervisor.output.line_splitter import Line, LineSplitter
from trainyard_supervisor.output.masked_stream import MaskedStream
from trainyard_supervisor.output.mirror import Mirror

READ_BYTES = 128 << 10
PIPE_BYTES = 1 << 20
"""Size of a pipe, the most that the kernel gives without rights."""
F_SETPIPE_SZ = 1031

Take = Callable[[str, Line], None]
"""What to do with a line of a level."""


class Pump:
    """One stream of the program: `level` is that of its lines."""

    def __init__(
        self, level: str, mirror: Mirror, masked: MaskedStream, budget: LineBudget, take: Take
    ) -> None:
        self.descriptor, self.program_end = os.pipe()
        with contextlib.suppress(OSError):
            fcntl.fcntl(self.descriptor, F_SETPIPE_SZ, PIPE_BYTES)
        os.set_blocking(self.descriptor, False)
        self.open = True
        self._level = level
        self._mirror = mirror
        self._masked = masked
        self._budget = budget
        self._take = take
        self._splitter = LineSplitter()

    def started(self) -> None:
        """Close the end that the program now has."""
        os.close(self.program_end)

    def read(self, now: float) -> int:
        """Read what is there; its bytes, 0 at the end of the stream or if nothing is there."""
        try:
            chunk = os.read(self.descriptor, READ_BYTES)
        except BlockingIOError:
            return 0
        if not chunk:
            self.open = False
            return 0
        spent = self._budget.spent(now)
        if spent and not self._masked.affords(len(chunk), now):
            passed_over = self._masked.drop() + chunk
            self._mirror.leave_out(len(passed_over))
            self._budget.left_out += self._splitter.skip(passed_over)
            return len(chunk)
        shown = self._masked.feed(chunk, now)
        self._mirror.write(shown)
        if spent:
            self._budget.left_out += self._splitter.skip(shown)
        else:
            self._take_lines(shown, now)
        return len(chunk)

    def wake(self) -> float | None:
        """When `settle` has something to do."""
        wakes = (self._splitter.wake(), self._masked.wake())
        return min((wake for wake in wakes if wake is not None), default=None)

    def settle(self, now: float) -> None:
        """Show and report what waits for too long."""
        if held := self._masked.settle(now):
            self._mirror.write(held)
            self._take_lines(held, now)
        for line in self._splitter.settle(now):
            self._take(self._level, line)

    def close(self, now: float) -> None:
        """Read what is left, and take the last line without an end."""
        while self.read(now):
            pass
        if held := self._masked.rest():
            self._mirror.write(held)
            self._take_lines(held, now)
        for line in self._splitter.end():
            self._take(self._level, line)
        os.close(self.descriptor)

    def _take_lines(self, shown: bytes, now: float) -> None:
        for line in self._splitter.feed(shown, now):
            self._take(self._level, line)
