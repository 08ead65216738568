"""The operations of MLflow's protocol about one run.

The state of a session's run is the operator's: what a client says about it is answered and not
believed. A local run is its client's.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from trainyard_api.mlflow.run_report import RunDataset, RunInput, RunOutput
from trainyard_gateway.errors import BadRequest
from trainyard_gateway.mlflow.finding import (
    KnownRuns,
    active_experiment,
    active_run,
    changeable_run,
    records_of,
    run_of,
)
from trainyard_gateway.mlflow.logged import value_logging
from trainyard_gateway.mlflow.logging import MetricLog
from trainyard_gateway.mlflow.visitor import Visitor
from trainyard_gateway.mlflow.wire import answers
from trainyard_gateway.mlflow.wire.answers import Json
from trainyard_gateway.mlflow.wire.fields import Metric
from trainyard_gateway.mlflow.wire.requests import (
    CreateRun,
    DeleteTag,
    LogBatch,
    LogInputs,
    LogMetric,
    LogOutputs,
    LogParam,
    OfRun,
    SetTag,
    UpdateRun,
)
from trainyard_gateway.rights.asking import new_owner
from trainyard_gateway.store.access import owners
from trainyard_gateway.store.access.owners import Kind
from trainyard_gateway.store.database import Connection
from trainyard_gateway.store.runs import records, rows
from trainyard_gateway.store.runs.experiments import ACTIVE, DELETED
from trainyard_gateway.store.runs.rows import RunRow
from trainyard_gateway.store.runs.search import RUN_NAME_TAG
from trainyard_gateway.store.store import Store

RUNNING = "RUNNING"


class Runs:
    """Runs, one at a time."""

    def __init__(self, database: Store, attempt_of: Callable[[str], int]) -> None:
        """`attempt_of`: the current attempt of the session with this UID."""
        self._database = database
        self._metrics = MetricLog(database, attempt_of)
        self._known = KnownRuns(database)

    async def create(self, asked: CreateRun, visitor: Visitor) -> Json:
        """Make a run; one that is there already is answered as it is."""
        run = await self._database.write(lambda c: _created(c, asked, visitor))
        return {"run": await self._whole(run.id, visitor)}

    async def get(self, asked: OfRun, visitor: Visitor) -> Json:
        """A run with its newest values. Raises NotFound."""
        return {"run": await self._whole(asked.run_id, visitor)}

    async def update(self, asked: UpdateRun, visitor: Visitor) -> Json:
        """Change name, state and end of a run; the state of a session's run stays as it is."""
        return {"run_info": await self._database.write(lambda c: _updated(c, asked, visitor))}

    async def set_lifecycle(self, asked: OfRun, lifecycle: str, visitor: Visitor) -> Json:
        """Delete a run or restore it. A deleted run is kept; lists leave it out."""

        def change(connection: Connection) -> None:
            run = changeable_run(connection, asked.run_id, visitor)
            rows.change(connection, run.id, lifecycle=lifecycle)

        await self._database.write(change)
        return {}

    async def delete(self, asked: OfRun, visitor: Visitor) -> Json:
        """Leave a run out of lists."""
        return await self.set_lifecycle(asked, DELETED, visitor)

    async def restore(self, asked: OfRun, visitor: Visitor) -> Json:
        """Bring a deleted run back."""
        return await self.set_lifecycle(asked, ACTIVE, visitor)

    async def log_metric(self, asked: LogMetric, visitor: Visitor) -> Json:
        """One value of a metric."""
        run = await self._known.active(asked.run_id, visitor)
        await value_logging.log(self._database, run, [asked], visitor)
        metric = Metric.model_construct(
            key=asked.key, value=asked.value, timestamp=asked.timestamp, step=asked.step
        )
        await self._metrics.log(run, [metric], visitor)
        return {}

    async def log_batch(self, asked: LogBatch, visitor: Visitor) -> Json:
        """Params and tags at once, in one transaction, then the values."""
        params = {param.key: param.value for param in asked.params}
        tags = {tag.key: tag.value for tag in asked.tags}

        def change(connection: Connection) -> RunRow:
            run = active_run(connection, asked.run_id, visitor)
            _set_params(connection, run, params)
            _set_tags(connection, run, tags)
            return run

        if params or tags:
            run = await self._database.write(change)
        else:
            run = await self._known.active(asked.run_id, visitor)
        await value_logging.log(self._database, run, asked.metrics, visitor)
        await self._metrics.log(run, asked.metrics, visitor)
        return {}

    async def log_param(self, asked: LogParam, visitor: Visitor) -> Json:
        """One param. Raises BadRequest if it has another value."""

        def change(connection: Connection) -> None:
            run = active_run(connection, asked.run_id, visitor)
            _set_params(connection, run, {asked.key: asked.value})

        await self._database.write(change)
        return {}

    async def set_tag(self, asked: SetTag, visitor: Visitor) -> Json:
        """One tag."""

        def change(connection: Connection) -> None:
            run = active_run(connection, asked.run_id, visitor)
            _set_tags(connection, run, {asked.key: asked.value})

        await self._database.write(change)
        return {}

    async def delete_tag(self, asked: DeleteTag, visitor: Visitor) -> Json:
        """Remove a tag. Raises NotFound."""

        def change(connection: Connection) -> None:
            run = active_run(connection, asked.run_id, visitor)
            if not records.remove_tags(connection, run.id, [asked.key]):
                raise answers.no_tag(asked.key, f"run with id {run.id}")

        await self._database.write(change)
        return {}

    async def log_inputs(self, asked: LogInputs, visitor: Visitor) -> Json:
        """Datasets that a run used."""
        inputs = [
            RunInput(
                dataset=RunDataset(**each.dataset.model_dump()),
                tags={tag.key: tag.value for tag in each.tags},
            )
            for each in asked.datasets
        ]
        await self._database.write(
            lambda c: records.add_inputs(c, active_run(c, asked.run_id, visitor).id, inputs)
        )
        return {}

    async def log_outputs(self, asked: LogOutputs, visitor: Visitor) -> Json:
        """Logged models that a run made."""
        outputs = [RunOutput(model_id=each.model_id, step=each.step) for each in asked.models]
        await self._database.write(
            lambda c: records.add_outputs(c, active_run(c, asked.run_id, visitor).id, outputs)
        )
        return {}

    async def _whole(self, id: str, visitor: Visitor) -> Json:
        def read(connection: Connection) -> Json:
            run = run_of(connection, id, visitor)
            [found] = records_of(connection, [run])
            return answers.whole_run(run, found)

        return await self._database.read(read)


