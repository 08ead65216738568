"""Runs of sessions and of programs elsewhere, as Trainyard's API shows them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import orjson

from trainyard_api import mlflow, timestamps
from trainyard_api.model import OpenModel
from trainyard_api.rights.owner import User
from trainyard_api.visible_text import visible
from trainyard_gateway.errors import BadRequest, NotFound
from trainyard_gateway.store.database import Connection, Database
from trainyard_gateway.store.metrics import charts
from trainyard_gateway.store.metrics.latest import LatestValue, Series, latest_values
from trainyard_gateway.store.runs import listed, records
from trainyard_gateway.store.runs.listed import Kind, ListedRun, Wanted

_CURSOR = re.compile(r"(\d{1,15})_([0-9a-f]{32})")


class RunSummary(OpenModel):
    """A run as a list shows it."""

    id: str
    """The id of MLflow's protocol."""
    kind: Kind
    """`session`: the run of a session; `program`: another run of its program; `local`: a run
    without a session, which a program elsewhere has reported.
    """
    name: str
    experiment: str
    """Name of its experiment."""
    status: str
    """SCHEDULED, RUNNING, FINISHED, FAILED or KILLED: of a session's run by its phase, of others as
    their program says it.
    """
    session: str | None = None
    """Name of the session that it belongs to."""
    session_uid: str | None = None
    parent: str | None = None
    """Id of the run that it is nested in."""
    user: str | None = None
    """The user that the session has, or that the program has named."""
    key: str | None = None
    """Name of the API key by which a local run was reported."""
    start_time: str
    end_time: str | None = None


class RunInfo(RunSummary):
    """A run with what was logged to it."""

    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    metrics: list[LatestValue] = []
    """The newest value of each metric, by name."""


class RunHistory(OpenModel):
    """Values of a run over the steps."""

    run: str
    """Its id."""
    series: list[Series]


class RunList:
    """Reads runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, wanted: Wanted, cursor: str | None, limit: int, user: User
    ) -> tuple[list[RunSummary], bool]:
        """A page of runs that `user` sees, newest first; are there more? Raises BadRequest."""
        before = mark(cursor)
        found = await self._database.read(lambda c: listed.page(c, wanted, before, limit, user))
        return [RunSummary(**_summary(run)) for run in found[:limit]], len(found) > limit

    async def get(self, id: str, user: User) -> RunInfo:
        """A run that `user` sees, also a deleted one. Raises NotFound."""

        return await self._database.read(lambda c: _info(c, _found(c, id, user)))

    async def history(
        self, id: str, names: Sequence[str], window: charts.Window, user: User
    ) -> bytes:
        """`{"run": …, "series": […]}` of a run as JSON; `names`: empty for all. Raises NotFound."""

        def read(connection: Connection) -> bytes:
            run = _found(connection, id, user)
            found = charts.read_charts(connection, run.series_key, names, window)
            return orjson.dumps({"run": run.id, "series": found})

        return await self._database.read(read)


def mark(cursor: str | None) -> tuple[int, str] | None:
    """Start and id of the last run of the page before. Raises BadRequest."""
    if cursor is None:
        return None
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise BadRequest("the cursor is not one that a page of runs gave; leave it out")
    return int(found[1]), found[2]


def cursor_after(run: RunSummary) -> str:
    """The cursor of a page that ends with this run."""
    seconds = timestamps.parse_seconds(run.start_time) or 0.0
    return f"{round(seconds * 1000)}_{run.id}"


def _found(connection: Connection, id: str, user: User) -> ListedRun:
    found = listed.find(connection, id, user) if mlflow.is_run_id(id) else None
    if found is None:
        raise NotFound(f"there is no run {visible(id[:64])!r}; GET /api/v1/runs lists them")
    return found


def _summary(run: ListedRun) -> dict[str, object]:
    local = run.kind is Kind.LOCAL
    return {
        "id": run.id,
        "kind": run.kind,
        "name": run.name,
        "experiment": run.experiment,
        "status": run.status,
        "session": run.session,
        "session_uid": run.session_uid,
        "parent": run.parent,
        "user": run.user or None,
        "key": (run.owner or None) if local else None,
        "start_time": _time(run.start_time),
        "end_time": _time(run.end_time) if run.end_time is not None else None,
    }


def _info(connection: Connection, run: ListedRun) -> RunInfo:
    params = records.params_of(connection, [run.id]).get(run.id, ())
    tags = records.tags_of(connection, [run.id]).get(run.id, ())
    return RunInfo(
        **_summary(run),
        params={row.key: row.value for row in params},
        tags={row.key: row.value for row in tags},
        metrics=latest_values(connection, run.series_key),
    )


def _time(millis: int) -> str:
    return timestamps.micros_to_text(millis * 1000)
