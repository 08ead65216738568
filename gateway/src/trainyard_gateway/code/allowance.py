"""How many bytes of code one key may send in a day."""

from __future__ import annotations

from collections.abc import Callable

from trainyard_gateway.errors import TooManyRequests
from trainyard_gateway.token_buckets import TokenBuckets

DAY = 86_400.0


class Allowance:
    """A budget for each key that fills up evenly over a day; kept by this gateway alone.

    `clock`: monotonic, in seconds.
    """

    def __init__(self, bytes_per_day: int, clock: Callable[[], float]) -> None:
        self._most = bytes_per_day
        self._budgets = TokenBuckets(bytes_per_day / DAY, clock, bytes_per_day)

    def spend(self, key: str, count: int) -> None:
        """Count bytes that a key sends. Raises TooManyRequests.

        One content is taken whole, also by a key that has less left than it needs.
        """
        if wait := self._budgets.wait(key, 1.0):
            raise TooManyRequests(
                f"this key has sent {self._most} bytes of code within a day (codeKeyBytesPerDay); "
                f"wait, or list data in .trainyardignore and upload it as a dataset",
                wait + 1,
            )
        self._budgets.charge(key, count)
