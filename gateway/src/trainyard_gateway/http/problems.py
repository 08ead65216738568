"""Errors as answers: RFC 9457 problems, all of one shape."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import Scope

from trainyard_api.model import FieldError, OpenModel, clip
from trainyard_api.visible_text import visible
from trainyard_gateway import errors
from trainyard_gateway.mlflow.wire import errors as mlflow_errors
from trainyard_gateway.store.errors import is_unavailable

MEDIA_TYPE = "application/problem+json"
MOST_DETAIL = 2048
MOST_FIELD = 256
MOST_MESSAGE = 512
MOST_PATH = 1024
"""Characters of a sentence, of a field's place, of what is wrong with it, and of a path."""
_TITLES = {413: errors.TooLarge.title, 408: errors.RequestTimeout.title}
"""Titles of statuses whose phrase differs between versions of Python."""


class FieldProblem(OpenModel):
    """One wrong field."""

    field: str
    """Where, such as training.epochs; empty for a rule about several fields."""
    message: str
    """What is accepted."""
    given: str | None = None
    """What was given, cut short."""


class ProblemBody(OpenModel):
    """An error (RFC 9457)."""

    type: str
    """Always about:blank: title and status say what kind it is."""
    title: str
    """The kind of problem."""
    status: int
    """The HTTP status."""
    detail: str
    """What happened and what to do."""
    instance: str
    """Path of the request."""
    request_id: str
    """Id of the request, as in the log and in X-Request-Id."""
    errors: list[FieldProblem] = []
    """Wrong fields, when there are any; at most 20."""
    errors_omitted: int | None = None
    """Number of further wrong fields, when there are any."""


@dataclass(frozen=True, slots=True)
class WrongFields:
    """Wrong fields of a request, and the number of those that are not listed."""

    errors: list[FieldError]
    omitted: int = 0


def of_problem(scope: Scope, error: errors.Problem) -> Response:
    """A Problem's answer."""
    fields = WrongFields(error.errors, error.omitted) if error.errors else None
    return answer(scope, error.status, error.title, error.detail, fields, error.headers)


def of_unexpected(scope: Scope, error: BaseException) -> Response:
    """The response to an unexpected error: the request id, without details.

    A full volume and an unreachable database have their own problems.
    """
    volume = errors.of_volume(error)
    if volume is not None:
        return of_problem(scope, volume)
    if is_unavailable(error):
        return of_problem(scope, errors.Unavailable("the database does not answer; try again"))
    detail = f"something went wrong; the log has request {scope['state']['id']}"
    return answer(scope, 500, "Internal error", detail)


def add_exception_handlers(app: FastAPI, methods: Callable[[str], Iterable[str]]) -> None:
    """Answer every error in one shape. `methods` returns the HTTP methods of a path."""

    @app.exception_handler(errors.Problem)
    async def problem(request: Request, error: errors.Problem) -> Response:
        return of_problem(request.scope, error)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        _release(error)
        found = error.errors()
        fields = [_field(e) for e in found[: errors.MOST_ERRORS]]
        detail = "; ".join(f"{f.field}: {f.message}" for f in fields[:5])
        wrong = errors.Unprocessable(detail, fields, omitted=len(found) - len(fields))
        return of_problem(request.scope, wrong)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        _release(error)
        path = request.url.path
        title = _TITLES.get(error.status_code, HTTPStatus(error.status_code).phrase.capitalize())
        detail = {
            404: f"there is nothing at {path}",
            405: f"{request.method} is not possible at {path}",
        }.get(error.status_code, str(error.detail))
        headers = dict(error.headers or {})
        if error.status_code == 405:
            # The framework names only those of the first route that fits the path.
            headers["Allow"] = ", ".join(sorted(methods(path)))
        return answer(request.scope, error.status_code, title, detail, None, headers)


def answer(
    scope: Scope,
    status: int,
    title: str,
    detail: str,
    fields: WrongFields | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """A problem as a response of at most a few kilobytes; MLflow's clients get MLflow's shape."""
    if scope["path"].startswith(f"{mlflow_errors.ROOT}/"):
        return _of_mlflow(scope, status, detail, fields, headers)
    content: dict[str, Any] = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": _shown(detail, MOST_DETAIL),
        "instance": _shown(scope["path"], MOST_PATH),
        "requestId": scope["state"]["id"],
    }
    if fields:
        listed = fields.errors[: errors.MOST_ERRORS]
        content["errors"] = [
            {
                "field": _shown(f.field, MOST_FIELD),
                "message": _shown(f.message, MOST_MESSAGE),
                **({"given": _shown(f.given)} if f.given else {}),
            }
            for f in listed
        ]
        if omitted := fields.omitted + len(fields.errors) - len(listed):
            content["errorsOmitted"] = omitted
    return JSONResponse(content, status, headers, media_type=MEDIA_TYPE)


def _of_mlflow(
    scope: Scope,
    status: int,
    detail: str,
    fields: WrongFields | None,
    headers: dict[str, str] | None,
) -> Response:
    known = status != 404 or "endpoint" in scope
    status, code = mlflow_errors.of_status(status, known)
    wrong = (
        "; ".join(f"{_shown(f.field)}: {f.message}" for f in fields.errors[:5]) if fields else ""
    )
    message = f"{detail}: {wrong}" if wrong and wrong not in detail else detail
    content = {"error_code": code, "message": _shown(message, MOST_DETAIL)}
    return JSONResponse(content, status, headers)


def _release(error: BaseException | None) -> None:
    """Break the circles between an error, its causes and their frames.

    They hold the body of the request, and only the garbage collector would end them, much later.
    """
    while error is not None:
        error.__traceback__ = None
        cause = error.__cause__ or error.__context__
        error.__cause__ = error.__context__ = None
        error = cause


def _field(error: Any) -> FieldError:
    """A field that FastAPI found wrong.

    The given value is shown if it is a single value. Values of headers are not: they hold keys.
    """
    where = error["loc"][0]
    place = ".".join(str(p) for p in error["loc"][1:]) or str(where)
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        message = "unknown field"
    given = error.get("input")
    shown = given is not None and not isinstance(given, (dict, list)) and where != "header"
    return FieldError(place, message, repr(given)[:80] if shown else None)


def _shown(text: str, most: int = 80) -> str:
    """`text` on one line, of at most `most` characters."""
    return clip(visible(text[: most + 1]), most)
