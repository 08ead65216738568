"""What can go wrong when talking to the API server.

    KubeError
    ├── ConfigError            kubeconfig or in-cluster files are missing or not understood
    ├── Unreachable            no answer: refused, timed out, name not found
    └── ApiError               an answer with a status of 400 or more
        ├── Unauthorized       401
        ├── Forbidden          403
        ├── NotFound           404
        ├── Conflict           409: someone else changed the object
        │   └── AlreadyExists  409: an object of that name is there
        ├── Gone               410: the resourceVersion is too old
        ├── Invalid            422: the object breaks a rule; `causes` lists the fields
        ├── TooManyRequests    429; `retry_after` in seconds
        └── ServerError        500 and above

Bodies are cut short in messages, since an answer can carry what does not belong into a log.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_MESSAGE_LIMIT = 500


class KubeError(Exception):
    """The API server could not be used."""


class ConfigError(KubeError):
    """How to reach the API server is not known."""


class Unreachable(KubeError):
    """The API server gave no answer."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One field of a refused object and what is wrong with it."""

    field: str
    message: str


class ApiError(KubeError):
    """The API server answered with an error."""

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        causes: tuple[Cause, ...] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{status} {reason}: {message[:_MESSAGE_LIMIT]}")
        self.status = status
        self.reason = reason
        self.message = message[:_MESSAGE_LIMIT]
        self.causes = causes
        self.retry_after = retry_after


class Unauthorized(ApiError):
    """401: the credentials are not accepted."""


class Forbidden(ApiError):
    """403: the credentials do not allow this."""


class NotFound(ApiError):
    """404: no such object."""


class Conflict(ApiError):
    """409: the object changed meanwhile, or a precondition does not hold."""


class AlreadyExists(Conflict):
    """409: an object of that name is there already."""


class Gone(ApiError):
    """410: the resourceVersion is too old; list again."""


class Invalid(ApiError):
    """422: the object breaks a rule."""


class TooManyRequests(ApiError):
    """429: try again after `retry_after` seconds."""


class ServerError(ApiError):
    """500 and above."""


_BY_STATUS: dict[int, type[ApiError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
    429: TooManyRequests,
}


def from_status(body: dict[str, Any], http_status: int, retry_after: str | None = None) -> ApiError:
    """The error of a Kubernetes `Status` object (or of whatever came in its place)."""
    status = int(body.get("code") or http_status)
    reason = str(body.get("reason") or "Unknown")
    kind = _BY_STATUS.get(status, ServerError if status >= 500 else ApiError)
    if reason == "AlreadyExists":
        kind = AlreadyExists
    details = body.get("details") or {}
    causes = tuple(
        Cause(str(c.get("field", "")), str(c.get("message", "")))
        for c in details.get("causes") or ()
    )
    wait = details.get("retryAfterSeconds") or retry_after
    return kind(status, reason, str(body.get("message") or ""), causes, _seconds(wait))


def _seconds(value: object) -> float | None:
    try:
        return float(str(value)) if value is not None else None
    except ValueError:
        return None
