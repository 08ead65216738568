r"""A stream of bytes without the values of Secrets, also where a value comes in several pieces.

What may be the beginning of a value is held back until more comes, at most `HOLD_SECONDS`, and
never beyond the end of a line: what is looked for has none in it. Colours within a value do not
hide it.
"""

from __future__ import annotations

from bisect import bisect_left

from trainyard.reporting.secret_mask import MASK, SHORTEST, SecretMask
from trainyard_supervisor.output.uncoloured import ESCAPE, Uncoloured

HOLD_SECONDS = 10.0
"""As long as a line waits for its end before it is reported."""
WORK_PER_SECOND = 2e9
"""Bytes times texts that are looked for: mostly a quarter of a second of a processor's time."""
WORK_AT_ONCE = 8e9
WORK_OF_COLOURS = 20
"""Looking through output with colours costs as much as looking for so many texts."""
MOST_HELD = 64 << 10
"""More bytes are not held back, which are a piece of a value and endless colours."""


class MaskedStream:
    """One stream; times are seconds of a monotonic clock."""

    def __init__(self, mask: SecretMask, now: float) -> None:
        self._mask = mask
        self._sorted = sorted(mask.forms)
        self._firsts = frozenset(form[0] for form in mask.forms)
        self._longest = max(map(len, mask.forms), default=0)
        self._held = b""
        self._since: float | None = None
        self._work, self._refilled = WORK_AT_ONCE, now

    def affords(self, size: int, now: float) -> bool:
        """Whether so many bytes may be looked at now: the program must not wait for it."""
        grown = self._work + (now - self._refilled) * WORK_PER_SECOND
        self._work, self._refilled = min(WORK_AT_ONCE, grown), now
        return self._work >= size * self._mask.cost

    def feed(self, chunk: bytes, now: float) -> bytes:
        """What may be shown after `chunk` came."""
        if not self._sorted:
            return chunk
        data = self._held + chunk
        coloured = ESCAPE in data
        self._work -= len(chunk) * (
            len(self._sorted) + WORK_OF_COLOURS if coloured else self._mask.cost
        )
        at = self._cut(data) if coloured else self._open(data)
        self._held = data[at:]
        if len(self._held) > MOST_HELD:
            return self._masked(data[:at]) + self.rest()
        if not self._held:
            self._since = None
        elif chunk:
            self._since = now
        return self._masked(data[:at])

    def wake(self) -> float | None:
        """When `settle` has something to show."""
        return None if self._since is None else self._since + HOLD_SECONDS

    def settle(self, now: float) -> bytes:
        """What was held back for too long."""
        wake = self.wake()
        return self.rest() if wake is not None and now >= wake else b""

    def rest(self) -> bytes:
        """What is held back: the half of a value is masked as well, a few characters are shown."""
        held = self.drop()
        shown = self._masked(held)
        return MASK.encode() if shown == held and len(held) >= SHORTEST else shown

    def drop(self) -> bytes:
        """Forget what is held back; returns it as it came."""
        held, self._held, self._since = self._held, b"", None
        return held

    def _masked(self, data: bytes) -> bytes:
        if ESCAPE in data:
            data = Uncoloured(data).replaced(self._mask.forms, MASK.encode())
        masked = self._mask.in_bytes(data)
        if masked is not data:
            # A value is there, or what looks like one: then each is looked for.
            self._work -= len(data) * len(self._sorted)
        return masked

    def _cut(self, data: bytes) -> int:
        """As `_open`, where a value may stand as it is or with colours in it."""
        view = Uncoloured(data)
        held = self._open(view.text)
        cut = min(self._open(data), view.place(held) if held < len(view.text) else len(data))
        while True:
            before = cut
            if (found := self._value_across(data, cut)) is not None:
                cut = found[0]
            if (found := self._value_across(view.text, view.index(cut))) is not None:
                cut = min(cut, view.place(found[0]))
            if cut == before:
                return cut

    def _open(self, data: bytes) -> int:
        """Where the part of `data` begins that more bytes may make a value of."""
        start = max(data.rfind(b"\n") + 1, data.rfind(b"\r") + 1, len(data) - self._longest + 1, 0)
        while True:
            at = self._beginning(data, start)
            across = self._value_across(data, at) if at < len(data) else None
            if across is None:
                return at
            start = across[1]

    def _beginning(self, data: bytes, start: int) -> int:
        """The first place from `start` on whose rest is the beginning of something longer."""
        for at in range(start, len(data)):
            if data[at] not in self._firsts:
                continue
            rest = data[at:]
            place = bisect_left(self._sorted, rest)
            # The text itself may be there as well; a longer one comes next to it.
            for form in self._sorted[place : place + 2]:
                if len(form) > len(rest) and form.startswith(rest):
                    return at
        return len(data)

    def _value_across(self, data: bytes, at: int) -> tuple[int, int] | None:
        """Begin and end of a whole value that begins before `at` and ends behind it."""
        for form in self._mask.forms:
            found = data.find(form, max(0, at - len(form) + 1), at + len(form) - 1)
            if found >= 0:
                return found, found + len(form)
        return None
