"""`/api/v1/teams`: for administrators."""

from __future__ import annotations

from fastapi import APIRouter, Response

from trainyard_api.model import OpenModel
from trainyard_gateway.auth.keys import Scope
from trainyard_gateway.rights.users import NewTeam, TeamInfo
from trainyard_gateway.routes.deps import ServicesDep, allowed

router = APIRouter(prefix="/teams", tags=["users"])

_ADMIN = [allowed(Scope.KEYS_ADMIN)]


class TeamsResponse(OpenModel):
    """Teams, by name."""

    teams: list[TeamInfo]


@router.post("", status_code=201, dependencies=_ADMIN)
async def create(services: ServicesDep, response: Response, new: NewTeam) -> TeamInfo:
    """Make a team."""
    made = await services.users.create_team(new)
    response.headers["Location"] = f"/api/v1/teams/{made.name}"
    return made


@router.get("", dependencies=_ADMIN)
async def teams(services: ServicesDep) -> TeamsResponse:
    """Every team with its users."""
    return TeamsResponse(teams=services.users.all_teams())


@router.get("/{name}", dependencies=_ADMIN)
async def team(services: ServicesDep, name: str) -> TeamInfo:
    """One team with its users."""
    return services.users.team(name)


@router.delete("/{name}", status_code=204, dependencies=_ADMIN)
async def remove(services: ServicesDep, name: str) -> None:
    """Remove a team that has no users; what belongs to it stays."""
    await services.users.remove_team(name)
