"""The background thread of a spool of lines: closes open batches and sends them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from trainyard.reporting.line_spool import LineSpool
from trainyard.reporting.ordered_delivery import OrderedDelivery
from trainyard.reporting.transport import Transport
from trainyard_api.runs.lines import items_of, line_of

FLUSH_SECONDS = 1.0
"""How long a line waits for others before its batch is closed."""
FIRST_SECONDS = 0.05
"""The same for a line that follows `FLUSH_SECONDS` without any."""


class LineSender:
    """Delivers lines of one stream of one attempt, exactly once and in order."""

    def __init__(self, spool: LineSpool, transport: Transport, warn: Callable[[str], None]) -> None:
        self._spool, self._warn = spool, warn
        self._delivery = OrderedDelivery(transport, warn)
        self._wake = threading.Event()
        self._idle = True
        self._stopping = False
        self._disk_failed = False
        self._turn = threading.Condition()
        self._asked = self._answered = 0
        self._delivered = True
        self._thread = threading.Thread(target=self._work, name="trainyard-relay", daemon=True)
        self._thread.start()

    def put(self, report: Mapping[str, Any]) -> None:
        """Keep a report (`trainyard_api.runs.lines.Report`); it is on disk when this returns."""
        error = self._spool.append(line_of(report), items_of(report))
        if error is not None and not self._disk_failed:
            self._warn(f"cannot spool reports, they wait in memory: {error}")
        self._disk_failed = error is not None
        if self._idle:
            self._wake.set()

    @property
    def away(self) -> bool:
        """Whether the gateway did not take the last batch that was sent."""
        return self._delivery.away

    def drain(self, seconds: float) -> bool:
        """Send what waits, for at most `seconds`; whether the gateway has all of it.

        A gateway that is away is not waited for.
        """
        with self._turn:
            self._asked += 1
            mine = self._asked
            self._wake.set()
            answered = self._turn.wait_for(lambda: self._answered >= mine, seconds)
            return answered and self._delivered

    def stop(self, timeout: float) -> bool:
        """Send what is left for at most `timeout` seconds; whether all was delivered."""
        self._stopping = True
        self._wake.set()
        self._thread.join(timeout)
        return not self._thread.is_alive() and not self._spool.waiting and self._spool.empty

    def _work(self) -> None:
        try:
            while True:
                last = self._stopping
                self._collect(last)
                asked = self._asked
                delivered = self._deliver()
                with self._turn:
                    self._answered, self._delivered = asked, delivered
                    self._turn.notify_all()
                if last and delivered and self._spool.empty:
                    return
        finally:
            self._delivery.close()

    def _collect(self, last: bool) -> None:
        """Wait until a batch is due."""
        woken = self._wake.wait(0.05 if last else FLUSH_SECONDS)
        self._wake.clear()
        was_idle, self._idle = self._idle, not (woken or not self._spool.empty)
        if woken and was_idle and self._asked == self._answered:
            # The rest of what comes at once.
            self._wake.wait(FIRST_SECONDS)

    def _deliver(self) -> bool:
        try:
            if self._delivery.postponed:
                # The open batch grows meanwhile: an hour makes no thousands of files.
                self._spool.sync()
                return False
            if not self._spool.empty:
                self._spool.seal()
            return self._delivery.deliver(self._spool.waiting, self._spool.remove)
        except OSError as error:
            # The disk is full or gone: the program continues, and the thread tries again.
            self._warn(f"cannot spool reports: {error}")
            return False
