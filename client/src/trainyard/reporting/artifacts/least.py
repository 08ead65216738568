"""The smallest of many keys behind a given one, with bounded memory. Pure."""

from __future__ import annotations


class Least:
    """Takes keys in any order, and keeps the `most` smallest ones that come behind `after`."""

    def __init__(self, after: bytes, most: int) -> None:
        """`after` is not taken itself; b"" takes every key."""
        self._after, self._most = after, most
        self._kept: list[bytes] = []
        self._limit: bytes | None = None
        self.more = False
        """Whether keys behind the kept ones were passed over."""

    def add(self, key: bytes) -> None:
        """Take a key, unless it does not come behind `after` or enough smaller ones are there."""
        if key <= self._after or self._is_beyond(key):
            return
        self._kept.append(key)
        if len(self._kept) >= 2 * self._most:
            self._cut()

    def may_take(self, lower: bytes, upper: bytes) -> bool:
        """Whether a key from `lower` to `upper` may be one to take."""
        return upper > self._after and not self._is_beyond(lower)

    def sorted(self) -> list[bytes]:
        """The kept keys in order."""
        self._cut()
        return self._kept

    @property
    def last(self) -> bytes:
        """The last of the kept keys; `after` if there is none."""
        return self._kept[-1] if self._kept else self._after

    def _is_beyond(self, key: bytes) -> bool:
        beyond = self._limit is not None and key > self._limit
        self.more = self.more or beyond
        return beyond

    def _cut(self) -> None:
        self._kept.sort()
        if len(self._kept) > self._most:
            del self._kept[self._most :]
            self._limit = self._kept[-1]
            self.more = True
