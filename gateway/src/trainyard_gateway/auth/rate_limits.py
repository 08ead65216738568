"""Wrong keys make a client wait longer and longer; valid keys have a request rate."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

FREE_FAILURES = 20
"""Wrong keys within a minute before a client has to wait."""
LONGEST_WAIT = 60.0
_MINUTE = 60.0
_REMEMBERED = 10_000


class FailedLoginThrottle:
    """Counts wrong keys by client address.

    Only wrong keys are refused, so that a guesser cannot lock the owner of a key out.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def failed(self, client: str) -> float:
        """Count a wrong key. Returns the seconds to wait: 0 for the first few failures."""
        now = self._clock()
        count, last = self._failures.pop(client, (0, now))
        # One failure is forgotten every three seconds.
        count = max(0, count - int((now - last) / (_MINUTE / FREE_FAILURES))) + 1
        self._failures[client] = (count, now)
        if len(self._failures) > _REMEMBERED:
            self._failures.popitem(last=False)
        over = count - FREE_FAILURES
        return 0.0 if over <= 0 else min(LONGEST_WAIT, 2.0 ** min(over, 10))

    def succeeded(self, client: str) -> None:
        """A valid key resets the count of its client."""
        self._failures.pop(client, None)


class TokenBuckets:
    """A token bucket per key."""

    def __init__(self, rate: float, clock: Callable[[], float]) -> None:
        self._rate, self._burst, self._clock = rate, 2 * rate, clock
        self._level: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> float:
        """Take a token for one request. Returns 0, or the seconds until there will be a token."""
        now = self._clock()
        level, since = self._level.pop(key, (self._burst, now))
        level = min(self._burst, level + (now - since) * self._rate)
        wait = 0.0 if level >= 1 else (1 - level) / self._rate
        self._level[key] = (level - 1 if wait == 0 else level, now)
        if len(self._level) > _REMEMBERED:
            self._level.popitem(last=False)
        return wait
