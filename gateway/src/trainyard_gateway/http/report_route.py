"""The fast path for batches of reports, in front of the router.

Trainers send nearly all requests. Their batches skip the search through routes and the resolution
of dependencies. The route in `routes.report` documents the response; both call
`reports.accept_batch`.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from trainyard_gateway.http.reports import accept_batch
from trainyard_gateway.services import Services


class ReportFastPath:
    """ASGI middleware inside RequestMiddleware: answers POST of `path`, passes all else on."""

    def __init__(self, app: ASGIApp, services: Callable[[], Services], path: str) -> None:
        self._app, self._services, self._path = app, services, path
        self._route = Route(path, self._respond, methods=["POST"])
        """Label of these requests in the metrics."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Accept a batch. Raises Problem, which RequestMiddleware turns into a response."""
        if scope["type"] != "http" or scope["path"] != self._path or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        scope["route"] = self._route
        await self._respond(scope, receive, send)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        services = self._services()
        trainer = await services.tokens.trainer(scope)
        receipt = await accept_batch(receive, services, trainer)
        body = receipt.model_dump_json(by_alias=True).encode()
        length = (b"content-length", str(len(body)).encode())
        headers = [length, (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
