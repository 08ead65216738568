"""Whether one of many texts may be in some bytes, in a fraction of the time of looking for each.

Of the data a word of eight (or four) bytes is looked at every so often, and compared with all words
that the texts hold: so often that the shortest text cannot lie between two of them. A text that is
there is always found; what is found may be another one that shares a word. Pure.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

MOST_WORDS = 8192
"""Words that are remembered, but for one for each place in a word of each text."""
WORD_COST = 400
"""To look at a word costs as much as to look for a text in so many bytes."""
_TIERS = ((39, 8), (15, 8), (7, 4))
"""Shortest text, and bytes of a word; the longer the texts, the fewer words are looked at."""


class _Tier(NamedTuple):
    """Texts of similar length."""

    size: int
    stride: int
    """Every such word is looked at."""
    is_strange_to: Callable[[Iterable[int]], bool]
    """Whether none of the words is in a text."""


class TextFilter:
    """For texts of seven bytes or more."""

    def __init__(self, texts: Sequence[bytes]) -> None:
        self._few: list[bytes] = []
        self._tiers: list[_Tier] = []
        self.cost = 0
        """To look at data costs as much as to look for so many texts in it."""
        left = list(texts)
        for shortest, size in _TIERS:
            group = [text for text in left if len(text) >= shortest]
            left = [text for text in left if len(text) < shortest]
            self._add(group, size)
        self._add_few(left)

    def may_hold(self, data: bytes) -> bool:
        """False if none of the texts is in `data`."""
        for text in self._few:
            if text in data:
                return True
        for size, stride, is_strange_to in self._tiers:
            whole = memoryview(data)[: len(data) // size * size]
            words = whole.cast("Q") if size == 8 else whole.cast("I")
            if not is_strange_to(words[::stride]):
                return True
        return False

    def _add(self, group: Sequence[bytes], size: int) -> None:
        if not group:
            return
        stride = (min(map(len, group)) - size + 1) // size
        stride = max(1, min(stride, MOST_WORDS // (size * len(group))))
        cost = WORD_COST // (size * stride)
        if len(group) <= cost:
            self._add_few(group)
            return
        words = frozenset(word for text in group for word in _words(text, size, stride))
        self._tiers.append(_Tier(size, stride, words.isdisjoint))
        self.cost += cost

    def _add_few(self, group: Sequence[bytes]) -> None:
        self._few += group
        self.cost += len(group)


def _words(text: bytes, size: int, stride: int) -> Iterator[int]:
    """The words of a text one of which stands where a word is looked at, for any place of it."""
    for at in range(size * stride):
        yield int.from_bytes(text[at : at + size], sys.byteorder)
