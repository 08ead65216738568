"""`/api/v1/training`."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Query, Request, Response
from pydantic import Field, StrictInt

from trainyard_api.model import ClosedModel, OpenModel
from trainyard_api.session.spec import PRIORITY_MAX, PRIORITY_MIN
from trainyard_gateway.auth.keys import Scope
from trainyard_gateway.estimates.estimate import Estimate
from trainyard_gateway.http.pages import page_response
from trainyard_gateway.rights.sharing import OwnerInfo, SessionSharing, info_of
from trainyard_gateway.routes.deps import CallerDep, ServicesDep, allowed, fast_json
from trainyard_gateway.routes.rules import ChangeSessionDep, Lists, Makes, ReadSessionDep, rule
from trainyard_gateway.sessions import queue
from trainyard_gateway.sessions.info import SessionInfo, session_info
from trainyard_gateway.sessions.listing import SessionPage, cursor_after, mark, rest
from trainyard_gateway.sessions.reported.comparison import (
    Comparison,
    ComparisonQuery,
    comparison_json,
)
from trainyard_gateway.store.access.owners import Kind
from trainyard_gateway.store.logs.lines import LogEntry, read_lines
from trainyard_gateway.store.metrics import charts, latest

router = APIRouter(prefix="/training", tags=["training"])

_READ = [allowed(Scope.SESSIONS_READ)]
_WRITE = [allowed(Scope.SESSIONS_WRITE)]

_LISTED = rule(Lists(Kind.SESSION))

_EXAMPLE = {
    "name": "digits-mlp",
    "dataset": "digits",
    "training": {"task": "tabular-classification", "epochs": 20},
    "resources": {"gpus": 1},
}

_START: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/StartRequest"},
                "example": _EXAMPLE,
            }
        },
    }
}


class PriorityChange(ClosedModel):
    """A new priority."""

    priority: StrictInt = Field(ge=PRIORITY_MIN, le=PRIORITY_MAX)
    """Higher goes first."""


class MetricsResponse(OpenModel):
    """Latest values."""

    session: str
    metrics: list[latest.LatestValue]


class HistoryResponse(OpenModel):
    """Values over the steps."""

    session: str
    series: list[latest.Series]


class HistoryQuery(OpenModel):
    """What is asked of a chart."""

    metric: list[str] = Field(default=[], max_length=1000)
    """Only these metrics. Default: all."""
    by_epoch: bool = False
    """Only the summaries of epochs."""
    max_points: int = Field(default=1000, ge=4, le=100_000)
    """About so many points per metric at most."""
    first_step: int = Field(default=0, ge=0, le=2**53)
    """From this step."""
    last_step: int | None = Field(default=None, ge=0, le=2**53)
    """Up to this step. Default: the newest."""


class LogsResponse(OpenModel):
    """Lines, and the cursor after which the next ones come."""

    session: str
    lines: list[LogEntry]
    next: int
    more: bool
    """Whether there are more lines after these, with `tail` before them."""


@router.post(
    "/start",
    status_code=201,
    dependencies=[*_WRITE, rule(Makes(Kind.SESSION))],
    openapi_extra=_START,
)
async def start(  # noqa: PLR0913  # what FastAPI gives a route
    request: Request,
    services: ServicesDep,
    caller: CallerDep,
    response: Response,
    body: Annotated[dict[str, Any], Body()],
    dry_run: Annotated[bool, Query(alias="dryRun")] = False,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=128)] = None,
) -> SessionInfo:
    """Start a session: the fields of a TrainingSession's spec, and optionally a name."""
    request.state.dry_run = dry_run
    session = await services.commands.start(body, caller.starter, idempotency_key, dry_run)
    request.state.audited = (session.name, session.uid)
    response.headers["Location"] = f"/api/v1/training/{session.name}/status"
    return session


@router.post("/estimate", dependencies=[*_READ, _LISTED], openapi_extra=_START)
async def estimate(
    services: ServicesDep,
    caller: CallerDep,
    body: Annotated[dict[str, Any], Body()],
) -> Estimate:
    """Position and start time of a session, without creating it: the body of a start request."""
    return await services.estimator.estimate(body, caller.starter)


@router.get("/sessions", dependencies=[*_READ, _LISTED], response_model=SessionPage)
async def sessions(
    services: ServicesDep,
    caller: CallerDep,
    phase: str | None = None,
    history: bool = False,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: str | None = None,
) -> Response:
    """Sessions, newest first; with `history` those that the cluster no longer has.

    A page has at most `limit` sessions and 4 MiB; while there is a cursor, there are more.
    """
    more = False
    if history:
        found, more, total = await services.cache.history(limit, mark(cursor), caller.user)
    else:
        live = [session_info(body) for body in services.cache.seen_by(caller.user)]
        found, total = rest(live, cursor, phase)
    others = {"total": total}
    return page_response("sessions", found, cursor_after, more=more, most=limit, others=others)


