"""The middleware around every route: request ids, authentication, body limits, errors, metrics.

Guarantees:

- Without a valid API key or login nothing is reachable but `/livez`, `/readyz`, the files of the
  web page, the routes that begin single sign-on, and the routers whose policy says that they verify
  a pod's token themselves.
- Nothing of a body is read before authentication.
- Bodies are bounded by the policy of their router in bytes, JSON values and seconds, unless the
  route lifts the bound to stream them.
- Few requests of a key are worked on at once, and its unread answers have a bound.
- What a request changed is in the audit log before its answer begins.
- Every response carries a request id, and every error has the same shape (RFC 9457).
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
from trainyard_gateway.audit.trail import AuditTrail
from trainyard_gateway.auth import pod_tokens
from trainyard_gateway.auth.authenticator import Authenticator, bearer
from trainyard_gateway.auth.keys import Caller
from trainyard_gateway.errors import Problem, TooLarge, UnsupportedMedia
from trainyard_gateway.http import audited, problems
from trainyard_gateway.http.body import read_body
from trainyard_gateway.http.policy import BodyBound, RouterPolicies, RouterPolicy
from trainyard_gateway.http.unread_answers import UnreadAnswers
from trainyard_gateway.http.web_page import is_page
from trainyard_gateway.request_slots import RequestSlots, Slot
from trainyard_gateway.store.errors import is_unavailable

PROBES = frozenset({"/livez", "/readyz"})
"""Paths that need no credential."""

_PROCESS_ID = secrets.token_hex(8)
_NUMBERS = itertools.count(1)
"""A request id is the process id and a number: unique without a system call per request."""

_CLIENT_GONE = 499
"""Status in logs and metrics of a request whose client disconnected before its response."""
_MOST_OF_ERROR = 300
_READ = ("body", "asked")
"""What of a request's state takes as much memory as its body: nothing once its answer begins."""

_log = structlog.get_logger()
_NOSNIFF = (b"x-content-type-options", b"nosniff")
_STALE = (b"warning", b'110 - "the cluster does not answer; this may be out of date"')


class _Answer:
    """What is sent for a request, with the headers that all answers have."""

    def __init__(
        self, scope: Scope, send: Send, stale: Callable[[], bool], trail: Callable[[], AuditTrail]
    ) -> None:
        self._id = f"{_PROCESS_ID}{next(_NUMBERS):016x}"
        scope.setdefault("state", {})["id"] = self._id
        self._send, self._stale, self._scope, self._trail = send, stale, scope, trail
        self.status, self.started, self.last_bytes = 500, False, 0
        self.slot: Slot | None = None
        """Of the request, until its answer begins."""

    def end_slot(self) -> None:
        """Let the next request of the key begin."""
        if self.slot is not None:
            self.slot.end()

    async def send(self, message: Message) -> None:
        """Pass a message on."""
        self.last_bytes = len(message.get("body", b""))
        if message["type"] == "http.response.start":
            self.end_slot()
            await audited.note(self._trail, self._scope, message)
            # An answer may wait long until it is read.
            for read in _READ:
                self._scope["state"].pop(read, None)
            self.status, self.started = message["status"], True
            headers = [*message["headers"], (b"x-request-id", self._id.encode()), _NOSNIFF]
            if self._stale():
                headers.append(_STALE)
            message = {**message, "headers": headers}
        await self._send(message)


class RequestMiddleware:
    """Handles what all requests have in common, and passes them to the application."""

    def __init__(
        self,
        app: ASGIApp,
        stale: Callable[[], bool],
        authenticator: Callable[[], Authenticator],
        policies: RouterPolicies,
        trail: Callable[[], AuditTrail],
    ) -> None:
        """`stale`: whether the session cache may be out of date."""
        self._app, self._stale, self._authenticator = app, stale, authenticator
        self._trail = trail
        self._policies = policies
        self._slots, self._unread = RequestSlots(), UnreadAnswers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, answer = time.perf_counter(), _Answer(scope, send, self._stale, self._trail)
        state = scope["state"]
        try:
            policy = self._policies.of(scope["path"])
            if (caller := await self._check(scope, state, policy)) is not None:
                answer.slot = await self._slots.begin(caller.key_id)
                self._unread.require_room(caller.key_id)
            state["body_bound"] = policy.body
            await self._app(scope, _bounded(scope, receive), answer.send)
        except Problem as error:
            await problems.of_problem(scope, error)(scope, receive, answer.send)
        except Exception as error:
            if answer.started:
                raise
            await _unexpected(scope, error)(scope, receive, answer.send)
        finally:
            answer.end_slot()
            telemetry.count(scope, answer.status, time.perf_counter() - started)
        if "caller" in state:
            await self._unread.until_taken(scope, state["caller"].key_id, answer.last_bytes)

    async def _check(
        self, scope: Scope, state: dict[str, Any], policy: RouterPolicy
    ) -> Caller | None:
        """Authenticate the caller and refuse packed bodies. Raises Problem.

        Returns the owner of the key; None where no key is needed.
        """
        if scope["path"] in PROBES or is_page(scope):
            return None
        caller = None
        if policy.api_key and not (policy.pods and _is_of_pod(scope)):
            authenticator = self._authenticator()
            caller = authenticator.authenticate(scope, basic=policy.basic)
            await authenticator.confirm(scope, caller)
            state["caller"] = caller
        encodings = [value for name, value in scope["headers"] if name == b"content-encoding"]
        if any(value.lower() != b"identity" for value in encodings):
            raise UnsupportedMedia(
                "send the body without Content-Encoding: nothing is unpacked here"
            )
        return caller


def _is_of_pod(scope: Scope) -> bool:
    """Whether a request comes with what looks like the token of a pod. It is not verified here."""
    token = bearer(Headers(scope=scope))
    return token is not None and pod_tokens.claims_of(token) is not None


def _unexpected(scope: Scope, error: Exception) -> Response:
    if isinstance(error, ClientDisconnect):
        # No client reads this response. The route has removed what it had received.
        return Response(status_code=_CLIENT_GONE)
    where = {"request": scope["state"]["id"], "path": scope["path"]}
    if is_unavailable(error):
        # One line for each request: without a database there are many.
        _log.warning("the database does not answer", **where, error=f"{error!r}"[:_MOST_OF_ERROR])
    else:
        _log.error("unexpected error", **where, exc_info=error)
    return problems.of_unexpected(scope, error)


def _bounded(scope: Scope, receive: Receive) -> Receive:
    """`receive` that reads the body whole within `state["body_bound"]`.

    A route that streams lifts the bound, and gets the body in pieces.
    """
    state, is_read = scope["state"], False
    declared = Headers(scope=scope).get("content-length", "0")

    async def bounded() -> Message:
        nonlocal is_read
        bound: BodyBound | None = state["body_bound"]
        if bound is None or is_read:
            return await receive()
        is_read = True
        try:
            _require_declared(declared, bound)
            body = await read_body(receive, bound)
            state["body"] = body
        except ClientDisconnect:
            return {"type": "http.disconnect"}
        except Problem as error:
            # FastAPI reads the body, and passes only this type of exception on unchanged.
            raise HTTPException(error.status, error.detail) from error
        return {"type": "http.request", "body": body, "more_body": False}

    return bounded


def _require_declared(declared: str, bound: BodyBound) -> None:
    most = bound.most_bytes
    if most is not None and declared.isdigit() and int(declared[:20]) > most:
        raise TooLarge(f"the body has {declared[:20]} bytes; at most {most} are accepted here")
