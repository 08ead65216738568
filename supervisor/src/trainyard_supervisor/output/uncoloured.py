"""Output without its colours and movements of the cursor, with the places of what is left. Pure."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

ESCAPE = b"\x1b"
_CSI = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b(?:\[[0-?]*[ -/]*)?$")
"""One sequence, or the beginning of one at the end."""


class Uncoloured:
    """`text` is `data` without such sequences."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._gone: list[int] = [0]
        """Bytes of the sequences up to each one."""
        pieces, at = [], 0
        for found in _CSI.finditer(data):
            pieces.append(data[at : found.start()])
            at = found.end()
            self._starts.append(found.start())
            self._ends.append(at)
            self._gone.append(self._gone[-1] + at - found.start())
        self.text = b"".join((*pieces, data[at:]))
        self._before = [start - self._gone[i] for i, start in enumerate(self._starts)]
        """The index in the text before which each sequence stands."""

    def place(self, index: int) -> int:
        """Where the byte of the text with this index stands in the data."""
        return index + self._gone[bisect_right(self._before, index)]

    def index(self, place: int) -> int:
        """How many bytes of the text stand before a place in the data."""
        number = bisect_left(self._starts, place)
        if number and place < self._ends[number - 1]:
            return self._before[number - 1]
        return place - self._gone[number]

    def replaced(self, forms: Sequence[bytes], mask: bytes) -> bytes:
        """The data with each of `forms` in the text replaced; the sequences stay."""
        taken = bytearray(len(self.text))
        spans = []
        for form in forms:
            at = self.text.find(form)
            while at >= 0:
                end = at + len(form)
                if taken.find(1, at, end) < 0:
                    taken[at:end] = b"\1" * len(form)
                    spans.append((at, end))
                at = self.text.find(form, at + 1)
        shown, last = [], 0
        for start, end in sorted(spans):
            first, behind = self.place(start), self.place(end - 1) + 1
            within = b"".join(m.group() for m in _CSI.finditer(self._data, first, behind))
            shown += [self._data[last:first], mask, within]
            last = behind
        return b"".join((*shown, self._data[last:]))
