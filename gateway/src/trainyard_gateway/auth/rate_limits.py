"""Wrong keys make a client wait longer and longer."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

FREE_FAILURES = 20
"""Wrong keys within a minute before a client has to wait."""
LONGEST_WAIT = 60.0
_MINUTE = 60.0
_REMEMBERED = 10_000
_MOST_COUNTED = 2 * FREE_FAILURES
"""Further failures are not counted, so that they are forgotten within two minutes."""


class FailedLoginThrottle:
    """Counts failures by client address, those with a known key's id by address and id.

    So clients behind one address share a counter only for made-up keys. Only wrong keys are
    refused, so that a guesser cannot lock the owner of a key out.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures: OrderedDict[tuple[str, str | None], tuple[int, float]] = OrderedDict()

    def failed(self, client: str, key_id: str | None = None) -> float:
        """Count a wrong key. Returns the seconds to wait: 0 for the first few failures."""
        now, counter = self._clock(), (client, key_id)
        count, last = self._failures.pop(counter, (0, now))
        # One failure is forgotten every three seconds.
        count = max(0, count - int((now - last) / (_MINUTE / FREE_FAILURES))) + 1
        self._failures[counter] = (min(count, _MOST_COUNTED), now)
        if len(self._failures) > _REMEMBERED:
            self._failures.popitem(last=False)
        over = count - FREE_FAILURES
        return 0.0 if over <= 0 else min(LONGEST_WAIT, 2.0 ** min(over, 10))

    def succeeded(self, client: str, key_id: str | None = None) -> None:
        """A valid key resets the counts of its client."""
        self._failures.pop((client, None), None)
        self._failures.pop((client, key_id), None)
