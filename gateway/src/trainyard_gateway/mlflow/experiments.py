"""The operations of MLflow's protocol about experiments."""

from __future__ import annotations

import time

from trainyard_api import mlflow
from trainyard_api.visible_text import visible
from trainyard_gateway.errors import AlreadyThere, BadRequest, NotFound, NotPermitted
from trainyard_gateway.mlflow import filters
from trainyard_gateway.mlflow.finding import active_experiment, experiment_of
from trainyard_gateway.mlflow.visitor import Visitor
from trainyard_gateway.mlflow.wire import answers, tokens
from trainyard_gateway.mlflow.wire.answers import Json
from trainyard_gateway.mlflow.wire.requests import (
    LIFECYCLES,
    CreateExperiment,
    DeleteExperimentTag,
    ExperimentById,
    SearchExperiments,
    SetExperimentTag,
    UpdateExperiment,
)
from trainyard_gateway.store.database import Connection, Database
from trainyard_gateway.store.runs import experiments, rows
from trainyard_gateway.store.runs.conditions import Search
from trainyard_gateway.store.runs.experiments import ACTIVE, DELETED, ExperimentRow


class Experiments:
    """Experiments: names that runs are gathered under."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, asked: CreateExperiment, visitor: Visitor) -> Json:
        """Make an experiment. Raises AlreadyThere, also for the name of a deleted one.

        A session whose program makes one belongs to it.
        """

        def change(connection: Connection) -> Json:
            present = experiments.find_by_name(connection, asked.name)
            if present is not None:
                raise _exists(present)
            made = experiments.add(connection, asked.name, _now())
            tags = {tag.key: tag.value for tag in asked.tags}
            experiments.set_tags(connection, made.id, tags)
            _move(connection, made, visitor)
            return {"experiment_id": made.id}

        return await self._database.write(change)

    async def get(self, asked: ExperimentById) -> Json:
        """An experiment by its id, also a deleted one. Raises NotFound."""
        return await self._database.read(
            lambda c: _shown(c, experiment_of(c, asked.experiment_id)), applied=False
        )

    async def get_by_name(self, name: str, visitor: Visitor) -> Json:
        """An experiment by its name, also a deleted one. Raises NotFound.

        A session whose program names an active one belongs to it.
        """

        def find(connection: Connection) -> Json:
            found = experiments.find_by_name(connection, name)
            if found is None:
                raise NotFound(f"Could not find experiment with name '{visible(name[:200])}'")
            _move(connection, found, visitor)
            return _shown(connection, found)

        if visitor.session_uid is not None:
            return await self._database.write(find)
        return await self._database.read(find, applied=False)

    async def update(self, asked: UpdateExperiment) -> Json:
        """Give an experiment another name. Raises AlreadyThere."""

        def change(connection: Connection) -> None:
            found = active_experiment(connection, asked.experiment_id)
            if asked.new_name is None or asked.new_name == found.name:
                return
            _require_not_default(found)
            present = experiments.find_by_name(connection, asked.new_name)
            if present is not None:
                raise _exists(present)
            experiments.change(connection, found.id, _now(), name=asked.new_name)

        await self._database.write(change)
        return {}

    async def delete(self, asked: ExperimentById, visitor: Visitor) -> Json:
        """Delete an experiment with its runs. They are kept; lists leave them out.

        Runs that the caller may not change stay as they are.
        """

        def change(connection: Connection) -> None:
            found = active_experiment(connection, asked.experiment_id)
            _require_not_default(found)
            experiments.change(connection, found.id, _now(), lifecycle=DELETED)
            rows.change_all(connection, found.id, visitor.user, lifecycle=DELETED)

        await self._database.write(change)
        return {}

    async def restore(self, asked: ExperimentById, visitor: Visitor) -> Json:
        """Bring a deleted experiment back, and those of its runs that the caller may change."""

        def change(connection: Connection) -> None:
            found = experiment_of(connection, asked.experiment_id)
            if found.lifecycle == ACTIVE:
                raise BadRequest(f"Experiment {found.id} is not deleted")
            experiments.change(connection, found.id, _now(), lifecycle=ACTIVE)
            rows.change_all(connection, found.id, visitor.user, lifecycle=ACTIVE)

        await self._database.write(change)
        return {}

    async def set_tag(self, asked: SetExperimentTag, visitor: Visitor) -> Json:
        """Set a tag."""

        def change(connection: Connection) -> None:
            found = _own(connection, asked.experiment_id, visitor)
            experiments.set_tags(connection, found.id, {asked.key: asked.value})

        await self._database.write(change)
        return {}

    async def delete_tag(self, asked: DeleteExperimentTag, visitor: Visitor) -> Json:
        """Remove a tag. Raises NotFound."""

        def change(connection: Connection) -> None:
            found = _own(connection, asked.experiment_id, visitor)
            if not experiments.remove_tag(connection, found.id, asked.key):
                raise answers.no_tag(asked.key, f"experiment with id {found.id}")

        await self._database.write(change)
        return {}

    async def search(self, asked: SearchExperiments, visitor: Visitor) -> Json:
        """A page of experiments; a pod finds the one of its session's run. Raises BadRequest."""
        wanted = Search(
            filters.parse_filter(asked.filter, filters.EXPERIMENTS),
            filters.parse_orders(asked.order_by, filters.EXPERIMENTS),
            LIFECYCLES[asked.view_type],
            asked.max_results,
            tokens.offset_of(asked.page_token),
        )

        def read(connection: Connection) -> Json:
            only = _experiment_of_pod(connection, visitor)
            found = [
                row
                for row in experiments.search(connection, wanted)
                if only is None or row.id == only
            ]
            shown = found[: wanted.limit]
            tags = experiments.tags_of(connection, [row.id for row in shown])
            listed = [answers.experiment(row, tags.get(row.id, {})) for row in shown]
            if len(found) <= wanted.limit:
                return {"experiments": listed}
            token = tokens.of_offset(wanted.offset + wanted.limit)
            return {"experiments": listed, "next_page_token": token}

        return await self._database.read(read, applied=False)


