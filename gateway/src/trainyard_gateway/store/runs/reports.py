"""Applies what programs report of their runs; metric values are written elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import Connection

from trainyard_api import mlflow
from trainyard_api.mlflow.run_report import RunCreated, RunReport
from trainyard_api.phase import Phase
from trainyard_api.report import Batch
from trainyard_gateway.store.runs import experiments, logged_models, model_values, records, rows
from trainyard_gateway.store.runs.model_values import ModelValue
from trainyard_gateway.store.runs.rows import RunRow
from trainyard_gateway.store.runs.search import RUN_NAME_TAG

Accepted = tuple[Batch, RunReport, str]
"""A report that concerns a run of its batch's session, and what the run's series are under."""


def apply(
    connection: Connection, batches: Sequence[Batch]
) -> tuple[list[Accepted], list[tuple[Batch, str]]]:
    """Apply the reports of runs in batches, oldest first.

    Returns the reports of runs that are the session's, whose metrics are to be written, and
    sentences for the logs.
    """
    accepted: list[Accepted] = []
    notes: list[tuple[Batch, str]] = []
    # Of what is used of a run here nothing changes, and programs send a batch for each step.
    known: dict[tuple[str, str], RunRow] = {}
    for batch in batches:
        for report in batch.runs:
            place = batch.session_uid, report.run
            run = known.get(place) or _run_of(connection, batch.session_uid, report)
            if run is None:
                notes.append((batch, _REFUSED.format(report.run)))
                continue
            known[place] = run
            accepted.append((batch, report, run.series_key))
            if other := _apply_one(connection, run, report):
                named = ", ".join(sorted(other))[:500]
                notes.append((batch, f"params keep their first value: {named}"))
            if report.model_values and (left := _add_model_values(connection, run, report)):
                notes.append((batch, _MODELS_REFUSED.format(", ".join(sorted(left))[:500])))
    return accepted, notes


_MODELS_REFUSED = "values of logged models are left out: {} are not there, or not of this session"
_REFUSED = "run {} is not one of this session; what was reported of it is left out"


def _run_of(connection: Connection, session_uid: str, report: RunReport) -> RunRow | None:
    """The run of a report; None if it is not of that session, or not there."""
    run = rows.find(connection, report.run)
    if run is not None:
        return run if session_uid in (run.session_uid, run.series_key) else None
    if report.run == mlflow.run_id_of(session_uid):
        # The watch has not brought the session yet.
        return _added(connection, session_uid, report.run, RunCreated())
    if report.created is not None:
        return _added(connection, session_uid, report.run, report.created)
    return None


def _apply_one(connection: Connection, run: RunRow, report: RunReport) -> dict[str, str]:
    """Returns the params that keep another value."""
    rows.change(connection, run.id, **_changes(connection, run, report))
    if report.removed_tags:
        records.remove_tags(connection, run.id, report.removed_tags)
    records.set_tags(connection, run.id, report.tags)
    records.add_inputs(connection, run.id, report.inputs)
    records.add_outputs(connection, run.id, report.outputs)
    return records.set_params(connection, run.id, report.params)


def _add_model_values(connection: Connection, run: RunRow, report: RunReport) -> set[str]:
    """Returns the logged models whose values are left out."""
    by_model: dict[str, list[ModelValue]] = {}
    for point in report.model_values:
        by_model.setdefault(point.model_id, []).append(
            ModelValue(
                point.model_id,
                point.key,
                point.timestamp,
                point.step,
                run.id,
                float(point.value),
                point.dataset_name,
                point.dataset_digest,
            )
        )
    ids = logged_models.ids_of_session(connection, list(by_model), run.session_uid)
    model_values.add(connection, [value for id in sorted(ids) for value in by_model[id]])
    return by_model.keys() - set(ids)


def _changes(connection: Connection, run: RunRow, report: RunReport) -> dict[str, object]:
    changed: dict[str, object] = {}
    if report.experiment is not None:
        changed["experiment_id"] = experiments.ensure(connection, report.experiment, _now()).id
    name = report.tags.get(RUN_NAME_TAG, report.name)
    if name:
        changed["name"] = name
    if report.deleted is not None:
        changed["lifecycle"] = "deleted" if report.deleted else "active"
    if not run.is_session:
        if report.status is not None:
            changed["status"] = report.status
        if report.end_time is not None:
            changed["end_time"] = report.end_time
    return changed


def _added(connection: Connection, session_uid: str, id: str, created: RunCreated) -> RunRow:
    is_own = id == mlflow.run_id_of(session_uid)
    own = None if is_own else rows.find(connection, mlflow.run_id_of(session_uid))
    experiment = own.experiment_id if own is not None else mlflow.DEFAULT_EXPERIMENT_ID
    if created.experiment is not None:
        experiment = experiments.ensure(connection, created.experiment, _now()).id
    run = RunRow(
        id=id,
        experiment_id=experiment,
        session_uid=session_uid,
        series_key=mlflow.series_key_of(session_uid, id),
        owner=own.owner if own is not None else "",
        name=created.name,
        user=created.user,
        status="RUNNING",
        phase=Phase.PENDING if is_own else None,
        start_time=created.start_time or _now(),
        end_time=None,
        lifecycle="active",
    )
    rows.add(connection, run)
    return run


def _now() -> int:
    return int(time.time() * 1000)