def _created(connection: Connection, asked: CreateRun, visitor: Visitor) -> RunRow:
    present = rows.find(connection, asked.run_id) if asked.run_id is not None else None
    if present is not None:
        return run_of(connection, present.id, visitor)
    experiment = active_experiment(connection, asked.experiment_id)
    tags = {tag.key: tag.value for tag in asked.tags}
    name = asked.run_name or tags.get(RUN_NAME_TAG, "")
    if asked.run_name and tags.get(RUN_NAME_TAG, asked.run_name) != asked.run_name:
        raise BadRequest(
            "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different "
            f"values (run_name={asked.run_name[:200]!r}, mlflow.runName={tags[RUN_NAME_TAG][:200]!r})."
        )
    id = asked.run_id or uuid.uuid4().hex
    run = RunRow(
        id=id,
        experiment_id=experiment.id,
        session_uid=visitor.session_uid,
        series_key=id,
        owner=visitor.name,
        name=name or f"run-{id[:8]}",
        user=asked.user_id,
        status=RUNNING,
        phase=None,
        start_time=asked.start_time or int(time.time() * 1000),
        end_time=None,
        lifecycle=ACTIVE,
    )
    if visitor.session_uid is None:
        owners.save(connection, Kind.RUN, {run.id: new_owner(visitor.user, Kind.RUN)})
    rows.add(connection, run)
    _set_tags(connection, run, {key: value for key, value in tags.items() if key != RUN_NAME_TAG})
    return run


def _updated(connection: Connection, asked: UpdateRun, visitor: Visitor) -> Json:
    run = active_run(connection, asked.run_id, visitor)
    changed: dict[str, Any] = {}
    if asked.run_name:
        changed["name"] = asked.run_name
    if not run.is_session:
        if asked.status is not None:
            changed["status"] = asked.status
        if asked.end_time is not None:
            changed["end_time"] = asked.end_time
        elif asked.status == RUNNING:
            changed["end_time"] = None
    rows.change(connection, run.id, **changed)
    return answers.run_info(run._replace(**changed))


def _set_params(connection: Connection, run: RunRow, params: Mapping[str, str]) -> None:
    other = records.set_params(connection, run.id, params)
    if other:
        changed = [
            f"key={key!r} has the value {present[:100]!r}, not {params[key][:100]!r}"
            for key, present in sorted(other.items())[:20]
        ]
        raise BadRequest(
            f"Changing param values is not allowed. Run {run.id}: {'; '.join(changed)}. Log each "
            "value of a param in another run, or as a tag or a metric"
        )


def _set_tags(connection: Connection, run: RunRow, tags: Mapping[str, str]) -> None:
    if tags.get(RUN_NAME_TAG):
        rows.change(connection, run.id, name=tags[RUN_NAME_TAG])
    records.set_tags(connection, run.id, {k: v for k, v in tags.items() if k != RUN_NAME_TAG})
