"""The fast path for values that MLflow's clients log, in front of the router.

Programs log by one call at each step. These calls skip the search through routes and the resolution
of dependencies; the functions that answer them are those of `routes.mlflow.runs`.
"""

from __future__ import annotations

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from trainyard_gateway.auth import keys
from trainyard_gateway.errors import Problem
from trainyard_gateway.routes.deps import services_of
from trainyard_gateway.routes.mlflow import runs
from trainyard_gateway.routes.mlflow.deps import API, visitor_of

_OPERATIONS = {
    f"{API}/runs/log-metric": runs.log_metric,
    f"{API}/runs/log-batch": runs.log_batch,
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
        scope["route"], scope["endpoint"] = route, _OPERATIONS[scope["path"]]
        try:
            await self._respond(scope, receive, send)
        except HTTPException as error:
            # A body beyond its bound: the framework, which is not here, knows only this type.
            if isinstance(error.__cause__, Problem):
                raise error.__cause__ from error
            raise

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        visitor = await visitor_of(request)
        visitor.require(keys.Scope.SESSIONS_WRITE)
        door = services_of(request).mlflow
        answer = await scope["endpoint"](request, door, visitor)
        await answer(scope, receive, send)
