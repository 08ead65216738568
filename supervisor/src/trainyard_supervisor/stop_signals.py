"""Signals that ask this process to stop, and a descriptor that wakes a loop when one arrives.

A thread waits for them, since only `sigwaitinfo` says who sent one: what the program sends itself
is no wish from outside. All threads block them; `unblocked` is for starting a program.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

from trainyard_supervisor.processes.senders import Sender, own_sender

STOP = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
"""SIGTERM, and what else an image may name as the signal that stops it."""
PASSED_ON = (signal.SIGUSR1, signal.SIGUSR2)


class StopSignals:
    """Takes the signals from its construction on; process 1 would not be ended by any of them."""

    def __init__(self) -> None:
        self.number: int | None = None
        """The first stop signal from outside."""
        self.arrived: float | None = None
        """When, in seconds of the monotonic clock."""
        self.own: list[tuple[int, Sender]] = []
        """The first stop signal that the program sent."""
        self.to_pass_on: list[int] = []
        self.descriptor, self._write = os.pipe()
        os.set_blocking(self.descriptor, False)
        os.set_blocking(self._write, False)
        # The archive blocks them at its first line, so that none is lost until now.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP)
        for number in STOP:
            signal.signal(number, self._stop)
        for number in PASSED_ON:
            signal.signal(number, self._pass_on)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        threading.Thread(target=self._listen, name="stop signals", daemon=True).start()

    def clear(self) -> None:
        """Empty the descriptor after it woke the loop."""
        try:
            while os.read(self.descriptor, 4096):
                pass
        except BlockingIOError:
            pass

    @contextlib.contextmanager
    def unblocked(self) -> Iterator[None]:
        """Block none of them in this thread meanwhile: a program inherits what is blocked."""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_BLOCK, STOP)

    def _listen(self) -> None:
        while True:
            found = signal.sigwaitinfo(STOP)
            sender = own_sender(found.si_pid)
            if sender is None:
                self._stop(found.si_signo, None)
            elif not self.own:
                self.own.append((found.si_signo, sender))
            with contextlib.suppress(BlockingIOError):
                os.write(self._write, b"\0")

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        if self.number is None:
            # In this order: where the number is seen, the time is there.
            self.arrived = time.monotonic()
            self.number = number

    def _pass_on(self, number: int, _frame: FrameType | None) -> None:
        self.to_pass_on.append(number)
