"""`/api/v1/login/sso`: logins by single sign-on, before there is a login.

These routes need no key. What a browser or command line brings is sealed by the gateway, or comes
from the provider, whose answers are verified.
"""

from __future__ import annotations

from enum import StrEnum

from fastapi import APIRouter, Request, Response
from pydantic import Field

from trainyard_api.model import ClosedModel, OpenModel
from trainyard_api.timestamps import micros_to_text
from trainyard_gateway.auth.sso.claims import Refusal
from trainyard_gateway.auth.sso.sealed import MOST_CHARACTERS
from trainyard_gateway.auth.sso.service import Opened, Pending, SingleSignOn
from trainyard_gateway.errors import NotFound, NotPermitted
from trainyard_gateway.http.policy import RouterPolicy
from trainyard_gateway.routes.access.login import set_cookie
from trainyard_gateway.routes.deps import ServicesDep
from trainyard_gateway.services import Services

router = APIRouter(prefix="/login/sso", tags=["login"])
POLICY = RouterPolicy(api_key=False)


class SsoOffer(OpenModel):
    """Whether single sign-on is offered."""

    name: str | None
    """What the provider is called; null without single sign-on."""
    problem: str | None = None
    """Why the last login of this browser failed, for a minute."""


class DeviceLogin(OpenModel):
    """A login that a command line has begun."""

    user_code: str
    """What the person enters at the provider."""
    verification_uri: str
    """Where."""
    verification_uri_complete: str | None = None
    """The same with the code in it."""
    expires_in: int
    """Seconds that the person may take."""
    interval: int
    """Seconds between two questions for the end."""
    handle: str
    """Give this to ask for the end; keep it as a secret."""


class DeviceQuestion(ClosedModel):
    """A question for the end of a login that a command line has begun."""

    handle: str = Field(min_length=1, max_length=MOST_CHARACTERS)
    """As it was given."""


class DeviceState(StrEnum):
    """What became of it."""

    PENDING = "Pending"
    SLOW_DOWN = "SlowDown"
    """As Pending; ask less often by five seconds."""
    OPEN = "Open"


class DeviceAnswer(OpenModel):
    """What became of a login that a command line has begun."""

    state: DeviceState
    key: str | None = None
    """The key of an open login. It is shown this once."""
    name: str | None = None
    """Name of its user."""
    expires: str | None = None
    """When it ends."""


@router.get("/offer")
async def offer(request: Request, services: ServicesDep, response: Response) -> SsoOffer:
    """Whether single sign-on is offered, and why the last login of this browser failed."""
    response.headers["Cache-Control"] = "no-store"
    if (sso := services.sso) is None:
        return SsoOffer(name=None)
    problem = sso.problem(request.headers.get("cookie", ""))
    if problem is not None:
        response.headers["Set-Cookie"] = sso.forget_cookie()
    return SsoOffer(name=sso.settings.name, problem=problem)


@router.get("/start", status_code=303, response_class=Response)
async def start(request: Request, services: ServicesDep) -> Response:
    """Send the browser to the provider."""
    url, cookie = await _offered(request, services).begin()
    headers = {"Location": url, "Set-Cookie": cookie, "Cache-Control": "no-store"}
    return Response(status_code=303, headers=headers)


@router.get("/callback", status_code=303, response_class=Response)
async def callback(request: Request, services: ServicesDep) -> Response:
    """Where the provider sends the browser back to; it gets the login's cookie, and the page."""
    sso = _offered(request, services)
    opened = await sso.come_back(request.query_params, request.headers.get("cookie", ""))
    response = Response(status_code=303, headers={"Location": "/", "Cache-Control": "no-store"})
    if isinstance(opened, Refusal):
        services.audit_log.record(request.scope, False, f"sso: {opened.code}")
        response.headers.append("Set-Cookie", sso.problem_cookie(opened))
        return response
    services.audit_log.record(request.scope, True, "sso login", opened.caller.key_id)
    _, value = services.authenticator.logins.begin(opened.caller)
    secure = sso.settings.public_url.startswith("https:")
    response.headers.append("Set-Cookie", set_cookie(services, value, secure=secure))
    response.headers.append("Set-Cookie", sso.forget_cookie())
    return response


@router.post("/device", status_code=201)
async def device(request: Request, services: ServicesDep, response: Response) -> DeviceLogin:
    """Begin a login of a command line, which a person ends in any browser."""
    begun = await _offered(request, services).begin_device()
    response.headers["Cache-Control"] = "no-store"
    return DeviceLogin(
        user_code=begun.user_code,
        verification_uri=begun.verification_uri,
        verification_uri_complete=begun.verification_uri_complete,
        expires_in=begun.expires_in,
        interval=begun.interval,
        handle=begun.handle,
    )


@router.post("/device/end")
async def end(
    request: Request, services: ServicesDep, question: DeviceQuestion, response: Response
) -> DeviceAnswer:
    """Ask for the end of a login that a command line has begun."""
    sso = _offered(request, services)
    response.headers["Cache-Control"] = "no-store"
    found = await sso.finish_device(question.handle)
    if isinstance(found, Pending):
        return DeviceAnswer(state=DeviceState.SLOW_DOWN if found.slow_down else DeviceState.PENDING)
    if isinstance(found, Refusal):
        services.audit_log.record(request.scope, False, f"sso: {found.code}")
        raise NotPermitted(found.reason)
    services.audit_log.record(request.scope, True, "sso login", found.caller.key_id)
    return _open(found)


def _open(found: Opened) -> DeviceAnswer:
    return DeviceAnswer(
        state=DeviceState.OPEN,
        key=found.key,
        name=found.caller.name,
        expires=micros_to_text(int(found.expires) * 1_000_000),
    )


def _offered(request: Request, services: Services) -> SingleSignOn:
    services.authenticator.require_pace(request.scope)
    if services.sso is None:
        raise NotFound("this installation has no single sign-on; log in with an API key")
    return services.sso
