"""`/api/v1/users`: for administrators."""

from __future__ import annotations

from fastapi import APIRouter, Response

from trainyard_api.model import OpenModel
from trainyard_gateway.auth.keys import Scope
from trainyard_gateway.http.pages import page_response
from trainyard_gateway.paging import Cursor
from trainyard_gateway.rights.users import NewUser, UserChange, UserInfo
from trainyard_gateway.routes.deps import ServicesDep, allowed

router = APIRouter(prefix="/users", tags=["users"])

_ADMIN = [allowed(Scope.KEYS_ADMIN)]


class UsersResponse(OpenModel):
    """Users, by name."""

    users: list[UserInfo]
    cursor: str | None = None
    """Give this as `cursor` for the next page; null on the last."""


@router.post("", status_code=201, dependencies=_ADMIN)
async def create(services: ServicesDep, response: Response, new: NewUser) -> UserInfo:
    """Make a user; a user who was removed comes back, without the keys of before."""
    made = await services.users.create(new)
    response.headers["Location"] = f"/api/v1/users/{made.name}"
    return made


@router.get("", dependencies=_ADMIN, response_model=UsersResponse)
async def users(services: ServicesDep, cursor: Cursor | None = None) -> Response:
    """Every user that is not removed; pages of at most 4 MiB."""
    return page_response("users", services.users.all(cursor), lambda user: user.name)


@router.get("/{name}", dependencies=_ADMIN)
async def user(services: ServicesDep, name: str) -> UserInfo:
    """One user."""
    return services.users.one(name)


@router.patch("/{name}", dependencies=_ADMIN)
async def change(services: ServicesDep, name: str, changes: UserChange) -> UserInfo:
    """Change role or teams, at once."""
    return await services.users.change(name, changes)


@router.delete("/{name}", status_code=204, dependencies=_ADMIN)
async def remove(services: ServicesDep, name: str) -> None:
    """Remove a user and revoke the user's keys; sessions, datasets and models stay."""
    await services.users.remove(name)
    await services.keys.load()
