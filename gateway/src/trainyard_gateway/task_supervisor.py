"""Background tasks that run as long as the program. A task that ends is restarted with back-off.

One failure of a task, such as that of a bug that a single object has met, costs a second of its
work. A task that fails again and again counts as failing, which liveness and readiness show.
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

_log = structlog.get_logger()


class TaskSupervisor:
    """Runs tasks and restarts them. Leaving the context cancels them."""

    def __init__(self, first_pause: float = FIRST_PAUSE_SECONDS) -> None:
        self._first_pause = first_pause
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
            failures = self._failures[name] = self._failures.get(name, 0) + 1
            pause = min(LONGEST_PAUSE_SECONDS, self._first_pause * 2 ** min(failures - 1, 10))
            _log.error(
                "a background task ended",
                task=name,
                seconds=round(time.monotonic() - started, 3),
                restart_in=pause,
                exc_info=error,
            )
            await asyncio.sleep(pause)

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
