"""The short way for batches of reports, in front of the router.

Trainers send nearly all requests there are, so theirs take no search through routes and dependencies. What is answered is the same as by
the route of `routes.report`, which documents it: both call `routes.report.take`.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from trainyard_gateway.gate import REPORTS, bearer
from trainyard_gateway.routes import report
from trainyard_gateway.services import Services

PATH = f"{REPORTS}batches"


class Intake:
    """ASGI middleware inside the gate: answers POST of batches, passes everything else on."""

    def __init__(self, app: ASGIApp, parts: Callable[[], Services]) -> None:
        self._app, self._parts = app, parts
        # What the metrics of requests are labelled by.
        self._route = Route(PATH, self._answer, methods=["POST"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a batch. Raises Problem, which the gate turns into an answer."""
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        scope["route"] = self._route
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        parts = self._parts()
        trainer = await parts.identity.verify(bearer(request.headers))
        receipt = await report.take(request, parts, trainer)
        return Response(receipt.model_dump_json(by_alias=True), media_type="application/json")
