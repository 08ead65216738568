"""Signals that ask this process to stop, and a descriptor that wakes a loop when one arrives."""

from __future__ import annotations

import os
import signal
import time
from types import FrameType

STOP = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
"""SIGTERM, and what else an image may name as the signal that stops it."""
PASSED_ON = (signal.SIGUSR1, signal.SIGUSR2)


class StopSignals:
    """Takes the signals from its construction on; process 1 would not be ended by any of them."""

    def __init__(self) -> None:
        self.number: int | None = None
        """The first stop signal that arrived."""
        self.arrived: float | None = None
        """When, in seconds of the monotonic clock."""
        self.to_pass_on: list[int] = []
        self.descriptor, self._write = os.pipe()
        os.set_blocking(self.descriptor, False)
        os.set_blocking(self._write, False)
        for number in STOP:
            signal.signal(number, self._stop)
        for number in PASSED_ON:
            signal.signal(number, self._pass_on)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        # The archive blocks them at its first line, so that none is lost until now.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP)

    def clear(self) -> None:
        """Empty the descriptor after it woke the loop."""
        try:
            while os.read(self.descriptor, 4096):
                pass
        except BlockingIOError:
            pass

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        if self.number is None:
            self.number, self.arrived = number, time.monotonic()

    def _pass_on(self, number: int, _frame: FrameType | None) -> None:
        self.to_pass_on.append(number)
