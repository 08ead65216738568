"""The application: routes behind the gate, one shape of errors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse

from trainyard_gateway import problems
from trainyard_gateway.auth.keys import Scope
from trainyard_gateway.gate import Gate, Lock
from trainyard_gateway.problems import ProblemBody
from trainyard_gateway.routes import datasets, events, keys, models, report, system, training
from trainyard_gateway.routes.deps import allowed, services
from trainyard_gateway.services import Services, running
from trainyard_gateway.settings import Settings
from trainyard_kube import KubeConfig

VERSION = "0.1.0"
PREFIX = "/api/v1"
MODULES = (training, events, datasets, models, system, keys, report)
"""Every module of routes."""
_EXPOSED = (
    "X-Request-Id",
    "Location",
    "Retry-After",
    "ETag",
    "X-Content-SHA256",
    "X-Model-Version",
)


def create_app(settings: Settings, config: KubeConfig) -> FastAPI:
    """The gateway; nothing is opened before it starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with running(settings, config) as parts:
            app.state.services = parts
            yield

    app = FastAPI(
        title="Trainyard",
        version=VERSION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    add_routes(app)
    problems.install(app)

    def parts() -> Services:
        found: Services = app.state.services
        return found

    def lock() -> Lock:
        return parts().lock

    app.add_middleware(Gate, stale=lambda: parts().cache.stale is not None, lock=lock)
    if settings.cors_origins:
        # Outside of the gate: a browser asks beforehand without its key.
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["*"],
            expose_headers=list(_EXPOSED),
        )
    return app


def add_routes(app: FastAPI) -> None:
    """Every route there is."""
    described: dict[int | str, dict[str, Any]] = {
        code: {"model": ProblemBody, "description": title}
        for code, title in (
            (400, "Bad request"),
            (401, "Not authenticated"),
            (403, "Not permitted"),
            (404, "Not found"),
            (422, "Invalid values"),
            (429, "Too many requests"),
        )
    }
    for module in MODULES:
        app.include_router(module.router, prefix=PREFIX, responses=described)
    app.add_api_route("/livez", _alive, include_in_schema=False)
    app.add_api_route("/readyz", _ready, include_in_schema=False)
    app.add_api_route(
        "/api/v1/openapi.json",
        _openapi,
        dependencies=[allowed(Scope.SYSTEM_READ)],
        include_in_schema=False,
    )


async def _alive() -> dict[str, str]:
    return {"status": "ok"}


async def _ready(request: Request) -> Response:
    """Ready once the sessions of the cluster are known, and while every part runs."""
    parts = services(request)
    status, text = readiness(parts.background.ended(), parts.cache.synced.is_set())
    return JSONResponse({"status": text}, status)


def readiness(ended: list[str], synced: bool) -> tuple[int, str]:
    """Status code and sentence of /readyz. Pure."""
    if ended:
        return 503, f"ended: {', '.join(ended)}"
    return (200, "ok") if synced else (503, "waiting for the cluster")


async def _openapi(request: Request) -> dict[str, Any]:
    app: FastAPI = request.app
    return app.openapi()
