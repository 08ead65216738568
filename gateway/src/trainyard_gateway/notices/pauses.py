"""Receivers to which nothing is sent for a while, since the last try failed. Pure.

Without pauses a receiver that does not answer would take a place for as many tries as notices wait
for it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from trainyard_gateway.notices.schedule import LONGEST_RETRY_AFTER, PAUSES

LONGEST_PAUSE: Final = 600.0
"""Seconds. A receiver that works again gets its notices after this time at the latest, unless it
asked for a longer pause."""


class _Pause(NamedTuple):
    failures: int
    """In a row."""
    until: float


class Pauses:
    """The pauses of receivers, in one gateway. Times are seconds since the epoch."""

    def __init__(self) -> None:
        self._pauses: dict[str, _Pause] = {}

    def failed(self, receiver: str, now: float, retry_after: float | None) -> None:
        """A try failed; `retry_after` are the seconds that the receiver asks for."""
        known = self._pauses.get(receiver)
        failures = 1 if known is None else known.failures + 1
        pause = min(PAUSES[min(failures, len(PAUSES)) - 1], LONGEST_PAUSE)
        asked = min(retry_after or 0.0, LONGEST_RETRY_AFTER)
        self._pauses[receiver] = _Pause(failures, now + max(pause, asked))

    def end(self, receiver: str) -> None:
        """The receiver answers, or is to be tried at once."""
        self._pauses.pop(receiver, None)

    def paused(self, now: float) -> dict[str, float]:
        """When the pauses end that have not ended at `now`, by receiver.

        What has ended long ago is forgotten, so that no receiver that is deleted stays known.
        """
        over = [r for r, pause in self._pauses.items() if pause.until + 2 * LONGEST_PAUSE < now]
        for receiver in over:
            del self._pauses[receiver]
        return {r: pause.until for r, pause in self._pauses.items() if pause.until > now}
