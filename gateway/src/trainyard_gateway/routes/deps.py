"""What routes declare that they need."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

import orjson
from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute

from trainyard_gateway import telemetry
from trainyard_gateway.auth.keys import Caller, Scope
from trainyard_gateway.auth.trainer_identity import Trainer
from trainyard_gateway.errors import NotPermitted
from trainyard_gateway.services import Services


def services_of(request: Request) -> Services:
    """The services of the running application."""
    found: Services = request.app.state.services
    return found


async def _services(request: Request) -> Services:
    # A coroutine on purpose: plain functions are sent to a thread, for every request.
    return services_of(request)


ServicesDep = Annotated[Services, Depends(_services)]


class Needs:
    """A dependency: the caller's key must have this scope."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    async def __call__(self, request: Request) -> Caller:
        """The caller. Raises NotPermitted."""
        caller: Caller = request.state.caller
        if self.scope not in caller.scopes:
            raise NotPermitted(
                f"this key may not do that: it needs the scope {self.scope}; an administrator makes keys with POST /api/v1/keys"
            )
        if self.scope == Scope.KEYS_ADMIN and not caller.user.is_administrator:
            raise NotPermitted(
                f"user {caller.name!r} is a {caller.role}; keys, users and teams are for administrators"
            )
        return caller


def allowed(scope: Scope) -> Any:
    """For `dependencies=[…]` of a route."""
    return Depends(Needs(scope))


def scope_of(route: APIRoute) -> Scope | None:
    """The scope that a route declares, None when it forgot."""
    declared = (d.dependency for d in route.dependencies)
    return next((d.scope for d in declared if isinstance(d, Needs)), None)


async def caller(request: Request) -> Caller:
    """The owner of the API key, which the middleware has verified."""
    found: Caller = request.state.caller
    return found


CallerDep = Annotated[Caller, Depends(caller)]


async def trainer(request: Request, services: ServicesDep) -> Trainer:
    """The trainer whose token came with the request."""
    return await services.tokens.trainer(request.scope)


TrainerDep = Annotated[Trainer, Depends(trainer)]


async def monitored_node(request: Request, services: ServicesDep) -> str:
    """The node of the monitor whose token came with the request."""
    return await services.tokens.node(request.scope)


MonitoredNodeDep = Annotated[str, Depends(monitored_node)]


def lift_body_limit(request: Request) -> None:
    """Accept a body of any size: the route streams it and bounds what it stores."""
    request.state.body_bound = None


async def body_chunks(request: Request) -> AsyncIterator[bytes]:
    """The raw body in pieces, without the bound of other bodies: the registry bounds it."""
    lift_body_limit(request)
    async for chunk in request.stream():
        if chunk:
            telemetry.RECEIVED.inc(len(chunk))
            yield chunk


def declared_size(request: Request) -> int | None:
    """Content-Length, None without one."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdecimal() and len(length) < 25 else None


def fast_json(content: Any) -> Response:
    """A large response as JSON bytes. The route names its model as `response_model`."""
    return Response(orjson.dumps(content), media_type="application/json")
