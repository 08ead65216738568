"""How many bytes of code one key may send in a day. Pure."""

from __future__ import annotations

from trainyard_gateway.errors import TooManyRequests

DAY = 86_400.0


class Allowance:
    """A budget for each key that fills up evenly over a day; kept by this gateway alone."""

    def __init__(self, bytes_per_day: int) -> None:
        self._most = bytes_per_day
        self._used: dict[str, tuple[float, float]] = {}

    def spend(self, key: str, count: int, now: float) -> None:
        """Count bytes that a key sends at `now` (seconds). Raises TooManyRequests.

        One content is taken whole, also by a key that has less left than it needs.
        """
        used, since = self._used.get(key, (0.0, now))
        rate = self._most / DAY
        used = max(0.0, used - (now - since) * rate)
        if used >= self._most:
            wait = (used - self._most) / rate + 1
            raise TooManyRequests(
                f"this key has sent {self._most} bytes of code within a day (codeKeyBytesPerDay); "
                f"wait, or list data in .trainyardignore and upload it as a dataset",
                wait,
            )
        self._used[key] = (used + count, now)
        self._forget(now)

    def _forget(self, now: float) -> None:
        if len(self._used) > 10_000:
            self._used = {k: v for k, v in self._used.items() if now - v[1] < DAY}
