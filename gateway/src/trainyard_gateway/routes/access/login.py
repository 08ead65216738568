"""`/api/v1/login`: a browser sends its key once and gets a cookie."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from trainyard_api.model import OpenModel
from trainyard_api.rights.owner import Role
from trainyard_api.timestamps import micros_to_text
from trainyard_gateway.auth import login_cookies
from trainyard_gateway.auth.authenticator import key_of
from trainyard_gateway.auth.keys import Caller, Scope
from trainyard_gateway.auth.login_cookies import Login
from trainyard_gateway.auth.same_origin import is_secure
from trainyard_gateway.errors import BadRequest
from trainyard_gateway.routes.deps import CallerDep, ServicesDep
from trainyard_gateway.services import Services

router = APIRouter(prefix="/login", tags=["login"])


class LoginInfo(OpenModel):
    """Who the caller is."""

    name: str
    """Name of the user whose key it is; the user of the sessions that it starts."""
    role: Role | None
    """What the user may do."""
    teams: list[str]
    """Teams of the user; the first one gets what the user makes."""
    key_id: str
    """Public part of the key."""
    scopes: list[Scope]
    """What the key allows."""
    expires: str | None = None
    """When the cookie ends; absent for a caller that sends its key."""


@router.post("", status_code=201)
async def login(
    request: Request, services: ServicesDep, caller: CallerDep, response: Response
) -> LoginInfo:
    """Exchange the key in the header for a cookie, which opens the API to this browser."""
    if key_of(request.headers) is None:
        raise BadRequest("give the key: Authorization: Bearer <key>; a cookie makes no other one")
    begun, value = services.authenticator.logins.begin(caller)
    _set_cookie(request, services, response, value)
    return _info(caller, begun)


@router.get("")
async def who(request: Request, services: ServicesDep, caller: CallerDep) -> LoginInfo:
    """Who the caller is and what it may do."""
    by_key = key_of(request.headers) is not None
    found = (
        None if by_key else services.authenticator.logins.read(request.headers.get("cookie", ""))
    )
    return _info(caller, found)


@router.delete("", status_code=204)
async def logout(request: Request, services: ServicesDep, response: Response) -> None:
    """End the login: the cookie opens nothing any more. Without a cookie nothing changes."""
    found = services.authenticator.logins.read(request.headers.get("cookie", ""))
    if found is not None:
        services.authenticator.logins.end(found)
    _set_cookie(request, services, response, "")


def _set_cookie(request: Request, services: Services, response: Response, value: str) -> None:
    name = services.authenticator.logins.name
    secure = is_secure(request.scope.get("scheme", "http"), request.headers)
    response.headers["Set-Cookie"] = login_cookies.set_cookie(name, value, secure)
    response.headers["Cache-Control"] = "no-store"


def _info(caller: Caller, found: Login | None) -> LoginInfo:
    return LoginInfo(
        name=caller.name,
        role=caller.role,
        teams=list(caller.teams),
        key_id=caller.key_id,
        scopes=sorted(caller.scopes),
        expires=None if found is None else micros_to_text(found.expires * 1_000_000),
    )
