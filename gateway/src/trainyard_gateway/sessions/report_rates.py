"""How many bytes of reports each session may send, so that none delays the reports of others."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from trainyard_gateway.errors import TooManyRequests

BURST_SECONDS = 10.0
"""A session that was quiet may send as much at once as in this time."""
_MAX_SESSIONS = 10_000


class ReportRates:
    """An account of bytes for each session. A report is taken while its account is not overdrawn.

    So a report of any size is taken at some time, and the next one waits for longer.
    `clock`: monotonic, in seconds.
    """

    def __init__(
        self, bytes_per_second: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._burst = bytes_per_second, bytes_per_second * BURST_SECONDS
        self._clock = clock
        self._accounts: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """By session UID: what may still be sent, and when that was so."""

    def check(self, uid: str) -> None:
        """Raises TooManyRequests if the session has to wait."""
        level = self._level(uid)
        if level < 0:
            raise TooManyRequests(
                f"a session may report {self._rate:,.0f} bytes per second; send this again later",
                -level / self._rate,
            )

    def charge(self, uid: str, size: int) -> None:
        """Count a report of `size` bytes that was read."""
        level = self._level(uid) - size
        self._accounts[uid] = (level, self._clock())
        self._accounts.move_to_end(uid)
        if len(self._accounts) > _MAX_SESSIONS:
            self._accounts.popitem(last=False)

    def _level(self, uid: str) -> float:
        now = self._clock()
        level, since = self._accounts.get(uid, (self._burst, now))
        return min(self._burst, level + (now - since) * self._rate)
