"""How much of what a program prints is reported. Pure.

A program that prints without end would fill the volume that its reports wait on. What it prints is
in the pod's log in any case.
"""

from __future__ import annotations

BYTES_PER_SECOND = 1 << 20
BURST_BYTES = 8 << 20
"""Bytes that a program may print at once after it was quiet."""
LINE_BYTES = 128
"""About what a line takes beside its text."""


class LineBudget:
    """Bytes that may still be reported; times are seconds of a monotonic clock."""

    def __init__(self, since: float = 0.0) -> None:
        self.level, self.since = float(BURST_BYTES), since
        self.left_out = 0
        """Lines since the last one that was reported."""

    def take(self, message: str, now: float) -> bool:
        """Whether to report this line. After a pause, a tenth of the burst is there at once."""
        self.level = min(BURST_BYTES, self.level + (now - self.since) * BYTES_PER_SECOND)
        self.since = now
        enough = BURST_BYTES / 10 if self.left_out else 0
        if self.level <= enough:
            self.left_out += 1
            return False
        self.level -= len(message) + LINE_BYTES
        return True

    def spent(self, now: float) -> bool:
        """Whether `take` would refuse any line now."""
        level = self.level + (now - self.since) * BYTES_PER_SECOND
        return level <= (BURST_BYTES / 10 if self.left_out else 0)

    def note(self) -> str | None:
        """What to report before a line that is taken, if lines before it were left out."""
        if not self.left_out:
            return None
        number, self.left_out = self.left_out, 0
        return (
            f"trainyard: {number:,} lines that were printed here are not reported, since the program "
            f"prints more than {BYTES_PER_SECOND:,} bytes per second; the pod's log has them"
        )
