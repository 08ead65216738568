"""Heartbeats from what a program prints or posts, as long as it does not report itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from trainyard_supervisor.output.line_splitter import Line
from trainyard_supervisor.progress.bars import bar
from trainyard_supervisor.progress.lines import stated
from trainyard_supervisor.progress.tables import TableReader
from trainyard_supervisor.progress.tracker import STALE_SECONDS, Progress, ProgressTracker

LINES_PER_SECOND = 20
LINES_AT_ONCE = 100
"""Lines that are looked at: at once after a while of fewer, and all the time."""
HEARTBEAT_SECONDS = 2.0
RATE_SECONDS = 60.0
REPORTED_SECONDS = 60.0
"""How long a report of the program counts more than what is printed."""
LINE_CHARACTERS = 1000
"""Longer lines are no progress."""


class DerivedProgress:
    """The progress of one program; `send` takes the content of a heartbeat."""

    def __init__(
        self,
        send: Callable[[dict[str, Any]], None],
        program_reports: Callable[[], bool],
        *,
        again: bool = False,
    ) -> None:
        """`again` tells that an attempt came before, which may have shown a goal."""
        self._send = send
        self._program_reports = program_reports
        self._again = again
        self._tracker = ProgressTracker()
        self._tables = TableReader()
        self._off = False
        self._allowance = float(LINES_AT_ONCE)
        self._refilled: float | None = None
        self._latest: Progress | None = None
        self._reported_until = 0.0
        self._read: float | None = None
        """When progress was last read of a line."""
        self._sent: Progress | None = None
        self._next = 0.0
        self._points: deque[tuple[float, int]] = deque()

    def see(self, line: Line, now: float) -> None:
        """Look for progress in a line or a state of one, in a bounded number of them a second."""
        if self._off or len(line.text) > LINE_CHARACTERS or not self._allowed(now):
            return
        reading = bar(line.text)
        if reading is None and line.whole:
            reading = self._tables.see(line.text) or stated(line.text)
        if reading is None:
            return
        progress = self._tracker.see(reading, now)
        if progress is None:
            return
        self._read = now
        if now >= self._reported_until:
            self._latest = progress

    def report(self, progress: Progress, now: float) -> None:
        """Take the progress that the program itself has reported, not by printing it."""
        self._latest, self._reported_until = progress, now + REPORTED_SECONDS

    def observe(self, step: int, epoch: int | None, now: float) -> None:
        """Take the step to which the program has written values, unless it shows more than that."""
        shows = self._read is not None and now - self._read < STALE_SECONDS
        if not shows and now >= self._reported_until:
            self._latest = Progress(step, None, epoch)

    def wake(self) -> float | None:
        """When `beat` has something to send."""
        return None if self._off or self._latest == self._sent else self._next

    def beat(self, now: float) -> None:
        """Send what is new, every two seconds at most."""
        wake = self.wake()
        if wake is None or now < wake or self._latest is None:
            return
        if self._program_reports():
            self._off = True
            return
        self._sent, self._next = self._latest, now + HEARTBEAT_SECONDS
        self._send(content(self._latest, self._rate(now, self._latest.step)))

    def finish(self, *, succeeded: bool) -> dict[str, int] | None:
        """The end of the program as the termination message takes it, which is reported, too.

        A program that succeeded has done all that it wanted. If nothing was read of it, this says
        so: what was read of an attempt before is not a goal that it missed.
        """
        if self._off or self._program_reports():
            return None
        if self._latest is None:
            return {"step": 0} if succeeded and self._again else None
        last = self._latest
        if succeeded:
            last = last._replace(
                total_steps=last.step if last.total_steps else None,
                epochs=last.epoch if last.epochs else None,
            )
        if last != self._sent:
            self._send(content(last, None))
        return content(last, None)

    def _allowed(self, now: float) -> bool:
        since = now if self._refilled is None else self._refilled
        self._refilled = now
        self._allowance = min(LINES_AT_ONCE, self._allowance + (now - since) * LINES_PER_SECOND)
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True

    def _rate(self, now: float, step: int) -> float | None:
        """Steps per second of the last minute."""
        if self._points and step < self._points[-1][1]:
            self._points.clear()
        self._points.append((now, step))
        while now - self._points[0][0] > RATE_SECONDS:
            self._points.popleft()
        first, first_step = self._points[0]
        return (step - first_step) / (now - first) if now > first else None


def content(progress: Progress, rate: float | None) -> dict[str, Any]:
    """A heartbeat, without what is not known. Pure."""
    found: dict[str, Any] = {
        "step": progress.step,
        "totalSteps": progress.total_steps,
        "epoch": progress.epoch,
        "epochs": progress.epochs,
        "stepsPerSecond": rate,
    }
    return {name: value for name, value in found.items() if value is not None}
