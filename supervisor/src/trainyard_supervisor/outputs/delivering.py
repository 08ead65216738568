"""Sends what waits in the run folder once the program has ended, without holding its GPUs long."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from trainyard.reporting.artifacts.delivery import Delivery
from trainyard.reporting.artifacts.waiting import Report, WaitingTrees
from trainyard.reporting.transport import GatewayTransport, NotDeliveredError
from trainyard_supervisor.settings import Attempt

ALL_SECONDS = 60.0
"""How long the pod stays for all answers: the gateway copies the trees meanwhile."""
RETRY_SECONDS = 5.0
"""How long a gateway that is away is tried."""
_PAUSE_SECONDS = 0.5
_LOOK_SECONDS = 0.05
LATER = "what is not registered yet waits in the run folder; the gateway takes it in by itself"

Say = Callable[[str, str], None]
"""Takes a sentence and its level."""


def deliver(attempt: Attempt, run_dir: Path, say: Say, stopped: Callable[[], bool]) -> None:
    """Send all that waits. What is not answered in time stays; the gateway finds it there.

    Ends at once when a stop signal arrives.
    """
    said: deque[tuple[str, str]] = deque()

    def add(sentence: str, level: str) -> None:
        said.append((sentence, level))

    work = threading.Thread(target=_send_all, args=(attempt, run_dir, add), daemon=True)
    until = time.monotonic() + ALL_SECONDS
    work.start()
    while work.is_alive() and not stopped() and time.monotonic() < until:
        work.join(_LOOK_SECONDS)
        _repeat(said, say)
    if work.is_alive():
        say(LATER, "warning")
    _repeat(said, say)


def _repeat(said: deque[tuple[str, str]], say: Say) -> None:
    while said:
        say(*said.popleft())


def _send_all(attempt: Attempt, run_dir: Path, say: Say) -> None:
    trees = WaitingTrees(run_dir)
    transport = GatewayTransport(attempt.gateway_url, attempt.token_file, ALL_SECONDS)
    delivery = Delivery(
        trees, transport, lambda said: say(said, "info"), lambda said: say(said, "warning")
    )
    until = time.monotonic() + RETRY_SECONDS
    try:
        for report in trees.reports():
            problem = _problem_of(delivery, report, until)
            if problem is not None:
                say(f"{LATER} ({problem})", "warning")
                return
    finally:
        transport.close()
    trees.clean()


def _problem_of(delivery: Delivery, report: Report, until: float) -> NotDeliveredError | None:
    """Send a report until it is answered, at most `until`; why it was not."""
    while True:
        try:
            delivery.send(report)
        except NotDeliveredError as error:
            if time.monotonic() > until:
                return error
            time.sleep(_PAUSE_SECONDS)
        else:
            return None
