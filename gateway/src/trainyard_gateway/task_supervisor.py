"""Background tasks that run as long as the program. A task that ends is restarted with back-off.

One failure of a task, such as that of a bug that a single object has met, costs a second of its
work. A task that fails again and again counts as failing, which liveness and readiness show.
A task that ends because the database does not answer does not: a restart of the gateway would
bring nothing back, and make the way back longer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self

import structlog

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
"""The pause doubles with every failure up to this one."""
STEADY_SECONDS = 120.0
"""After so long without a failure a task counts as healthy again."""
FAILING_AFTER = 5
"""Failures in a row after which a task counts as failing: about half a minute."""
_MOST_OF_ERROR = 500

_log = structlog.get_logger()


class TaskSupervisor:
    """Runs tasks and restarts them. Leaving the context cancels them."""

    def __init__(
        self,
        first_pause: float = FIRST_PAUSE_SECONDS,
        is_outage: Callable[[Exception], bool] = lambda _: False,
    ) -> None:
        """`is_outage`: whether an error says that something outside of the gateway is away."""
        self._first_pause, self._is_outage = first_pause, is_outage
        self._tasks: list[asyncio.Task[None]] = []
        self._failures: dict[str, int] = {}

    def start(self, name: str, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a task; `run` is called again after each of its ends."""
        self._tasks.append(asyncio.create_task(self._supervise(name, run), name=name))

    def failing(self) -> list[str]:
        """Names of the tasks that failed `FAILING_AFTER` times in a row or more."""
        return sorted(n for n, failures in self._failures.items() if failures >= FAILING_AFTER)

    async def _supervise(self, name: str, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            started = time.monotonic()
            steady = asyncio.get_running_loop().call_later(
                STEADY_SECONDS, self._failures.pop, name, None
            )
            try:
                await run()
                error: Exception | None = None
            except Exception as found:  # a bug: it is logged, and the task is restarted
                error = found
            finally:
                steady.cancel()
            pause = self._after_end(name, time.monotonic() - started, error)
            await asyncio.sleep(pause)

    def _after_end(self, name: str, seconds: float, error: Exception | None) -> float:
        """Log the end of a task; the pause in seconds before it runs again."""
        where = {"task": name, "seconds": round(seconds, 3)}
        if error is not None and self._is_outage(error):
            said = f"{error!r}"[:_MOST_OF_ERROR]
            _log.warning("a background task waits for the database", **where, error=said)
            return self._first_pause
        failures = self._failures[name] = self._failures.get(name, 0) + 1
        pause: float = min(LONGEST_PAUSE_SECONDS, self._first_pause * 2 ** min(failures - 1, 10))
        _log.error("a background task ended", **where, restart_in=pause, exc_info=error)
        return pause

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
