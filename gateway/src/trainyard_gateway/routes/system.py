"""`/api/v1/system`."""

from __future__ import annotations

from fastapi import APIRouter

from trainyard_gateway.routes.deps import ServicesDep
from trainyard_gateway.system import SystemInfo

router = APIRouter(prefix="/system", tags=["system"])


@router.get("/info")
async def info(parts: ServicesDep) -> SystemInfo:
    """CPU, memory, disk and GPUs, at most five seconds old."""
    return await parts.system.latest()
