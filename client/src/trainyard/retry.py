"""When a call is sent again, and after how long. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from trainyard.errors import ApiError, TooManyRequests, TrainyardError, Unreachable


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a call is sent at most, and the bounds of the pauses between."""

    attempts: int = 5
    first_pause_seconds: float = 0.2
    longest_pause_seconds: float = 5.0
    longest_retry_after_seconds: float = 120.0
    """A gateway that asks for a longer pause is not asked again; the error has its Retry-After."""


RETRIES: Final = Retries()
_PASSING = frozenset({502, 503, 504})
# Not `random`: a program that seeds it would make all its workers retry at the same moment.
_JITTER = random.SystemRandom()


def pause_before_retry(
    error: TrainyardError, attempt: int, repeatable: bool, retries: Retries = RETRIES
) -> float | None:
    """Seconds to wait before attempt number `attempt + 1` (1-based), None to give up.

    Full jitter (Brooker, "Exponential Backoff And Jitter", 2015), at least the server's
    Retry-After.
    """
    if attempt >= retries.attempts:
        return None
    asked = error.retry_after if isinstance(error, ApiError) else None
    if asked is not None and asked > retries.longest_retry_after_seconds:
        return None
    # After a proxy's 502 or 504, or no response, the gateway may have carried out the request.
    unclear = isinstance(error, Unreachable) or (
        isinstance(error, ApiError) and error.status in _PASSING
    )
    if not isinstance(error, TooManyRequests) and not (unclear and repeatable):
        return None
    ceiling = min(retries.longest_pause_seconds, retries.first_pause_seconds * 2**attempt)
    return max(asked or 0.0, _JITTER.uniform(0, ceiling))
