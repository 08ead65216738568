"""Errors of requests to the API server.

    KubeError
    ├── ConfigError            kubeconfig or in-cluster files are missing or invalid
    ├── Unreachable            no response: refused, timed out, unknown host; or no JSON object
    └── ApiError               a response with a status of 400 or more
        ├── Unauthorized       401
        ├── Forbidden          403
        ├── NotFound           404
        ├── Conflict           409: the object has changed
        │   └── AlreadyExists  409: an object of that name exists
        ├── Gone               410: the resourceVersion is too old
        ├── Invalid            422: the object breaks a rule; `causes` lists the fields
        ├── TooManyRequests    429; `retry_after` in seconds
        └── ServerError        500 and above

Messages contain at most 500 characters of a body, to keep secrets and noise out of logs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_MESSAGE_LIMIT = 500


class KubeError(Exception):
    """A request to the API server failed."""


class ConfigError(KubeError):
    """There is no usable configuration of the API server."""


class Unreachable(KubeError):
    """The API server did not respond."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One field of a refused object, and what is wrong with it."""

    field: str
    message: str


class ApiError(KubeError):
    """The API server responded with an error."""

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
    """409: the object has changed, or a precondition does not hold."""


class AlreadyExists(Conflict):
    """409: an object of that name exists."""


class Gone(ApiError):
    """410: the resourceVersion is too old; list again."""


class Invalid(ApiError):
    """422: the object breaks a rule."""


class TooManyRequests(ApiError):
    """429: try again after `retry_after` seconds."""


class ServerError(ApiError):
    """500 and above: the API server failed; the same request may succeed later."""


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
    """The error for a Kubernetes `Status` object, or for any other body of an error response."""
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
