"""The values that a program has reported last, so that only new ones become points. Pure."""

from __future__ import annotations

from collections.abc import Mapping

MOST_NAMES = 2000
"""Names that are remembered; of the oldest the next value counts as a new one."""


class KnownValues:
    """The last value of each name, in bounded memory."""

    def __init__(self) -> None:
        self._values: dict[str, float] = {}

    def new_in(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """The values that differ from the last ones of their names; NaN is like NaN."""
        new = {n: v for n, v in metrics.items() if repr(v) != repr(self._values.get(n))}
        for name, value in new.items():
            self._values.pop(name, None)
            self._values[name] = value
        while len(self._values) > MOST_NAMES:
            del self._values[next(iter(self._values))]
        return new
