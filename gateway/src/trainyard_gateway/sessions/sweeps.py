"""Background parts that look through what deleted sessions have left, again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

import structlog

from trainyard_gateway.sessions.cache import SessionCache
from trainyard_gateway.store.errors import DatabaseError

DAY = 86_400.0
_LONGEST_PAUSE, _SHORTEST_PAUSE = 3600.0, 1.0

_log = structlog.get_logger()


async def sweep_again_and_again(
    sweep: Callable[[], Awaitable[None]], cache: SessionCache, seconds: float, what: str
) -> NoReturn:
    """Sweep, first when the cluster's sessions are known. An error is logged, not raised.

    `seconds`: how long things are kept, ten times the pause. `what`: named in the log.
    """
    await cache.synced.wait()
    pause = max(_SHORTEST_PAUSE, min(_LONGEST_PAUSE, seconds / 10))
    while True:
        try:
            await sweep()
        except (OSError, DatabaseError) as error:
            _log.warning(f"{what} not looked through", error=str(error))
        await asyncio.sleep(pause)
