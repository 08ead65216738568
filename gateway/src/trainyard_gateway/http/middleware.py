"""The one door: every request passes here before any route sees it.

Guarantees: without a right key nothing is reachable but `/livez`, `/readyz` and, with a trainer's or monitor's own token, `/api/v1/report`;
nothing of a body is read before; bodies of ordinary requests are bounded; every answer carries a request id, and every error has one shape.
"""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Callable
from typing import Any

import structlog
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trainyard_gateway import telemetry
from trainyard_gateway.auth.authenticator import Authenticator
from trainyard_gateway.errors import (
    Problem,
    TooLarge,
    UnsupportedMedia,
)
from trainyard_gateway.http import problems

OPEN = frozenset({"/livez", "/readyz"})
REPORTS = "/api/v1/report/"
MAX_BODY = 1 << 20
"""Bytes of an ordinary request's body."""
_STREAMED = ("/api/v1/datasets", "/api/v1/models", "/api/v1/uploads/", REPORTS)
"""Their routes count for themselves."""

_START = secrets.token_hex(8)
_NUMBERS = itertools.count(1)
"""A request's id is this process's start and a number: unlike any other's, and made without asking the system each time."""

_GONE = 499
"""What logs and figures say of a client that left before its answer."""

_log = structlog.get_logger()
_NOSNIFF = (b"x-content-type-options", b"nosniff")
_STALE = (b"warning", b'110 - "the cluster does not answer; this may be out of date"')


class RequestMiddleware:
    """ASGI middleware around the whole application."""

    def __init__(
        self, app: ASGIApp, stale: Callable[[], bool], authenticator: Callable[[], Authenticator]
    ) -> None:
        self._app, self._stale, self._authenticator = app, stale, authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500
        state = scope.setdefault("state", {})
        state["id"] = f"{_START}{next(_NUMBERS):016x}"
        answered = False

        async def answer(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status, answered = message["status"], True
                headers = [*message["headers"], (b"x-request-id", state["id"].encode()), _NOSNIFF]
                if self._stale():
                    headers.append(_STALE)
                message = {**message, "headers": headers}
            await send(message)

        try:
            self._enter(scope, state)
            await self._app(scope, _bounded(scope, receive), answer)
        except Problem as error:
            await problems.of_problem(scope, error)(scope, receive, answer)
        except Exception as error:
            if answered:
                raise
            await _unexpected(scope, error)(scope, receive, answer)
        finally:
            telemetry.count(scope, status, time.perf_counter() - started)

    def _enter(self, scope: Scope, state: dict[str, Any]) -> None:
        path = scope["path"]
        if path in OPEN:
            return
        if not path.startswith(REPORTS):
            state["caller"] = self._authenticator().authenticate(scope)
        encodings = [value for name, value in scope["headers"] if name == b"content-encoding"]
        if any(value.lower() != b"identity" for value in encodings):
            raise UnsupportedMedia(
                "send the body without Content-Encoding: nothing is unpacked here"
            )


def _unexpected(scope: Scope, error: Exception) -> Response:
    if isinstance(error, ClientDisconnect):
        # Nobody hears it; what had come is removed by whoever received it.
        return Response(status_code=_GONE)
    _log.error("unexpected error", request=scope["state"]["id"], path=scope["path"], exc_info=error)
    return problems.of_unexpected(scope, error)


def _bounded(scope: Scope, receive: Receive) -> Receive:
    """Bodies of ordinary requests end at MAX_BODY."""
    if scope["path"].startswith(_STREAMED):
        return receive
    declared = Headers(scope=scope).get("content-length", "0")
    if declared.isdigit() and int(declared[:20]) > MAX_BODY:
        raise TooLarge(f"the body has {declared} bytes; at most {MAX_BODY} are accepted here")
    seen = 0

    async def count() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > MAX_BODY:
            # FastAPI reads bodies and lets this one kind of exception through as it is.
            raise HTTPException(413, f"at most {MAX_BODY} bytes are accepted here")
        return message

    return count
