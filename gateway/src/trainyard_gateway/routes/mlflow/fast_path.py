"""The fast path for values that MLflow's clients log, in front of the framework.

Programs log by one call at each step. These calls skip the framework's middleware, the search
through routes and the resolution of dependencies. The routes of `routes.mlflow.runs` do the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import orjson
from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from trainyard_gateway.auth import keys
from trainyard_gateway.errors import Problem
from trainyard_gateway.mlflow.runs import Runs
from trainyard_gateway.mlflow.visitor import Visitor
from trainyard_gateway.mlflow.wire.requests import LogBatch, LogMetric
from trainyard_gateway.routes.deps import services_of
from trainyard_gateway.routes.mlflow import runs
from trainyard_gateway.routes.mlflow.deps import API, parsed, visitor_of


class _Operation(NamedTuple):
    endpoint: Callable[..., Any]
    """The route's own function, by which errors know that there is one."""
    log: Callable[[Runs, bytes, Visitor], Awaitable[object]]


_OPERATIONS = {
    f"{API}/runs/log-metric": _Operation(
        runs.log_metric, lambda door, body, by: door.log_metric(parsed(body, LogMetric), by)
    ),
    f"{API}/runs/log-batch": _Operation(
        runs.log_batch, lambda door, body, by: door.log_batch(parsed(body, LogBatch), by)
    ),
}


class LoggingFastPath:
    """ASGI middleware inside RequestMiddleware: answers POST of two paths, passes all else on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._routes = {path: Route(path, self._respond, methods=["POST"]) for path in _OPERATIONS}
        """Labels of these requests in the metrics."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Log values. Raises Problem, which RequestMiddleware turns into a response."""
        route = self._routes.get(scope["path"]) if scope["type"] == "http" else None
        if route is None or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        # As the router does: metrics name the route, and errors know that there is one.
        scope["route"], scope["endpoint"] = route, _OPERATIONS[scope["path"]].endpoint
        await self._respond(scope, receive, send)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        visitor = await visitor_of(request)
        visitor.require(keys.Scope.SESSIONS_WRITE)
        body = await _body(receive)
        door = services_of(request).mlflow.runs
        answer = orjson.dumps(await _OPERATIONS[scope["path"]].log(door, body, visitor))
        length = (b"content-length", str(len(answer)).encode())
        headers = [length, (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


async def _body(receive: Receive) -> bytes:
    """The body, which RequestMiddleware reads whole. Raises Problem and ClientDisconnect."""
    try:
        message = await receive()
    except HTTPException as error:
        # A body beyond its bound: the framework, which is not here, knows only this type.
        if isinstance(error.__cause__, Problem):
            raise error.__cause__ from error
        raise
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    return bytes(message["body"])
