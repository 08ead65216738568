"""The application: routes, the lock on every door, one shape of errors."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import structlog
from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from trainyard_api.model import FieldError
from trainyard_gateway import errors, metrics
from trainyard_gateway.routes import datasets, models, report, system, training
from trainyard_gateway.routes.deps import ProblemBody, services
from trainyard_gateway.services import running
from trainyard_gateway.settings import Settings
from trainyard_kube import KubeConfig

_log = structlog.get_logger()
_PROBLEM = "application/problem+json"


def create_app(settings: Settings, config: KubeConfig) -> FastAPI:
    """The gateway; nothing is opened before it starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with running(settings, config) as parts:
            app.state.services = parts
            yield

    described: dict[int | str, dict[str, Any]] = {
        code: {"model": ProblemBody, "description": title}
        for code, title in ((401, "Not authenticated"), (404, "Not found"), (422, "Invalid values"))
    }
    app = FastAPI(
        title="Trainyard",
        version="0.1.0",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    keyed: dict[str, Any] = {
        "prefix": "/api/v1",
        "dependencies": [Depends(_require_key)],
        "responses": described,
    }
    for module in (training, datasets, models, system):
        app.include_router(module.router, **keyed)
    app.include_router(report.router, prefix="/api/v1", responses=described)
    app.add_api_route("/livez", _alive, include_in_schema=False)
    app.add_api_route("/readyz", _ready, include_in_schema=False)
    app.add_api_route(
        "/api/v1/openapi.json",
        _openapi,
        dependencies=[Depends(_require_key)],
        include_in_schema=False,
    )
    app.middleware("http")(_identify)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["*"],
            allow_headers=["*"],
        )
    _handle_errors(app)
    return app


async def _require_key(request: Request) -> None:
    services(request).keys.require(request)


async def _alive() -> dict[str, str]:
    return {"status": "ok"}


async def _ready(request: Request, response: Response) -> dict[str, str]:
    """Ready once the sessions of the cluster are known."""
    parts = services(request)
    ready = parts.cache.synced.is_set()
    response.status_code = 200 if ready else 503
    return {"status": "ok" if ready else "waiting for the cluster"}


async def _openapi(request: Request) -> dict[str, Any]:
    app: FastAPI = request.app
    return app.openapi()


async def _identify(
    request: Request, call_next: Callable[[Request], Awaitable[Response]]
) -> Response:
    """Give every request an id, count it, and say when the cluster has not been heard for a while."""
    request.state.id = uuid.uuid4().hex
    with metrics.timed(request) as outcome:
        response = await call_next(request)
        outcome.status = response.status_code
    response.headers["X-Request-Id"] = request.state.id
    if services(request).cache.stale is not None:
        response.headers["Warning"] = '110 - "the cluster does not answer; this may be out of date"'
    return response


def _handle_errors(app: FastAPI) -> None:
    @app.exception_handler(errors.Problem)
    async def problem(request: Request, error: errors.Problem) -> Response:
        return _answer(
            request, error.status, error.title, error.detail, error.errors, error.headers
        )

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        fields = [
            FieldError(".".join(str(p) for p in e["loc"][1:]) or str(e["loc"][0]), e["msg"])
            for e in error.errors()
        ]
        detail = "; ".join(f"{f.field}: {f.message}" for f in fields[:5])
        return _answer(request, 422, "Invalid values", detail, fields)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        title = {404: "Not found", 405: "Method not allowed"}.get(error.status_code, "Error")
        detail = {
            404: f"there is nothing at {request.url.path}",
            405: f"{request.method} is not possible at {request.url.path}",
        }.get(error.status_code, str(error.detail))
        return _answer(request, error.status_code, title, detail, None, dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        identity = getattr(request.state, "id", "unknown")
        _log.error("unexpected error", request=identity, path=request.url.path, exc_info=error)
        return _answer(
            request, 500, "Internal error", f"something went wrong; the log has request {identity}"
        )


def _answer(
    request: Request,
    status: int,
    title: str,
    detail: str,
    fields: list[FieldError] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    content = errors.body(status, title, detail, request.url.path, fields)
    return JSONResponse(content, status, headers, media_type=_PROBLEM)
