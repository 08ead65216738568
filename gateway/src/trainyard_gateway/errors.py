"""What goes wrong, as RFC 9457 problems.

SettingsError             the gateway cannot start
Problem                   an answer with a status; `detail` says what to do
├── BadRequest            400
├── NotAuthenticated      401
├── NotPermitted          403
├── NotFound              404
├── AlreadyThere          409
├── RequestTimeout        408
├── PreconditionFailed    412
├── TooLarge              413
├── UnsupportedMedia      415
├── RangeImpossible       416
├── Unprocessable         422; `errors` lists the fields
├── TooManyRequests       429; `Retry-After` says when
├── Unavailable           503
└── OutOfSpace            507
"""

from __future__ import annotations

import errno
import math
from typing import ClassVar

from trainyard_api.model import FieldError

MOST_ERRORS = 20
"""Wrong fields that an answer lists."""


class SettingsError(Exception):
    """The gateway cannot start."""


class Problem(Exception):
    """An answer with an error status."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"

    def __init__(
        self,
        detail: str,
        errors: list[FieldError] | None = None,
        headers: dict[str, str] | None = None,
        omitted: int = 0,
    ) -> None:
        """`omitted`: wrong fields that `errors` does not list."""
        super().__init__(detail)
        self.detail = detail
        self.errors = errors
        self.omitted = omitted
        self.headers = headers or {}


class BadRequest(Problem):
    """What was sent cannot be understood."""

    status, title = 400, "Bad request"


class NotAuthenticated(Problem):
    """No key, or not one that is known."""

    status, title = 401, "Not authenticated"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"})


class NotPermitted(Problem):
    """The credential is known but does not allow this."""

    status, title = 403, "Not permitted"


class NotFound(Problem):
    """Nothing of that name."""

    status, title = 404, "Not found"


class AlreadyThere(Problem):
    """The state of things does not allow it."""

    status, title = 409, "Conflict"


class RequestTimeout(Problem):
    """The client sends too slowly."""

    status, title = 408, "Request timeout"


class PreconditionFailed(Problem):
    """The resource is no longer the one that the request is about."""

    status, title = 412, "Precondition failed"


class TooLarge(Problem):
    """More bytes than accepted."""

    status, title = 413, "Too large"


class UnsupportedMedia(Problem):
    """A body of a kind that is not accepted."""

    status, title = 415, "Unsupported media type"


class RangeImpossible(Problem):
    """Bytes were asked for that are not there."""

    status, title = 416, "Range not satisfiable"


class Unprocessable(Problem):
    """Understood, but the values are not acceptable."""

    status, title = 422, "Invalid values"


class TooManyRequests(Problem):
    """Wait before the next request."""

    status, title = 429, "Too many requests"

    def __init__(self, detail: str, wait: float) -> None:
        super().__init__(detail, headers={"Retry-After": str(max(1, math.ceil(wait)))})


class Unavailable(Problem):
    """Something that the gateway needs does not answer; try again."""

    status, title = 503, "Not available"

    def __init__(self, detail: str, wait: float = 2) -> None:
        super().__init__(detail, headers={"Retry-After": str(math.ceil(wait))})


class OutOfSpace(Problem):
    """The volume is full."""

    status, title = 507, "Out of space"


def of_volume(error: BaseException) -> OutOfSpace | Unavailable | None:
    """The problem for a full or read-only volume, as the system or SQLite reports it; else None."""
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if full or "database or disk is full" in str(error):
        return OutOfSpace("the volume is full; delete datasets or models first")
    fixed = isinstance(error, OSError) and error.errno == errno.EROFS
    if fixed or "attempt to write a readonly database" in str(error):
        return Unavailable(
            "the volume is read-only; an administrator must look at it, then try again"
        )
    return None
