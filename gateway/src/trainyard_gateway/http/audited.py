"""Writes the event of a request into the audit log before its answer begins."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.types import Message, Scope

from trainyard_gateway.audit.event import Channel
from trainyard_gateway.audit.requests import API_ROOT, METHODS, Asked, Who, event_of, is_event
from trainyard_gateway.audit.trail import AuditTrail
from trainyard_gateway.auth.authenticator import key_of
from trainyard_gateway.auth.client_address import client_address
from trainyard_gateway.auth.keys import Caller
from trainyard_gateway.errors import Problem
from trainyard_gateway.mlflow.visitor import Visitor

BOT_AGENT: Final = "trainyard-bot"
"""What the Telegram bot calls itself."""
_NAMES: Final = ("experiment_id", "run_id", "model_id", "name")


async def note(trail: Callable[[], AuditTrail], scope: Scope, message: Message) -> None:
    """Write the event of a request, if it is one; `message` begins its answer."""
    if scope["method"] not in METHODS:
        return
    path = str(getattr(scope.get("route"), "path", ""))
    if scope["path"].startswith(f"{API_ROOT}/"):
        path = API_ROOT + path  # Routers are included below it.
    if not is_event(scope["method"], path) or (who := _who(scope)) is None:
        return
    state = scope["state"]
    if state.get("dry_run"):
        return
    headers = Headers(raw=list(message.get("headers", ())))
    named, uid = state.get("audited") or (_named(state.get("asked")), "")
    asked = Asked(
        scope["method"],
        path,
        {"name": named} if uid else scope.get("path_params") or {},
        named,
        headers.get("location", ""),
        state.get("body") or b"",
    )
    now = time.time_ns() // 1000
    await trail().note(event_of(asked, who, message["status"], now, state.get("id", ""), uid))


def _who(scope: Scope) -> Who | None:
    """Who sent a request; None of a request without a verified credential."""
    client = client_address(scope)
    state = scope["state"]
    caller: Caller | None = state.get("caller")
    if caller is not None:
        return Who(caller.name, _channel(Headers(scope=scope)), caller.key_id, client)
    visitor: Visitor | None = state.get("visitor")
    if visitor is not None and visitor.session_uid is not None:
        return Who(visitor.user.name, Channel.PROGRAM, visitor.session_uid, client)
    return None


def _channel(headers: Headers) -> Channel:
    if headers.get("user-agent", "") == BOT_AGENT:
        return Channel.BOT
    try:
        key = key_of(headers, basic=True)
    except Problem:
        return Channel.KEY
    return Channel.KEY if key is not None else Channel.BROWSER


def _named(asked: Any) -> str:
    """What a request of MLflow's protocol is about."""
    found = (getattr(asked, name, None) for name in _NAMES)
    return next((str(name) for name in found if name), "")
