"""The application: routes, the middleware around them, one shape of errors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.routing import compile_path
from starlette.types import ASGIApp, Lifespan

from trainyard_gateway.auth.authenticator import Authenticator
from trainyard_gateway.auth.keys import Scope
from trainyard_gateway.http import problems, web_page
from trainyard_gateway.http.middleware import RequestMiddleware
from trainyard_gateway.http.openapi.document import text_of
from trainyard_gateway.http.policy import DEFAULT, RouterPolicies
from trainyard_gateway.http.problems import ProblemBody
from trainyard_gateway.http.report_route import ReportFastPath
from trainyard_gateway.mlflow.wire.errors import ROOT
from trainyard_gateway.routes import (
    code,
    datasets,
    events,
    mlflow,
    model_files,
    models,
    report,
    run_files,
    runs,
    training,
    uploads,
    usage,
)
from trainyard_gateway.routes.access import (
    audit,
    keys,
    limits,
    login,
    logins,
    notices,
    sso,
    teams,
    users,
)
from trainyard_gateway.routes.cluster import queues, system
from trainyard_gateway.routes.deps import allowed, services_of
from trainyard_gateway.routes.mlflow.deps import POLICY as MLFLOW_POLICY
from trainyard_gateway.routes.mlflow.fast_path import LoggingFastPath
from trainyard_gateway.services import Services, running
from trainyard_gateway.settings import Settings
from trainyard_kube import KubeConfig

VERSION = "0.1.0"
PREFIX = "/api/v1"
MODULES = (
    training,
    runs,
    run_files,
    events,
    code,
    datasets,
    models,
    model_files,
    uploads,
    usage,
    queues,
    limits,
    notices,
    system,
    audit,
    keys,
    users,
    teams,
    login,
    logins,
    sso,
    report,
)
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
        async with running(settings, config) as services:
            app.state.services = services
            yield

    app = described(lifespan)
    problems.add_exception_handlers(app, methods_at)

    def services() -> Services:
        found: Services = app.state.services
        return found

    def authenticator() -> Authenticator:
        return services().authenticator

    def is_stale() -> bool:
        return services().cache.stale is not None

    policies = RouterPolicies(
        {PREFIX + m.router.prefix: getattr(m, "POLICY", DEFAULT) for m in MODULES}
        | {f"{ROOT}/": MLFLOW_POLICY}
    )

    def around(routes: ASGIApp) -> ASGIApp:
        fast = ReportFastPath(LoggingFastPath(routes), services, f"{PREFIX}/report/batches")
        found = RequestMiddleware(fast, is_stale, authenticator, policies, lambda: services().trail)
        # Outermost: a browser sends preflight requests without an API key.
        return _with_origins(found, settings.cors_origins) if settings.cors_origins else found

    app.around = around
    return app


def _with_origins(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    return CORSMiddleware(
        app,
        allow_origins=list(origins),
        allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=["*"],
        expose_headers=list(_EXPOSED),
    )


class Gateway(FastAPI):
    """FastAPI with our middleware around its middleware, which the fast paths do not pass."""

    around: Callable[[ASGIApp], ASGIApp] | None = None
    """Puts our middleware around the framework's."""

    def build_middleware_stack(self) -> ASGIApp:
        """Called by the framework before the first request."""
        whole = super().build_middleware_stack()
        if self.around is None:
            return whole
        # Its outermost one would answer what routes raise before ours can.
        if not isinstance(whole, ServerErrorMiddleware):
            raise TypeError(f"{type(whole).__name__} is not the framework's outermost middleware")
        return self.around(whole.app)


def described(lifespan: Lifespan[FastAPI] | None = None) -> Gateway:
    """Every route there is, without anything behind them yet."""
    app = Gateway(
        title="Trainyard",
        version=VERSION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        # /metrics is ours; looking for a tracer that is not there took 18 µs of every request.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        # One schema per model, for what comes in and what goes out.
        separate_input_output_schemas=False,
    )
    problem: dict[int | str, dict[str, Any]] = {422: {"model": ProblemBody}}
    for module in MODULES:
        app.include_router(module.router, prefix=PREFIX, responses=problem)
    for router in mlflow.ROUTERS:
        app.include_router(router)
    app.add_api_route("/livez", _alive, include_in_schema=False)
    app.add_api_route("/readyz", _ready, include_in_schema=False)
    for path in web_page.FILES:
        methods = list(web_page.METHODS)
        app.add_api_route(path, web_page.page, methods=methods, include_in_schema=False)
    app.add_api_route(
        f"{PREFIX}/openapi.json",
        _openapi,
        dependencies=[allowed(Scope.SYSTEM_READ)],
        include_in_schema=False,
    )
    return app


def methods_at(path: str) -> set[str]:
    """The methods that a path has. `/training/queue` is the queue, not a session of that name."""
    if path in web_page.FILES:
        return set(web_page.METHODS)
    found = [
        (variable, methods) for pattern, variable, methods in _PATHS if pattern.fullmatch(path)
    ]
    least = min((variable for variable, _ in found), default=0)
    return {m for variable, methods in found if variable == least for m in methods}


_PATHS = [
    (compile_path(PREFIX + route.path)[0], route.path.count("{"), route.methods or set())
    for module in MODULES
    for route in module.router.routes
    if isinstance(route, APIRoute)
]


async def _alive(request: Request) -> Response:
    """Alive while no background task fails again and again: a restart may mend it."""
    failing = services_of(request).tasks.failing()
    status, text = (503, f"failing: {', '.join(failing)}") if failing else (200, "ok")
    return JSONResponse({"status": text}, status)


async def _ready(request: Request) -> Response:
    """Ready once the sessions of the cluster are known, while no background task fails."""
    services = services_of(request)
    status, text = readiness(services.tasks.failing(), services.cache.synced.is_set())
    return JSONResponse({"status": text}, status)


def readiness(failing: list[str], synced: bool) -> tuple[int, str]:
    """Status code and sentence of /readyz. Pure."""
    if failing:
        return 503, f"failing: {', '.join(failing)}"
    return (200, "ok") if synced else (503, "waiting for the cluster")


async def _openapi(request: Request) -> Response:
    return Response(await text_of(request.app), media_type="application/json")
