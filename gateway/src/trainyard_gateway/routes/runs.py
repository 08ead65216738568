"""`/api/v1/runs`: the runs of sessions, and those that programs elsewhere report by MLflow."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import Field

from trainyard_api.model import OpenModel
from trainyard_gateway.auth.keys import Scope
from trainyard_gateway.http.pages import page_response
from trainyard_gateway.mlflow.run_list import RunHistory, RunInfo, RunSummary, cursor_after
from trainyard_gateway.paging import Cursor
from trainyard_gateway.routes.deps import CallerDep, ServicesDep, allowed
from trainyard_gateway.routes.rules import Lists, rule
from trainyard_gateway.routes.training import HistoryQuery
from trainyard_gateway.store.access.owners import Kind as Owned
from trainyard_gateway.store.metrics import charts
from trainyard_gateway.store.runs.listed import Kind, Wanted

router = APIRouter(prefix="/runs", tags=["runs"])

_READ = [allowed(Scope.SESSIONS_READ), rule(Lists(Owned.RUN, Owned.SESSION))]


class RunsQuery(OpenModel):
    """Which runs."""

    kind: Kind | None = None
    """`session`, `program` (made by a session's program) or `local` (without a session)."""
    experiment: str | None = Field(default=None, min_length=1, max_length=500)
    """Name of their experiment."""
    status: Literal["SCHEDULED", "RUNNING", "FINISHED", "FAILED", "KILLED"] | None = None
    session_uid: str | None = Field(default=None, min_length=1, max_length=64)
    """UID of the session that they belong to."""
    name: str | None = Field(default=None, min_length=1, max_length=500)
    """A part of the run's name."""
    limit: int = Field(default=100, ge=1, le=1000)
    """At most so many on a page."""
    cursor: Cursor | None = None
    """Of the page before."""


class RunsResponse(OpenModel):
    """Some runs, newest first."""

    runs: list[RunSummary]
    cursor: str | None = None
    """Give this as `cursor` for the next page; null on the last."""


@router.get("", dependencies=_READ, response_model=RunsResponse)
async def runs(
    services: ServicesDep, caller: CallerDep, asked: Annotated[RunsQuery, Query()]
) -> Response:
    """Runs that are not deleted, newest first; pages of at most `limit` runs and 4 MiB."""
    wanted = Wanted(asked.kind, asked.experiment, asked.status, asked.session_uid, asked.name)
    found, more = await services.mlflow.list.page(wanted, asked.cursor, asked.limit, caller.user)
    return page_response("runs", found, cursor_after, more=more, most=asked.limit)


@router.get("/{id}", dependencies=_READ)
async def run(services: ServicesDep, caller: CallerDep, id: str) -> RunInfo:
    """One run with its params, its tags and the newest value of each metric."""
    return await services.mlflow.list.get(id, caller.user)


@router.get("/{id}/history", dependencies=_READ, response_model=RunHistory)
async def history(
    services: ServicesDep, caller: CallerDep, id: str, asked: Annotated[HistoryQuery, Query()]
) -> Response:
    """Values of a run over the steps, down-sampled without losing spikes."""
    window = charts.Window(asked.max_points, asked.first_step, asked.last_step, asked.by_epoch)
    body = await services.mlflow.list.history(id, asked.metric, window, caller.user)
    return Response(body, media_type="application/json")