def _shown(connection: Connection, row: ExperimentRow) -> Json:
    tags = experiments.tags_of(connection, [row.id]).get(row.id, {})
    return {"experiment": answers.experiment(row, tags)}


def _move(connection: Connection, found: ExperimentRow, visitor: Visitor) -> None:
    """The session's run belongs to the experiment that its program named last."""
    if visitor.session_uid is not None and found.lifecycle == ACTIVE:
        own = mlflow.run_id_of(visitor.session_uid)
        rows.change(connection, own, experiment_id=found.id)


def _experiment_of_pod(connection: Connection, visitor: Visitor) -> str | None:
    """The experiment of the session's run; None for an API key."""
    if visitor.session_uid is None:
        return None
    own = rows.find(connection, mlflow.run_id_of(visitor.session_uid))
    return own.experiment_id if own is not None else mlflow.DEFAULT_EXPERIMENT_ID


def _own(connection: Connection, id: str, visitor: Visitor) -> ExperimentRow:
    """An active experiment whose tags the caller may change. Raises NotPermitted."""
    found = active_experiment(connection, id)
    if _experiment_of_pod(connection, visitor) not in (None, found.id):
        raise NotPermitted("the run of this session is not in that experiment")
    return found


def _exists(present: ExperimentRow) -> AlreadyThere:
    name = visible(present.name[:200])
    if present.lifecycle == DELETED:
        return AlreadyThere(
            f"Experiment '{name}' already exists in deleted state. experiments/restore brings it "
            "back, or give another name"
        )
    return AlreadyThere(f"Experiment(name={name}) already exists")


def _require_not_default(found: ExperimentRow) -> None:
    if found.id == mlflow.DEFAULT_EXPERIMENT_ID:
        raise BadRequest(
            f"The experiment '{mlflow.DEFAULT_EXPERIMENT}' stays as it is: sessions belong to it "
            "unless their programs name another one"
        )


def _now() -> int:
    return int(time.time() * 1000)
