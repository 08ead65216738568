"""`/api/v1/limits`: of users, teams and keys; administrators set them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from trainyard_api.limits.published import Subject, SubjectKind
from trainyard_api.model import OpenModel
from trainyard_gateway.auth.keys import Scope
from trainyard_gateway.limits.limit import LimitInfo, LimitSpec
from trainyard_gateway.routes.deps import CallerDep, ServicesDep, allowed
from trainyard_gateway.routes.rules import NoObject, rule

router = APIRouter(prefix="/limits", tags=["limits"])

_READ = [allowed(Scope.SESSIONS_READ), rule(NoObject())]
_ADMIN = [allowed(Scope.KEYS_ADMIN)]
NamePath = Annotated[str, Path(min_length=1, max_length=64)]


class LimitsResponse(OpenModel):
    """Limits, by kind and name."""

    limits: list[LimitInfo]


@router.get("", dependencies=_READ)
async def limits(services: ServicesDep, caller: CallerDep) -> LimitsResponse:
    """The limits that the caller is under, with what is spent; for administrators all."""
    return LimitsResponse(limits=await services.limits.all(caller.user, caller.key_id))


@router.get("/{kind}/{name}", dependencies=_READ)
async def limit(
    services: ServicesDep, caller: CallerDep, kind: SubjectKind, name: NamePath
) -> LimitInfo:
    """One limit."""
    return await services.limits.one(Subject(kind, name), caller.user, caller.key_id)


@router.put("/{kind}/{name}", dependencies=_ADMIN)
async def put(
    services: ServicesDep, kind: SubjectKind, name: NamePath, spec: LimitSpec
) -> LimitInfo:
    """Set the limit of a user, team or key, in place of the one of before."""
    services.require_subject(Subject(kind, name))
    return await services.limits.put(Subject(kind, name), spec)


@router.delete("/{kind}/{name}", status_code=204, dependencies=_ADMIN)
async def remove(services: ServicesDep, kind: SubjectKind, name: NamePath) -> None:
    """Delete a limit."""
    await services.limits.remove(Subject(kind, name))
