"""Finds runs and experiments for a caller, and says in MLflow's sentences what is not there."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from trainyard_api import mlflow
from trainyard_api.rights.decision import OwnedObject, Verb, sees
from trainyard_api.rights.owner import Owner
from trainyard_api.visible_text import visible
from trainyard_gateway.errors import BadRequest, NotFound
from trainyard_gateway.mlflow.visitor import Visitor
from trainyard_gateway.mlflow.wire.answers import Records
from trainyard_gateway.rights.asking import require
from trainyard_gateway.store.access import owners
from trainyard_gateway.store.access.owners import Kind
from trainyard_gateway.store.database import Connection, Database
from trainyard_gateway.store.metrics import series
from trainyard_gateway.store.runs import experiments, records, rows
from trainyard_gateway.store.runs.experiments import ACTIVE, ExperimentRow
from trainyard_gateway.store.runs.rows import RunRow

_EXPERIMENT_ID = re.compile(r"\d{1,19}")
SHARED_SECONDS = 1.0
"""How soon what another gateway does to a run is seen here; as for keys."""
_MOST_KNOWN = 10_000


class OwnedRun(NamedTuple):
    """A run, and whose it is."""

    run: RunRow
    owner: Owner


def owned_run(connection: Connection, id: str) -> OwnedRun | None:
    """A run, also a deleted one, with its owner: that of its session, or its own if it has none."""
    run = rows.find(connection, id) if mlflow.is_run_id(id) else None
    return OwnedRun(run, owner_of(connection, run)) if run is not None else None


def owner_of(connection: Connection, run: RunRow) -> Owner:
    """Whose a run is: that of its session, or its own if it has none."""
    if run.session_uid is not None:
        return owners.find(connection, Kind.SESSION, run.session_uid)
    return owners.find(connection, Kind.RUN, run.id)


def run_of(connection: Connection, id: str, visitor: Visitor) -> RunRow:
    """A run, also a deleted one. Raises NotFound; another session's run is not there for a pod."""
    return _seen(owned_run(connection, id), id, visitor).run


def changeable_run(connection: Connection, id: str, visitor: Visitor) -> RunRow:
    """A run that the caller may change, also a deleted one. Raises NotFound and NotPermitted."""
    return _changeable(owned_run(connection, id), id, visitor)


def active_run(connection: Connection, id: str, visitor: Visitor) -> RunRow:
    """A run that the caller may change and that is not deleted.

    Raises NotFound, NotPermitted and BadRequest.
    """
    return active(owned_run(connection, id), id, visitor)


def active(found: OwnedRun | None, id: str, visitor: Visitor) -> RunRow:
    """The same, of what was found. Pure."""
    run = _changeable(found, id, visitor)
    if run.lifecycle != ACTIVE:
        raise BadRequest(f"The run {run.id} must be in the 'active' state; it is deleted")
    return run


class KnownRuns:
    """Runs with their owners, read once for many calls, until the database may hold others.

    Programs log by one call at each step, and each asks for the same run and its owner. What this
    process writes is seen at once: `Database.revision` grows with it. `clock`: monotonic, in
    seconds.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database, self._clock = database, clock
        self._known: dict[str, tuple[OwnedRun, float]] = {}
        self._revision = database.revision

    async def active(self, id: str, visitor: Visitor) -> RunRow:
        """A run that the caller may change and that is not deleted.

        Raises NotFound, NotPermitted and BadRequest.
        """
        found = self._now().get(id)
        if found is None or found[1] <= self._clock():
            return active(await self._read(id), id, visitor)
        return active(found[0], id, visitor)

    async def _read(self, id: str) -> OwnedRun | None:
        revision, now = self._database.revision, self._clock()
        found = await self._database.read(lambda c: owned_run(c, id), applied=False)
        # Of a write meanwhile it is not known whether this read has seen it.
        if found is not None and revision == self._database.revision:
            until = math.inf if self._database.exclusive else now + SHARED_SECONDS
            self._now()[id] = found, until
        return found

    def _now(self) -> dict[str, tuple[OwnedRun, float]]:
        """What is known at the present revision."""
        if self._revision != self._database.revision or len(self._known) >= _MOST_KNOWN:
            self._known.clear()
            self._revision = self._database.revision
        return self._known


def _changeable(found: OwnedRun | None, id: str, visitor: Visitor) -> RunRow:
    run, owner = _seen(found, id, visitor)
    if visitor.session_uid is None:
        require(visitor.user, Verb.UPDATE, OwnedObject("run", run.name, owner))
    return run


def _seen(found: OwnedRun | None, id: str, visitor: Visitor) -> OwnedRun:
    if found is None or not _is_seen(found, visitor):
        raise NotFound(f"Run with id={_shown(id)} not found")
    return found


def _is_seen(found: OwnedRun, visitor: Visitor) -> bool:
    if visitor.session_uid is not None:
        return visitor.session_uid == found.run.session_uid
    return sees(visitor.user, found.owner)


def experiment_of(connection: Connection, id: str) -> ExperimentRow:
    """An experiment, also a deleted one. Raises NotFound."""
    found = experiments.find(connection, id) if _EXPERIMENT_ID.fullmatch(id) else None
    if found is None:
        raise NotFound(f"No Experiment with id={_shown(id)} exists")
    return found


def active_experiment(connection: Connection, id: str) -> ExperimentRow:
    """An experiment that is not deleted. Raises NotFound and BadRequest."""
    found = experiment_of(connection, id)
    if found.lifecycle != ACTIVE:
        raise BadRequest(
            f"The experiment {found.id} must be in the 'active' state; it is deleted, and "
            "experiments/restore brings it back"
        )
    return found


def records_of(connection: Connection, found: Sequence[RunRow]) -> list[Records]:
    """What belongs to runs, in their order."""
    ids = [run.id for run in found]
    metrics = series.newest_of_many(connection, [run.series_key for run in found])
    params, tags = records.params_of(connection, ids), records.tags_of(connection, ids)
    inputs, outputs = records.inputs_of(connection, ids), records.outputs_of(connection, ids)
    return [
        Records(
            metrics.get(run.series_key, ()),
            params.get(run.id, ()),
            tags.get(run.id, ()),
            inputs.get(run.id, ()),
            outputs.get(run.id, ()),
        )
        for run in found
    ]


def _shown(id: str) -> str:
    return visible(id[:64])
