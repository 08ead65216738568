"""Values of logged models: what is logged with `model_id` is a value of the run and of the model."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from trainyard_api.mlflow import DEFAULT_EXPERIMENT, run_id_of
from trainyard_api.mlflow.run_report import RunReport
from trainyard_api.report import Batch
from trainyard_api.rights.owner import Role, User
from trainyard_gateway.auth.keys import Scope
from trainyard_gateway.errors import BadRequest, NotFound, NotPermitted
from trainyard_gateway.mlflow.logged.logged_models import LoggedModels
from trainyard_gateway.mlflow.runs import Runs
from trainyard_gateway.mlflow.visitor import OF_PODS, Visitor
from trainyard_gateway.mlflow.wire.model_requests import CreateLoggedModel, SearchLoggedModels
from trainyard_gateway.mlflow.wire.requests import CreateRun, LogBatch, LogMetric
from trainyard_gateway.store.database import Connection
from trainyard_gateway.store.runs import experiments, model_values, reports
from trainyard_gateway.store.runs.model_values import MOST_VALUES, ModelValue
from trainyard_gateway.store.store import Store

SCOPES = frozenset(Scope)
ADA = Visitor("a", SCOPES, user=User("ada", Role.MEMBER, ("vision",)))
BOB = Visitor("b", SCOPES, user=User("bob", Role.MEMBER, ("vision",)))
OTHER = Visitor("o", SCOPES, user=User("eve", Role.MEMBER, ("speech",)))
UID = "11111111-1111-4111-8111-111111111111"
POD = Visitor("", OF_PODS, UID, 1, User("ada", Role.MEMBER, ("vision",)))
OF = {"dataset_name": "iris", "dataset_digest": "abc"}


def runs_of(database: Store) -> Runs:
    return Runs(database, lambda _: 1)


async def made(database: Store, visitor: Visitor) -> tuple[str, str]:
    """A run, and a logged model of it."""
    await database.write(lambda c: experiments.ensure(c, DEFAULT_EXPERIMENT, 1))
    run = await runs_of(database).create(CreateRun(), visitor)
    id = run["run"]["info"]["run_id"]
    model = await LoggedModels(database).create(
        CreateLoggedModel(experiment_id="0", source_run_id=id), visitor
    )
    return id, model["model"]["info"]["model_id"]


def metric(run: str, model: str | None, **more: Any) -> LogMetric:
    given = {"key": "acc", "value": 0.5, "timestamp": 7, "step": 1, "model_id": model}
    return LogMetric.model_validate({"run_id": run, **given, **more})


async def test_a_value_is_one_of_the_run_and_of_the_model(database: Store) -> None:
    run, model = await made(database, ADA)
    runs, models = runs_of(database), LoggedModels(database)

    for _ in range(2):
        await runs.log_metric(metric(run, model, **OF), ADA)
    await runs.log_metric(metric(run, None, value=9, timestamp=8), ADA)
    batch = [{"key": "loss", "value": "NaN", "timestamp": 9, "model_id": model}]
    await runs.log_batch(LogBatch.model_validate({"run_id": run, "metrics": batch}), ADA)
    shown = (await models.get(model, ADA))["model"]["data"]["metrics"]
    newest = (await runs.get(metric(run, None), ADA))["run"]["data"]["metrics"]

    of_run = {"run_id": run, "model_id": model}
    assert shown == [
        {"key": "acc", "value": 0.5, "timestamp": 7, "step": 1, **of_run, **OF},
        {"key": "loss", "value": "NaN", "timestamp": 9, "step": 0, **of_run},
    ]
    assert sorted((m["key"], str(m["value"])) for m in newest) == [("acc", "9.0"), ("loss", "NaN")]


async def test_a_training_goes_past_the_most_values_of_a_model(database: Store) -> None:
    run, model = await made(database, ADA)
    full = [ModelValue(model, "acc", 1, step, run, 0.5, "", "") for step in range(MOST_VALUES)]
    await database.write(lambda c: model_values.add(c, full))

    await runs_of(database).log_metric(metric(run, model, step=MOST_VALUES, timestamp=2), ADA)

    shown = (await LoggedModels(database).get(model, ADA))["model"]["data"]["metrics"]
    assert shown[-1]["step"] == MOST_VALUES
    assert len(shown) == MOST_VALUES * 9 // 10


async def test_a_search_shows_and_compares_values(database: Store) -> None:
    run, model = await made(database, ADA)
    await runs_of(database).log_metric(metric(run, model, **OF), ADA)
    models = LoggedModels(database)

    async def found(visitor: Visitor = ADA, **more: Any) -> list[Any]:
        asked = SearchLoggedModels.model_validate({"experiment_ids": ["0"], **more})
        page = await models.search(asked, visitor)
        return [each["data"]["metrics"][0]["value"] for each in page.get("models", [])]

    order = [{"field_name": "metrics.acc", "ascending": False, **OF}]
    assert await found(order_by=order) == [0.5]
    assert await found(filter="metrics.acc > 0.4") == [0.5]
    assert await found(filter="metrics.acc > 0.5") == []
    assert await found(datasets=[{"dataset_name": "iris"}]) == [0.5]
    assert await found(datasets=[{"dataset_name": "wine"}]) == []
    assert await found(BOB) == [0.5]
    assert await found(OTHER) == []


@pytest.mark.parametrize(
    ("most", "count", "found"),
    [
        pytest.param(2, 5, ["wanted"], id="beyond the first page"),
        pytest.param(2, 20, [], id="beyond the last page"),
        pytest.param(10, 9, ["wanted"], id="in one page"),
    ],
)
async def test_a_search_looks_beyond_models_of_other_names(
    database: Store, most: int, count: int, found: list[str]
) -> None:
    run, _ = await made(database, ADA)
    models = LoggedModels(database, most)
    for name in ["wanted", *(f"n{number}" for number in range(count))]:
        asked = CreateLoggedModel(experiment_id="0", source_run_id=run, name=name)
        await models.create(asked, ADA)

    wanted = SearchLoggedModels(experiment_ids=["0"], filter="name = 'wanted'")
    page = await models.search(wanted, ADA)

    assert [each["info"]["name"] for each in page.get("models", [])] == found


@pytest.mark.parametrize(("metrics", "datasets"), [(100, 1), (10, 10), (1, 100), (2, 51)])
async def test_a_search_compares_with_few_datasets(
    database: Store, metrics: int, datasets: int
) -> None:
    """A hundred comparisons with a hundred datasets take minutes of a thread."""
    asked = SearchLoggedModels.model_validate(
        {
            "experiment_ids": ["0"],
            "filter": " AND ".join(["metrics.acc > 0.4"] * metrics),
            "datasets": [{"dataset_name": f"d{n}"} for n in range(datasets)],
        }
    )
    searched = LoggedModels(database).search(asked, ADA)

    if metrics * datasets <= 100:
        assert await searched == {}
        return
    with pytest.raises(BadRequest, match="2 comparisons of metrics with 51 datasets"):
        await searched


async def test_a_model_gets_values_from_those_who_may_change_it(database: Store) -> None:
    _, model = await made(database, ADA)
    theirs, _ = await made(database, BOB)
    hidden, _ = await made(database, OTHER)
    runs = runs_of(database)

    with pytest.raises(NotPermitted):
        await runs.log_metric(metric(theirs, model), BOB)
    with pytest.raises(NotFound):
        await runs.log_metric(metric(hidden, model), OTHER)
    with pytest.raises(NotFound):
        await runs.log_metric(metric(theirs, "m-" + "0" * 32), BOB)

    assert "metrics" not in (await LoggedModels(database).get(model, ADA))["model"]["data"]
    shown = (await runs.get(metric(theirs, None), BOB))["run"]["data"]
    assert not shown.get("metrics")


async def test_what_a_pod_reports_of_its_models_counts_once(database: Store) -> None:
    _, foreign = await made(database, ADA)
    run, model = await made(database, POD)
    point = {"key": "acc", "value": "Infinity", "timestamp": 7, "step": 1, "datasetName": "iris"}
    for sequence in (1, 2):
        values = [{**point, "modelId": id} for id in (model, foreign)]
        report = RunReport.model_validate({"run": run, "modelValues": values})
        batch = Batch(
            session_uid=UID, attempt=1, stream="relay-0", sequence=sequence, runs=[report]
        )
        await database.ingest(batch, batch.model_dump_json(by_alias=True).encode())

    models = LoggedModels(database)
    [value] = (await models.get(model, POD))["model"]["data"]["metrics"]
    assert (value["value"], value["dataset_name"], value["run_id"]) == ("Infinity", "iris", run)
    assert "metrics" not in (await models.get(foreign, ADA))["model"]["data"]


async def test_values_of_many_models_take_few_statements(database: Store) -> None:
    """The writer of all sessions applies them."""
    await database.write(lambda c: experiments.ensure(c, DEFAULT_EXPERIMENT, 1))
    point = {"key": "acc", "value": 1, "timestamp": 7}
    values = [{**point, "modelId": f"m-{number:032x}"} for number in range(10_000)]
    report = RunReport.model_validate({"run": run_id_of(UID), "modelValues": values})
    batch = Batch(session_uid=UID, attempt=1, stream="relay-0", sequence=1, runs=[report])
    statements: list[str] = []

    def apply(connection: Connection) -> list[str]:
        event.listen(
            connection, "before_cursor_execute", lambda *given: statements.append(given[2])
        )
        return [note for _, note in reports.apply(connection, [batch])[1]]

    [note] = await database.write(apply)

    assert "values of logged models are left out" in note
    assert len(statements) < 100
