"""How many reports each session may send, so that none delays others or fills the memory.

A report is bytes, then objects that take several times as much, until it is durable. Large reports
therefore take turns, and a session has few of them on their way.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from trainyard_gateway.errors import TooManyRequests, Unavailable
from trainyard_gateway.token_buckets import TokenBuckets

BURST_SECONDS = 4.0
"""A session that was quiet may send as much at once as in this time."""
MAX_REPORTS_AT_ONCE = 2
"""Reports of one session that may be on their way: it sends one after the other."""
MAX_WAITING_BYTES = 24 << 20
"""Bytes of large reports that wait for their turn; while there are more, large ones get 503."""
LARGE_BYTES = 128 << 10
"""From this size on, reports take turns."""


class ReportRates:
    """An account of bytes for each session. A report is taken while its account is not overdrawn.

    So a report of any size is taken at some time, and the next one waits for longer.
    `clock`: monotonic, in seconds.
    """

    def __init__(
        self, bytes_per_second: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = bytes_per_second
        self._accounts = TokenBuckets(bytes_per_second, clock, bytes_per_second * BURST_SECONDS)
        """Bytes by session UID."""
        self._under_way: dict[str, int] = {}
        self._waiting = 0
        self._turns = asyncio.Semaphore(1)

    @contextmanager
    def under_way(self, uid: str) -> Iterator[None]:
        """While a report of the session is read and stored.

        Raises TooManyRequests if the session has to wait.
        """
        self.check(uid)
        if self._under_way.get(uid, 0) >= MAX_REPORTS_AT_ONCE:
            raise TooManyRequests("send the reports of a session one after the other", 1)
        self._under_way[uid] = self._under_way.get(uid, 0) + 1
        try:
            yield
        finally:
            self._under_way[uid] -= 1
            if not self._under_way[uid]:
                del self._under_way[uid]

    @asynccontextmanager
    async def turn(self, size: int) -> AsyncIterator[None]:
        """While a report of `size` bytes is parsed and stored. Raises Unavailable."""
        if size < LARGE_BYTES:
            yield
            return
        if self._waiting + size > MAX_WAITING_BYTES:
            raise Unavailable("many large reports arrive at once; send this again")
        self._waiting += size
        try:
            async with self._turns:
                yield
        finally:
            self._waiting -= size

    def check(self, uid: str) -> None:
        """Raises TooManyRequests if the session has to wait."""
        if wait := self._accounts.wait(uid):
            raise TooManyRequests(
                f"a session may report {self._rate:,.0f} bytes per second; send this again later",
                wait,
            )

    def charge(self, uid: str, size: int) -> None:
        """Count a report of `size` bytes that was read."""
        self._accounts.charge(uid, size)
