"""Sleeping and blocking work, once for each client: `async_x` awaits, `x` blocks.

The generator of the blocking client replaces the name of one by the name of the other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def async_sleep(seconds: float) -> None:
    """Wait without blocking the event loop."""
    await asyncio.sleep(seconds)


def sleep(seconds: float) -> None:
    """Wait in this thread."""
    time.sleep(seconds)


async def async_in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function that reads files in a thread, so that the event loop is not blocked."""
    return await asyncio.to_thread(function, *args, **kwargs)


def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function here: this thread may block."""
    return function(*args, **kwargs)
