"""The short way for batches of reports, in front of the router.

Trainers send nearly all requests there are, so theirs take no search through routes and dependencies. What is answered is the same as by
the route of `routes.report`, which documents it: both call `routes.report.take`.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from trainyard_gateway.auth.authenticator import bearer
from trainyard_gateway.http.middleware import REPORTS
from trainyard_gateway.routes import report
from trainyard_gateway.services import Services

PATH = f"{REPORTS}batches"
_ROUTE = Route(PATH, report.batches, methods=["POST"])
"""What the metrics of requests are labelled by."""


class ReportFastPath:
    """ASGI middleware inside the gate: answers POST of batches, passes everything else on."""

    def __init__(self, app: ASGIApp, services: Callable[[], Services]) -> None:
        self._app, self._services = app, services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a batch. Raises Problem, which the gate turns into an answer."""
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        scope["route"] = _ROUTE
        services = self._services()
        trainer = await services.identity.verify(bearer(Headers(scope=scope)))
        receipt = await report.take(receive, services, trainer)
        body = receipt.model_dump_json(by_alias=True).encode()
        length = (b"content-length", str(len(body)).encode())
        headers = [length, (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
