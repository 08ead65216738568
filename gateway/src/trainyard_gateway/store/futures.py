"""Futures that wait for a write."""

from __future__ import annotations

import asyncio
from typing import Any


def resolve(future: asyncio.Future[Any], outcome: Any) -> None:
    """Set the result of a future, or its exception if `outcome` is one.

    A future that is done stays as it is.
    """
    # The task that waited may have been cancelled.
    if future.done():
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
