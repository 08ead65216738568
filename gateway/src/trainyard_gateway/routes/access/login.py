"""`/api/v1/login`: a browser sends its key once and gets a cookie."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from trainyard_api.model import OpenModel
from trainyard_api.rights.owner import Role
from trainyard_api.timestamps import micros_to_text
from trainyard_gateway.auth import login_cookies
from trainyard_gateway.auth.authenticator import key_of
from trainyard_gateway.auth.keys import Caller, Scope
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
    """When the login ends; absent for a caller that sends an API key."""
    provider: str | None = None
    """Name of the provider of a login by single sign-on."""
    warning: str | None = None
    """A sentence for as long as that provider does not answer."""


@router.post("", status_code=201)
async def login(
    request: Request, services: ServicesDep, caller: CallerDep, response: Response
) -> LoginInfo:
    """Exchange the key in the header for a cookie, which opens the API to this browser."""
    if key_of(request.headers) is None:
        raise BadRequest("give the key: Authorization: Bearer <key>; a cookie makes no other one")
    begun, value = services.authenticator.logins.begin(caller)
    _set_cookie(request, services, response, value)
    return _info(services, caller, begun.expires)


@router.get("")
async def who(request: Request, services: ServicesDep, caller: CallerDep) -> LoginInfo:
    """Who the caller is and what it may do."""
    by_key = key_of(request.headers) is not None
    found = (
        None if by_key else services.authenticator.logins.read(request.headers.get("cookie", ""))
    )
    return _info(services, caller, None if found is None else found.expires)


@router.delete("", status_code=204)
async def logout(
    request: Request, services: ServicesDep, caller: CallerDep, response: Response
) -> None:
    """End the login: its cookie or key opens nothing any more. An API key stays as it is.

    After a login by single sign-on, `Location` says where a browser ends that of the provider.
    """
    found = services.authenticator.logins.read(request.headers.get("cookie", ""))
    if found is not None:
        services.authenticator.logins.end(found)
    if services.sso is not None:
        where = await services.sso.end(caller.key_id)
        if where is not None:
            response.headers["Location"] = where
    services.audit_log.record(request.scope, True, "logout", caller.key_id)
    _set_cookie(request, services, response, "")


def _set_cookie(request: Request, services: Services, response: Response, value: str) -> None:
    secure = is_secure(request.scope.get("scheme", "http"), request.headers)
    response.headers["Set-Cookie"] = set_cookie(services, value, secure=secure)
    response.headers["Cache-Control"] = "no-store"


def set_cookie(services: Services, value: str, *, secure: bool) -> str:
    """The Set-Cookie header of a login; with an empty value, of a logout."""
    return login_cookies.set_cookie(services.authenticator.logins.name, value, secure)


def _info(services: Services, caller: Caller, expires: float | None) -> LoginInfo:
    row, sso = services.keys.logins.of(caller.key_id), services.sso
    if row is not None:
        expires = row.expires if expires is None else min(row.expires, expires)
    return LoginInfo(
        name=caller.name,
        role=caller.role,
        teams=list(caller.teams),
        key_id=caller.key_id,
        scopes=sorted(caller.scopes),
        expires=None if expires is None else micros_to_text(int(expires) * 1_000_000),
        provider=sso.settings.name if sso is not None and row is not None else None,
        warning=sso.warning() if sso is not None and row is not None else None,
    )
