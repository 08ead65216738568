"""`/api/v1/system`."""

from __future__ import annotations

from fastapi import APIRouter

from trainyard_gateway.auth.keys import Scope
from trainyard_gateway.nodes.system import SystemInfo
from trainyard_gateway.routes.deps import CallerDep, ServicesDep, allowed
from trainyard_gateway.routes.rules import Lists, rule
from trainyard_gateway.store.access.owners import Kind

router = APIRouter(prefix="/system", tags=["system"])


@router.get("/info", dependencies=[allowed(Scope.SYSTEM_READ), rule(Lists(Kind.SESSION))])
async def info(services: ServicesDep, caller: CallerDep) -> SystemInfo:
    """CPU, memory, disk and GPUs, at most five seconds old.

    Of the sessions that hold GPUs, those that the caller may see are named.
    """
    found = await services.system.latest()
    seen = {body["metadata"]["name"] for body in services.cache.seen_by(caller.user)}
    nodes = [
        node.model_copy(update={"holders": [h for h in node.holders if h.session in seen]})
        for node in found.nodes
    ]
    return found.model_copy(update={"nodes": nodes})
