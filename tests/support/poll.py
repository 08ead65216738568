"""Wait for a condition with a deadline, never with a fixed sleep."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


class NotInTimeError(AssertionError):
    """The condition did not come true before the deadline."""


def eventually(
    check: Callable[[], T | None],
    *,
    within: float = 60.0,
    every: float = 0.1,
    what: str = "condition",
) -> T:
    """The first truthy result of `check`, tried every `every` seconds for at most `within` seconds.

    An AssertionError inside `check` counts as "not yet"; the last one is the cause of `NotInTimeError`.
    """
    deadline = time.monotonic() + within
    last: BaseException | None = None
    while True:
        try:
            result = check()
            if result:
                return result
            last = None
        except AssertionError as error:
            last = error
        if time.monotonic() >= deadline:
            raise NotInTimeError(f"{what} did not come true within {within:g} s") from last
        time.sleep(every)


async def eventually_async(
    check: Callable[[], Awaitable[T | None]],
    *,
    within: float = 60.0,
    every: float = 0.1,
    what: str = "condition",
) -> T:
    """As `eventually`, for coroutines."""
    deadline = time.monotonic() + within
    last: BaseException | None = None
    while True:
        try:
            result = await check()
            if result:
                return result
            last = None
        except AssertionError as error:
            last = error
        if time.monotonic() >= deadline:
            raise NotInTimeError(f"{what} did not come true within {within:g} s") from last
        await asyncio.sleep(every)
