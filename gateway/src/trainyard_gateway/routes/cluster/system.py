"""`/api/v1/system`."""

from __future__ import annotations

from fastapi import APIRouter

from trainyard_gateway.auth.keys import Scope
from trainyard_gateway.nodes.system import SystemInfo
from trainyard_gateway.routes.deps import ServicesDep, allowed

router = APIRouter(prefix="/system", tags=["system"])


@router.get("/info", dependencies=[allowed(Scope.SYSTEM_READ)])
async def info(services: ServicesDep) -> SystemInfo:
    """CPU, memory, disk and GPUs, at most five seconds old."""
    return await services.system.latest()
