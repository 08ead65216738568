"""`/api/v1/queues`."""

from __future__ import annotations

from fastapi import APIRouter

from trainyard_gateway.auth.keys import Scope
from trainyard_gateway.queues.info import QueuesResponse, queue_infos
from trainyard_gateway.routes.deps import ServicesDep, allowed
from trainyard_gateway.routes.rules import NoObject, rule

router = APIRouter(prefix="/queues", tags=["training"])


@router.get("", dependencies=[allowed(Scope.SESSIONS_READ), rule(NoObject())])
async def queues(services: ServicesDep) -> QueuesResponse:
    """Every queue with its quota, weight and limits, and what its sessions use, two seconds old."""
    objects = await services.estimator.reader.objects()
    return QueuesResponse(queues=queue_infos(objects.queues))
