"""What can go wrong between this client and the gateway.

TrainyardError
├── Unreachable           no answer from the gateway
├── BadAnswer             an answer that is not the gateway's
├── HashMismatch          a download does not have the hash that the gateway named
└── ApiError              the gateway refused; `problem` is its RFC 9457 body
    ├── BadRequest        400
    ├── NotAuthenticated  401
    ├── NotPermitted      403
    ├── NotFound          404
    ├── Conflict          409
    ├── PreconditionFailed 412
    ├── Invalid           422; `errors` lists the fields
    ├── TooManyRequests   429; `retry_after` in seconds
    └── ServerError       500 and above
"""

from __future__ import annotations

import math
from typing import Any, Final

MAX_MESSAGE: Final = 2000
"""Characters of a message of the gateway that are kept."""
MAX_ERRORS: Final = 100
"""Wrong fields of a refusal that are kept."""


class TrainyardError(Exception):
    """Something between this client and the gateway went wrong."""


class Unreachable(TrainyardError):
    """No answer from the gateway."""


class BadAnswer(TrainyardError):
    """An answer that is not the gateway's."""


class HashMismatch(TrainyardError):
    """A download does not have the hash that the gateway named."""


class ApiError(TrainyardError):
    """The gateway refused: `status` is the HTTP status, `problem` the RFC 9457 body."""

    def __init__(
        self, status: int, problem: dict[str, Any], retry_after: float | None = None
    ) -> None:
        message = problem.get("detail") or problem.get("title") or f"status {status}"
        super().__init__(str(message)[:MAX_MESSAGE])
        self.status = status
        self.problem = problem
        self.retry_after = retry_after

    @property
    def errors(self) -> list[dict[str, str]]:
        """Fields that were wrong: `field`, `message`, `given`."""
        found = self.problem.get("errors")
        listed = found[:MAX_ERRORS] if isinstance(found, list) else []
        return [
            {str(name): str(value)[:MAX_MESSAGE] for name, value in one.items()}
            for one in listed
            if isinstance(one, dict)
        ]


class BadRequest(ApiError):
    """400: what was sent cannot be understood."""


class NotAuthenticated(ApiError):
    """401: no key, or not one that is known."""


class NotPermitted(ApiError):
    """403: the key does not allow this."""


class NotFound(ApiError):
    """404: nothing of that name."""


class Conflict(ApiError):
    """409: the state of things does not allow it."""


class PreconditionFailed(ApiError):
    """412: what was to be changed has another revision."""


class Invalid(ApiError):
    """422: the values are not acceptable."""


class TooManyRequests(ApiError):
    """429: too many requests; `retry_after` says for how many seconds to wait."""


class ServerError(ApiError):
    """500 and above: the gateway failed; the same request may succeed later."""


_BY_STATUS: dict[int, type[ApiError]] = {
    400: BadRequest,
    401: NotAuthenticated,
    403: NotPermitted,
    404: NotFound,
    409: Conflict,
    412: PreconditionFailed,
    422: Invalid,
    429: TooManyRequests,
}


def from_answer(status: int, body: Any, retry_after: str | None) -> ApiError:
    """The error of an answer."""
    problem = body if isinstance(body, dict) else {"title": "Error", "detail": str(body)[:500]}
    kind = _BY_STATUS.get(status, ServerError if status >= 500 else ApiError)
    return kind(status, problem, seconds_of(retry_after))


def seconds_of(retry_after: str | None) -> float | None:
    """The seconds of a Retry-After header; None for anything but a finite number from 0 on."""
    try:
        wait = float(retry_after or "")
    except ValueError:
        return None
    return wait if math.isfinite(wait) and wait >= 0 else None
