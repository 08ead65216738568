r"""A stream of bytes without the values of Secrets, also where a value comes in several pieces.

What may be the beginning of a value is held back until more comes, at most `HOLD_SECONDS`, and
never beyond the end of a line: what is looked for has none in it.
"""

from __future__ import annotations

from bisect import bisect_left

from trainyard.reporting.secret_mask import MASK, SHORTEST, SecretMask

HOLD_SECONDS = 10.0
"""As long as a line waits for its end before it is reported."""
WORK_PER_SECOND = 2e9
"""Bytes times texts that are looked for: mostly a quarter of a second of a processor's time."""
WORK_AT_ONCE = 8e9


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
        return self._work >= size * len(self._sorted)

    def feed(self, chunk: bytes, now: float) -> bytes:
        """What may be shown after `chunk` came."""
        if not self._sorted:
            return chunk
        self._work -= len(chunk) * len(self._sorted)
        data = self._held + chunk
        at = self._open(data)
        self._held = data[at:]
        if not self._held:
            self._since = None
        elif chunk:
            self._since = now
        return self._mask.in_bytes(data[:at])

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
        shown = self._mask.in_bytes(held)
        return MASK.encode() if shown == held and len(held) >= SHORTEST else shown

    def drop(self) -> bytes:
        """Forget what is held back; returns it as it came."""
        held, self._held, self._since = self._held, b"", None
        return held

    def _open(self, data: bytes) -> int:
        """Where the part of `data` begins that more bytes may make a value of."""
        start = max(data.rfind(b"\n") + 1, data.rfind(b"\r") + 1, len(data) - self._longest + 1, 0)
        while True:
            at = self._beginning(data, start)
            end = self._end_of_value_across(data, at) if at < len(data) else None
            if end is None:
                return at
            start = end

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

    def _end_of_value_across(self, data: bytes, at: int) -> int | None:
        """The end of a whole value that begins before `at` and ends behind it."""
        for form in self._mask.forms:
            found = data.find(form, max(0, at - len(form) + 1), at + len(form) - 1)
            if found >= 0:
                return found + len(form)
        return None