@router.get("/compare", dependencies=[*_READ, _LISTED], response_model=Comparison)
async def compare(
    services: ServicesDep, caller: CallerDep, asked: Annotated[ComparisonQuery, Query()]
) -> Response:
    """Up to 100 sessions, each with the curve of one metric as lists; for all curves one reading.

    Of many sessions each curve has fewer points, at most 50,000 in all.
    """
    found, unknown = await services.cache.find_seen(asked.session, caller.user)
    curves: dict[str, bytes] = {}
    if asked.metric is not None:
        window = charts.Window(asked.max_points, asked.first_step, asked.last_step)
        uids = [session.uid for session in found]
        curves = await services.charts.read_columns(uids, asked.metric, window)
    return Response(comparison_json(found, curves, unknown), media_type="application/json")


@router.get("/queue", dependencies=[*_READ, _LISTED], response_model=queue.QueueResponse)
async def waiting(services: ServicesDep, caller: CallerDep, cursor: str | None = None) -> Response:
    """Who waits, in order, why, and since when; pages of at most 4 MiB."""
    left = queue.waiting_sessions(services.cache.seen_by(caller.user), cursor)
    return page_response("waiting", left, queue.cursor_after)


@router.delete("/queue/{session}", dependencies=_WRITE)
async def cancel(services: ServicesDep, session: ChangeSessionDep) -> SessionInfo:
    """Take a waiting session out of the queue."""
    return await services.commands.cancel(session.uid)


@router.get("/{session}/status", dependencies=_READ)
async def status(session: ReadSessionDep) -> SessionInfo:
    """One session by name or UID."""
    return session


@router.post("/{session}/stop", status_code=202, dependencies=_WRITE)
async def stop(services: ServicesDep, session: ChangeSessionDep) -> SessionInfo:
    """Save a checkpoint and end. Final."""
    return await services.commands.edit(session.uid, {"desiredState": "Stopped"})


@router.post("/{session}/suspend", status_code=202, dependencies=_WRITE)
async def suspend(services: ServicesDep, session: ChangeSessionDep) -> SessionInfo:
    """Save a checkpoint and release the GPUs."""
    return await services.commands.edit(session.uid, {"desiredState": "Suspended"})


@router.post("/{session}/resume", status_code=202, dependencies=_WRITE)
async def resume(services: ServicesDep, session: ChangeSessionDep) -> SessionInfo:
    """Continue a suspended session."""
    return await services.commands.edit(session.uid, {"desiredState": "Running"})


@router.patch("/{session}", dependencies=_WRITE)
async def change(
    services: ServicesDep, caller: CallerDep, session: ChangeSessionDep, body: PriorityChange
) -> SessionInfo:
    """Change the priority."""
    return await services.commands.prioritise(session.uid, body.priority, caller.starter)


@router.get("/{session}/owner", dependencies=_READ)
async def owner(services: ServicesDep, session: ReadSessionDep) -> OwnerInfo:
    """Whose a session is, and who sees it."""
    return info_of(services.rights.of_session(session))


@router.patch("/{session}/owner", dependencies=_WRITE)
async def share(
    services: ServicesDep, caller: CallerDep, session: ChangeSessionDep, changes: SessionSharing
) -> OwnerInfo:
    """Give a session to another team, or let others see it."""
    shared = await services.commands.share(session.uid, caller.user, changes)
    return info_of(services.rights.of_session(shared))


@router.get("/{session}/metrics", dependencies=_READ)
async def metrics(services: ServicesDep, session: ReadSessionDep) -> MetricsResponse:
    """Latest value of each metric."""
    values = await services.database.read(lambda c: latest.latest_values(c, session.uid))
    return MetricsResponse(session=session.name, metrics=values)


@router.get("/{session}/history", dependencies=_READ, response_model=HistoryResponse)
async def history_of(
    services: ServicesDep, session: ReadSessionDep, asked: Annotated[HistoryQuery, Query()]
) -> Response:
    """Values over the steps, down-sampled without losing spikes; `byEpoch`: epochs only."""
    window = charts.Window(asked.max_points, asked.first_step, asked.last_step, asked.by_epoch)
    body = await services.charts.read(session.name, session.uid, asked.metric, window)
    return Response(body, media_type="application/json")


@router.get("/{session}/logs", dependencies=_READ, response_model=LogsResponse)
async def logs(
    services: ServicesDep,
    session: ReadSessionDep,
    after: Annotated[int, Query(ge=0, le=2**53)] = 0,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    tail: bool = False,
    search: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Printed lines after a cursor, or the last ones with `tail`; at most 1 MiB of them.

    `search`: only lines with this text, in whichever case its ASCII letters are. One request looks
    through 200,000 lines; while `more` is true, ask again with `after` as `next` says.

    A session keeps its first and its newest lines; a line of level `warning` says how many are not
    kept between them.
    """
    page = await services.database.read(
        lambda c: read_lines(c, session.uid, after, limit, tail, search=search)
    )
    body = {"session": session.name, "lines": page.lines, "next": page.next, "more": page.more}
    return fast_json(body)
