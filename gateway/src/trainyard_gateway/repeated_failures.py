"""Failures that repeat: the first of a kind in a minute are written one by one, others counted."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

WINDOW_SECONDS = 60.0
MOST_WRITTEN = 20
"""Failures of a kind that are written one by one within a window."""
MOST_KINDS = 1000
"""Kinds that are distinguished within a window; all further ones are counted as one."""


@dataclass(slots=True)
class _Window(Generic[T]):
    began: float
    seen: int
    last: T


class RepeatedFailures(Generic[T]):
    """Decides which failures to write, and counts the others. Its memory is bounded."""

    def __init__(self, clock: Callable[[], float], most_kinds: int = MOST_KINDS) -> None:
        self._clock, self._most_kinds = clock, most_kinds
        self._windows: OrderedDict[Hashable, _Window[T]] = OrderedDict()

    def is_written(self, kind: Hashable, failure: T) -> bool:
        """Count a failure of a kind. Whether it is one of the first in its window."""
        window = self._windows.get(kind)
        if window is None:
            if len(self._windows) >= self._most_kinds:
                kind = None
            window = self._windows.setdefault(kind, _Window(self._clock(), 0, failure))
        window.seen += 1
        window.last = failure
        return window.seen <= MOST_WRITTEN

    def ended(self, all_of_them: bool = False) -> list[tuple[T, int]]:
        """Forget windows that are over. Returns the last failure of each and how many more it had.

        Only windows that have failures which were not written.
        """
        now, found = self._clock(), []
        for kind, window in list(self._windows.items()):
            if not all_of_them and now - window.began < WINDOW_SECONDS:
                # In order of their begins: those that follow are younger.
                break
            del self._windows[kind]
            if window.seen > MOST_WRITTEN:
                found.append((window.last, window.seen - MOST_WRITTEN))
        return found
