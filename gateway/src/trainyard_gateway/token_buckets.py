"""Rates by key: of requests, of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

_REMEMBERED = 10_000


class TokenBuckets:
    """A token bucket per key. At a new key it holds `burst` tokens, by default those of 2 s."""

    def __init__(self, rate: float, clock: Callable[[], float], burst: float | None = None) -> None:
        self._rate, self._burst, self._clock = rate, burst or 2 * rate, clock
        self._level: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> float:
        """Take a token for one request. Returns 0, or the seconds until there will be a token."""
        wait = self.wait(key, 1.0)
        if wait == 0:
            self.charge(key, 1.0)
        return wait

    def wait(self, key: str, least: float = 0.0) -> float:
        """Seconds until the bucket holds `least` tokens."""
        return max(0.0, least - self._now(key)) / self._rate

    def charge(self, key: str, tokens: float) -> None:
        """Take tokens, also more than there are: then the bucket is below zero for a while."""
        self._level[key] = (self._now(key) - tokens, self._clock())
        self._level.move_to_end(key)
        if len(self._level) > _REMEMBERED:
            self._level.popitem(last=False)

    def _now(self, key: str) -> float:
        now = self._clock()
        level, since = self._level.get(key, (self._burst, now))
        return min(self._burst, level + (now - since) * self._rate)
