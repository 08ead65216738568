"""`/api/v1/logins`: logins by single sign-on; for administrators."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from trainyard_api.model import OpenModel
from trainyard_api.timestamps import micros_to_text
from trainyard_gateway.auth.keys import Scope
from trainyard_gateway.errors import NotFound
from trainyard_gateway.http.pages import page_response
from trainyard_gateway.paging import Cursor
from trainyard_gateway.routes.deps import CallerDep, ServicesDep, allowed
from trainyard_gateway.services import Services
from trainyard_gateway.store.access.sso import LoginRow

router = APIRouter(prefix="/logins", tags=["login"])

_ADMIN = [allowed(Scope.KEYS_ADMIN)]


class OpenLoginInfo(OpenModel):
    """A login by single sign-on."""

    id: str
    user: str
    """Name of its user."""
    of: Literal["browser", "commandLine"]
    """What has logged in."""
    created: str
    expires: str
    verified: str
    """When the provider last said that it is good."""
    used: str | None = None
    """When it was used last at this gateway, since the gateway's start."""
    ended: str | None = None
    """When it ended before it expired."""
    reason: str = ""
    """Why."""


class LoginsResponse(OpenModel):
    """Logins, newest first."""

    logins: list[OpenLoginInfo]
    cursor: str | None = None
    """Give this as `cursor` for the next page; null on the last."""


class LoginsAsked(OpenModel):
    """Which logins."""

    user: str | None = None
    """Only those of this user."""
    cursor: Cursor | None = None
    """Of the page before."""


@router.get("", dependencies=_ADMIN, response_model=LoginsResponse)
async def logins(services: ServicesDep, asked: Annotated[LoginsAsked, Query()]) -> Response:
    """Logins by single sign-on, newest first, also those that were over within a day."""
    rows = [r for r in services.keys.logins.all() if asked.user in (None, r.user)]
    places = [_place(row) for row in rows]
    first = places.index(asked.cursor) + 1 if asked.cursor in places else 0
    shown = (_info(services, row) for row in rows[first:])
    return page_response("logins", shown, lambda login: login.id)


@router.delete("/{login}", status_code=204, dependencies=_ADMIN)
async def end(services: ServicesDep, caller: CallerDep, login: str) -> None:
    """End a login, here and at the provider: it opens nothing any more, and its streams end."""
    row = services.keys.logins.of(login)
    if services.sso is None or row is None or row.ended is not None:
        raise NotFound(
            f"there is no login {login[:80]!r} that is open; GET /api/v1/logins lists them"
        )
    await services.sso.end(login, f"the administrator {caller.name!r} has ended it")


def _place(row: LoginRow) -> str:
    return row.id


def _info(services: Services, row: LoginRow) -> OpenLoginInfo:
    used = services.keys.logins.used(row.id)
    return OpenLoginInfo(
        id=row.id,
        user=row.user,
        of="commandLine" if row.hash else "browser",
        created=_text(row.created),
        expires=_text(row.expires),
        verified=_text(row.verified),
        used=None if used is None else _text(used),
        ended=None if row.ended is None else _text(row.ended),
        reason=row.reason,
    )


def _text(seconds: float) -> str:
    return micros_to_text(int(seconds * 1_000_000))
