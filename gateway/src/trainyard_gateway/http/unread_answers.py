"""Answers that their callers do not take, by key: the gateway holds a bounded number of bytes.

The system keeps some megabytes for each connection. What exceeds them stays in the gateway's memory
until the caller reads on, or the deadline for it is over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable

from starlette.types import Scope

from trainyard_gateway.errors import TooManyRequests

TAKEN = "trainyard.answer.taken"
"""Extension of the scope: an awaitable function that returns when the transport's buffer is small
again, or the caller is gone."""
MOST_BYTES = 24 << 20
"""Bytes of the answers of one key that are not taken."""
SMALL_BYTES = 64 << 10
"""Up to this size an answer is not counted: a connection has a buffer of this size anyway."""
_RETRY_SECONDS = 1.0


class UnreadAnswers:
    """Bytes by key."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._bytes: Counter[str] = Counter()

    @property
    def total(self) -> int:
        """Bytes of all keys."""
        return self._bytes.total()

    def require_room(self, key: str) -> None:
        """Raises TooManyRequests while a key leaves too much unread."""
        if self._bytes[key] >= self._most:
            raise TooManyRequests(
                f"more than {self._most >> 20} MiB of answers to this key wait to be read; "
                "read them, or close their connections",
                _RETRY_SECONDS,
            )

    async def until_taken(self, scope: Scope, key: str, size: int) -> None:
        """Count `size` bytes that were written until their caller has taken them."""
        taken: Callable[[], Awaitable[None]] | None
        taken = (scope.get("extensions") or {}).get(TAKEN)
        if taken is None or size <= SMALL_BYTES:
            return
        self._bytes[key] += size
        try:
            await taken()
        finally:
            self._bytes[key] -= size
            if not self._bytes[key]:
                del self._bytes[key]
