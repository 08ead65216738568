"""`/api/v1/training/events` and `/api/v1/training/{session}/events`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import StreamingResponse

from trainyard_api.rights.owner import User
from trainyard_gateway.auth.client_address import counted_address
from trainyard_gateway.auth.keys import Caller, Scope
from trainyard_gateway.events.hub import Client
from trainyard_gateway.events.sessions_stream import SessionsFollower
from trainyard_gateway.events.stream import Follower
from trainyard_gateway.routes.deps import CallerDep, ServicesDep, allowed
from trainyard_gateway.routes.rules import Lists, ReadSessionDep, rule
from trainyard_gateway.services import Services
from trainyard_gateway.store import changes
from trainyard_gateway.store.access.owners import Kind

router = APIRouter(prefix="/training", tags=["training"])

_EXAMPLE = """id: 7.12
event: metrics
data: {"points":[{"name":"train/loss","step":20,"time":"2026-01-01T00:00:00.000000Z","value":0.25}]}

"""

_SESSIONS_EXAMPLE = """id: 0f8b7c9a6d5e4f3a.12
event: sessions
data: {"sessions":[{"name":"digits-mlp","phase":"Running"}],"values":[],"gone":[],"reset":false}

"""


def _stream_of(example: str) -> dict[int | str, dict[str, Any]]:
    content = {"text/event-stream": {"schema": {"type": "string"}, "example": example}}
    return {200: {"description": "A stream of server-sent events", "content": content}}


@router.get(
    "/events",
    dependencies=[allowed(Scope.SESSIONS_READ), rule(Lists(Kind.SESSION))],
    response_class=StreamingResponse,
    responses=_stream_of(_SESSIONS_EXAMPLE),
)
async def of_all(
    request: Request,
    services: ServicesDep,
    caller: CallerDep,
    last_event_id: Annotated[str | None, Header(max_length=64)] = None,
) -> Response:
    """All sessions of the cluster as rows, then the rows that change: events `sessions`.

    `values` replace progress and metrics of a row that was sent before: they are those of the last
    report, of which the status of a session hears later.
    `reset` says that the client shall forget the rows that it has; `gone` are UIDs of deleted ones.
    With the id of the last event as Last-Event-ID, only what changed since is sent.
    """
    services.session_changes.since(last_event_id, caller.user)
    client = _client(request, services, caller)

    def user() -> User:
        found = services.keys.owner(caller.key_id)
        return found.user if found is not None else User("", None)

    follower = SessionsFollower(
        services.session_changes, services.cache, services.measured, services.hub, client, user
    )
    return _streamed(follower.follow(last_event_id))


@router.get(
    "/{session}/events",
    dependencies=[allowed(Scope.SESSIONS_READ)],
    response_class=StreamingResponse,
    responses=_stream_of(_EXAMPLE),
)
async def events(
    request: Request,
    services: ServicesDep,
    caller: CallerDep,
    session: ReadSessionDep,
    last_event_id: Annotated[str | None, Header(max_length=64)] = None,
) -> Response:
    """The changes of a session as events: `metrics`, `logs`, `phase`, and `end` when it has ended.

    Without Last-Event-ID the stream begins now. Open the stream first, then read history and logs:
    nothing is missed between them. With the id of the last event the stream resumes after it.
    `0.0` begins with everything that is stored.
    """
    if last_event_id is not None:
        cursor = changes.parse_cursor(last_event_id)
    else:
        cursor = await services.database.read(lambda c: changes.current_cursor(c, session.uid))
    client = _client(request, services, caller, session.uid)
    follower = Follower(services.database, services.cache, services.hub, client)
    return _streamed(follower.follow(session, cursor))


def _client(
    request: Request, services: Services, caller: Caller, session: str | None = None
) -> Client:
    """Who follows; `session`: UID of the only session that is followed.

    Raises Unavailable and TooManyRequests if no more streams may be opened.
    """

    def is_allowed() -> bool:
        found = services.keys.owner(caller.key_id)
        if found is None or Scope.SESSIONS_READ not in found.scopes:
            return False
        if services.sso is not None and services.sso.verification.is_overdue(caller.key_id):
            return False
        body = services.cache.get(session) if session is not None else None
        return body is None or services.cache.is_seen(found.user, body)

    client = Client(caller.key_id, counted_address(request.scope), is_allowed)
    services.hub.require_room(client)
    return client


def _streamed(frames: AsyncIterator[bytes]) -> Response:
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(frames, media_type="text/event-stream", headers=headers)
