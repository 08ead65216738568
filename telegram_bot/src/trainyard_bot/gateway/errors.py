"""What can go wrong with a call of the gateway, as values that the bot shows. Pure.

A `GatewayError` carries a `Problem`; `text.problems.problem` turns it into sentences. Errors of the
Bot API stay python-telegram-bot's own (`telegram.error.TelegramError`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import httpx

from trainyard import errors


class ProblemKind(StrEnum):
    """What happened to a call."""

    UNAUTHORIZED = "unauthorized"
    """401: the API key is not valid."""
    FORBIDDEN = "forbidden"
    """403: the API key lacks the scope."""
    NOT_FOUND = "not_found"
    """404 from the gateway itself."""
    CONFLICT = "conflict"
    """409: the state does not allow it."""
    INVALID = "invalid"
    """422: fields are wrong; `Problem.fields` lists them."""
    TOO_MANY_REQUESTS = "too_many_requests"
    """429."""
    SERVER_ERROR = "server_error"
    """500 and the other 5xx."""
    UNAVAILABLE = "unavailable"
    """502, 503 or 504: the gateway or a proxy before it is not ready."""
    TIMEOUT = "timeout"
    """No answer to a read before the deadline."""
    UNKNOWN_OUTCOME = "unknown_outcome"
    """No answer to a write: it may have been done."""
    UNREACHABLE = "unreachable"
    """No connection: nothing was done."""
    NOT_THE_GATEWAY = "not_the_gateway"
    """An answer that is not in the gateway's form, such as a proxy's page."""
    OTHER = "other"
    """Any other refusal."""


PASSING: Final = frozenset(
    {
        ProblemKind.TOO_MANY_REQUESTS,
        ProblemKind.SERVER_ERROR,
        ProblemKind.UNAVAILABLE,
        ProblemKind.TIMEOUT,
        ProblemKind.UNKNOWN_OUTCOME,
        ProblemKind.UNREACHABLE,
        ProblemKind.NOT_THE_GATEWAY,
    }
)
"""Problems that can pass without anybody's action: the same call may succeed later."""

KIND_OF_STATUS: Final = {
    401: ProblemKind.UNAUTHORIZED,
    403: ProblemKind.FORBIDDEN,
    404: ProblemKind.NOT_FOUND,
    409: ProblemKind.CONFLICT,
    422: ProblemKind.INVALID,
    429: ProblemKind.TOO_MANY_REQUESTS,
    502: ProblemKind.UNAVAILABLE,
    503: ProblemKind.UNAVAILABLE,
    504: ProblemKind.UNAVAILABLE,
}


@dataclass(frozen=True, slots=True)
class Problem:
    """A failed call for people.

    `detail` is the gateway's own sentence, `fields` holds (field, what is wrong with it),
    `retry_after` is in seconds.
    """

    kind: ProblemKind
    detail: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    retry_after: float | None = None


class GatewayError(Exception):
    """A call of the gateway did not succeed; `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.kind}: {problem.detail}" if problem.detail else problem.kind)
        self.problem = problem

    @property
    def passing(self) -> bool:
        """Whether the same call may succeed later."""
        return self.problem.kind in PASSING


def problem_of(
    error: errors.TrainyardError, no_answer: ProblemKind = ProblemKind.TIMEOUT
) -> Problem:
    """The problem behind an error of the client; `no_answer` is the kind if there was no answer."""
    if isinstance(error, errors.ApiError):
        return _refused(error)
    if isinstance(error, errors.Unreachable):
        return Problem(kind_of_silence(error.__cause__, no_answer))
    if isinstance(error, errors.BadAnswer):
        return Problem(ProblemKind.NOT_THE_GATEWAY)
    return Problem(ProblemKind.OTHER, str(error))


def kind_of_silence(error: BaseException | None, no_answer: ProblemKind) -> ProblemKind:
    """What a transport error means; without a connection, nothing was done."""
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
        return ProblemKind.UNREACHABLE
    late = isinstance(error, httpx.TimeoutException)
    if late or no_answer is ProblemKind.UNKNOWN_OUTCOME:
        return no_answer
    return ProblemKind.UNREACHABLE


def _refused(error: errors.ApiError) -> Problem:
    default = ProblemKind.SERVER_ERROR if error.status >= 500 else ProblemKind.OTHER
    kind = KIND_OF_STATUS.get(error.status, default)
    if "type" not in error.problem:
        # Not RFC 9457: a proxy answered, and its page says nothing to people.
        kind = kind if error.status >= 500 else ProblemKind.NOT_THE_GATEWAY
        return Problem(kind, retry_after=error.retry_after)
    fields = tuple(
        (str(one.get("field") or "request"), str(one.get("message", ""))) for one in error.errors
    )
    detail = "" if fields and kind is ProblemKind.INVALID else error.problem.get("detail") or ""
    return Problem(kind, str(detail), fields, error.retry_after)
