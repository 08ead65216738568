"""Finds runs and experiments for a caller, and says in MLflow's sentences what is not there."""

from __future__ import annotations

import re
from collections.abc import Sequence

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
from trainyard_gateway.store.database import Connection
from trainyard_gateway.store.metrics import series
from trainyard_gateway.store.runs import experiments, records, rows
from trainyard_gateway.store.runs.experiments import ACTIVE, ExperimentRow
from trainyard_gateway.store.runs.rows import RunRow

_EXPERIMENT_ID = re.compile(r"\d{1,19}")


def run_of(connection: Connection, id: str, visitor: Visitor) -> RunRow:
    """A run, also a deleted one. Raises NotFound; another session's run is not there for a pod."""
    run = rows.find(connection, id) if mlflow.is_run_id(id) else None
    if run is None or not _is_seen(connection, run, visitor):
        raise NotFound(f"Run with id={_shown(id)} not found")
    return run


def _is_seen(connection: Connection, run: RunRow, visitor: Visitor) -> bool:
    if visitor.session_uid is not None:
        return visitor.session_uid == run.session_uid
    return sees(visitor.user, owner_of(connection, run))


def owner_of(connection: Connection, run: RunRow) -> Owner:
    """Whose a run is: that of its session, or its own if it has none."""
    if run.session_uid is not None:
        return owners.find(connection, Kind.SESSION, run.session_uid)
    return owners.find(connection, Kind.RUN, run.id)


def changeable_run(connection: Connection, id: str, visitor: Visitor) -> RunRow:
    """A run that the caller may change, also a deleted one. Raises NotFound and NotPermitted."""
    run = run_of(connection, id, visitor)
    if visitor.session_uid is None:
        thing = OwnedObject("run", run.name, owner_of(connection, run))
        require(visitor.user, Verb.UPDATE, thing)
    return run


def active_run(connection: Connection, id: str, visitor: Visitor) -> RunRow:
    """A run that the caller may change and that is not deleted.

    Raises NotFound, NotPermitted and BadRequest.
    """
    run = changeable_run(connection, id, visitor)
    if run.lifecycle != ACTIVE:
        raise BadRequest(f"The run {run.id} must be in the 'active' state; it is deleted")
    return run


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
    metrics = series.rows_of_many(connection, [run.series_key for run in found])
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
