"""`/api/v1/training/{session}/events`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import StreamingResponse

from trainyard_gateway.auth.client_address import counted_address
from trainyard_gateway.auth.keys import Scope
from trainyard_gateway.events.hub import Client
from trainyard_gateway.events.stream import Follower
from trainyard_gateway.routes.deps import CallerDep, ServicesDep, allowed
from trainyard_gateway.store import changes

router = APIRouter(prefix="/training", tags=["training"])

_EXAMPLE = """id: 7.12
event: metrics
data: {"points":[{"name":"train/loss","step":20,"time":"2026-01-01T00:00:00.000000Z","value":0.25}]}

"""


@router.get(
    "/{session}/events",
    dependencies=[allowed(Scope.SESSIONS_READ)],
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "A stream of server-sent events",
            "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}},
        }
    },
)
async def events(
    request: Request,
    services: ServicesDep,
    caller: CallerDep,
    session: str,
    last_event_id: Annotated[str | None, Header(max_length=64)] = None,
) -> Response:
    """The changes of a session as events: `metrics`, `logs`, `phase`, and `end` when it has ended.

    Without Last-Event-ID the stream begins now. Open the stream first, then read history and logs:
    nothing is missed between them. With the id of the last event the stream resumes after it.
    `0.0` begins with everything that is stored.
    """
    found = await services.cache.find(session)
    if last_event_id is not None:
        cursor = changes.parse_cursor(last_event_id)
    else:
        cursor = await services.database.read(lambda c: changes.current_cursor(c, found.uid))
    client = Client(
        caller.key_id, counted_address(request.scope), lambda: services.keys.holds(caller)
    )
    services.hub.require_room(client)
    follower = Follower(services.database, services.cache, services.hub, client)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(
        follower.follow(found, cursor), media_type="text/event-stream", headers=headers
    )
