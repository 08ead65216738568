"""Parts of the program that run without end. One that ends is a bug: it is logged, and the gateway is not ready any more."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

import structlog

_log = structlog.get_logger()


class TaskSupervisor:
    """Holds the running parts; leaving the context ends them."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run a part."""
        self._tasks[name] = asyncio.create_task(_endless(name, work), name=name)

    def ended(self) -> list[str]:
        """Parts that should run and do not."""
        return [name for name, task in self._tasks.items() if task.done()]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


async def _endless(name: str, work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
        _log.error("a background part ended", part=name)
    except Exception as error:  # whatever it is, it must be seen
        _log.error("a background part failed", part=name, exc_info=error)
