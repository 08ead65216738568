"""Runs and experiments as MLflow's protocol writes them. Pure.

Fields without a value are left out, as its servers leave them out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from trainyard_api import timestamps
from trainyard_api.mlflow.run_report import RunInput, RunNumber, RunOutput
from trainyard_api.visible_text import visible
from trainyard_gateway.errors import NotFound
from trainyard_gateway.store.metrics.points import LoggedPoint
from trainyard_gateway.store.metrics.series import NewestValue
from trainyard_gateway.store.runs.experiments import ExperimentRow
from trainyard_gateway.store.runs.records import Text
from trainyard_gateway.store.runs.rows import RunRow
from trainyard_gateway.store.runs.search import RUN_NAME_TAG

Json = dict[str, Any]
SESSION_TAG = "trainyard.session"
PHASE_TAG = "trainyard.phase"
"""Tags that the gateway adds to the run of a session."""


@dataclass(frozen=True, slots=True)
class Records:
    """What belongs to a run."""

    metrics: Sequence[NewestValue] = ()
    params: Sequence[Text] = ()
    tags: Sequence[Text] = ()
    inputs: Sequence[RunInput] = ()
    outputs: Sequence[RunOutput] = ()
    session: str | None = None
    """Name of the session whose run it is."""
    user: str = field(default="")


def artifact_root(experiment_id: str) -> str:
    """Where the artifacts of an experiment are."""
    return f"mlflow-artifacts:/{experiment_id}"


def artifact_uri(run: RunRow) -> str:
    """Where the artifacts of a run are."""
    return f"{artifact_root(run.experiment_id)}/{run.id}/artifacts"


def experiment(row: ExperimentRow, tags: Mapping[str, str]) -> Json:
    """An experiment."""
    shown: Json = {
        "experiment_id": row.id,
        "name": row.name,
        "artifact_location": artifact_root(row.id),
        "lifecycle_stage": row.lifecycle,
        "last_update_time": row.updated,
        "creation_time": row.created,
    }
    return shown | ({"tags": pairs(tags.items())} if tags else {})


def run_info(run: RunRow) -> Json:
    """The head of a run."""
    shown: Json = {
        "run_id": run.id,
        "run_uuid": run.id,
        "experiment_id": run.experiment_id,
        "run_name": run.name,
        "user_id": run.user,
        "status": run.status,
        "start_time": run.start_time,
        "artifact_uri": artifact_uri(run),
        "lifecycle_stage": run.lifecycle,
    }
    return shown | ({"end_time": run.end_time} if run.end_time is not None else {})


def whole_run(run: RunRow, records: Records) -> Json:
    """A run with the newest value of each metric."""
    tags = dict(records.tags)
    if run.name:
        tags[RUN_NAME_TAG] = run.name
    if run.is_session:
        tags |= {SESSION_TAG: records.session or run.name, PHASE_TAG: str(run.phase)}
        tags.setdefault("mlflow.user", run.user)
    data = {
        "metrics": [_newest(each) for each in records.metrics],
        "params": pairs(records.params),
        "tags": pairs(sorted(tags.items())),
    }
    inputs = [dataset_input(each) for each in records.inputs]
    outputs = [{"model_id": row.model_id, "step": row.step} for row in records.outputs]
    return {
        "info": run_info(run),
        "data": {name: value for name, value in data.items() if value},
        "inputs": {"dataset_inputs": inputs} if inputs else {},
        "outputs": {"model_outputs": outputs} if outputs else {},
    }


def _newest(given: NewestValue) -> Json:
    value = math.nan if given.value is None else given.value
    return _metric(given.name, value, given.time // 1000, given.step)


def logged_points(key: str, points: Sequence[LoggedPoint]) -> list[Json]:
    """Values of a metric's history."""
    # One number that is not finite makes the sum so; as a sum of large ones may be, too.
    if any(map(_NAN, points)) or not math.isfinite(sum(map(_VALUE, points))):
        return [
            _metric(key, math.nan if p.nan else p.value, p.time // 1000, p.step) for p in points
        ]
    return [
        {"key": key, "value": value, "timestamp": time // 1000, "step": step}
        for step, time, _, value in points
    ]


_NAN, _VALUE = itemgetter(2), itemgetter(3)


def charted(key: str, point: Mapping[str, Any], run: str) -> Json:
    """One point of a chart as a value of a run's metric."""
    seconds = timestamps.parse_seconds(point["time"]) or 0.0
    shown = {"key": key, "value": point["value"], "step": point["step"], "run_id": run}
    return shown | {"timestamp": round(seconds * 1000)}


def dataset_input(given: RunInput) -> Json:
    """A dataset that a run used."""
    dataset = given.dataset
    shown = {
        "name": dataset.name,
        "digest": dataset.digest,
        "source_type": dataset.source_type,
        "source": dataset.source,
        "schema": dataset.schema_,
        "profile": dataset.profile,
    }
    kept = {name: value for name, value in shown.items() if value}
    return {"tags": pairs(given.tags.items()), "dataset": kept}


def pairs(items: Iterable[tuple[str, str]]) -> list[Json]:
    """Tags."""
    return [{"key": key, "value": value} for key, value in items]


def json_value(value: float) -> RunNumber:
    """A value as JSON: numbers, or NaN, Infinity and -Infinity as text."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def _metric(key: str, value: float, timestamp: int, step: int) -> Json:
    return {"key": key, "value": json_value(value), "timestamp": timestamp, "step": step}


def no_tag(key: str, owner: str) -> NotFound:
    """The answer where a tag is to be removed that is not there."""
    return NotFound(f"No tag with name: {visible(key)} in {owner}")
