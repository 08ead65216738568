"""Calls to a server that may be away for a moment; each of them may be repeated."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import httpx

PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0)
"""Seconds between two tries."""
MOST_FAILURES = 3
"""How often a call is tried that the server answers with 500, or cuts."""
MOST_BEFORE_ANSWER = 2
"""How often a call is tried to a server that has answered none so far."""
_LONGEST_PAUSE = 60.0
_FULL = 507
"""There is no space, which will not change at once."""
_BUSY = frozenset({408, 425, 429, 502, 503, 504})


class Away(Exception):
    """The server does not answer, or is too busy; these words stand after its name."""


@dataclass
class Calls:
    """Makes calls to one server."""

    pauses: Sequence[float] = PAUSES
    pause: Callable[[float], None] = time.sleep
    answered: bool = False
    """Whether the server has answered any call."""

    def answer(self, send: Callable[[], httpx.Response]) -> httpx.Response:
        """The answer to a call. Raises Away, once it was tried often enough."""
        cut = 0
        for tries, pause in enumerate((*self.pauses, None), 1):
            try:
                response = send()
            except httpx.TransportError as error:
                problem, asked = f"does not answer ({str(error) or type(error).__name__})", 0.0
                # It has taken the call, and ended the connection.
                cut += isinstance(error, httpx.RemoteProtocolError)
            else:
                self.answered = True
                status = response.status_code
                failed = 500 <= status != _FULL
                if status not in _BUSY and (not failed or tries >= MOST_FAILURES):
                    return response
                problem, asked = f"answers with {status}", _seconds(response)
            given_up = cut >= MOST_FAILURES or (tries >= MOST_BEFORE_ANSWER and not self.answered)
            if pause is None or given_up:
                break
            self.pause(max(pause, asked))
        raise Away(problem)


def _seconds(response: httpx.Response) -> float:
    """How long the server wants to be left alone."""
    try:
        return min(max(float(response.headers.get("Retry-After", "")), 0.0), _LONGEST_PAUSE)
    except ValueError:
        return 0.0
