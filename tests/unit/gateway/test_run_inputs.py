"""Datasets that runs used: libraries log one again and again, mostly without what it was used for."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, func, select, update

from trainyard_api.mlflow.run_report import RunDataset, RunInput
from trainyard_gateway.store.runs import records
from trainyard_gateway.store.schema.run_tables import run_inputs
from trainyard_gateway.store.store import Store

RUN = "0" * 32


def used(name: str = "iris", **tags: Any) -> RunInput:
    dataset = RunDataset(name=name, digest="1", source_type="", source="")
    return RunInput(dataset=dataset, tags=tags)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        pytest.param([[used(a="b")], [used()]], [used(a="b")], id="logged again without tags"),
        pytest.param([[used(a="b"), used()]], [used(a="b")], id="in one request"),
        pytest.param([[used()], [used(a="b")]], [used(a="b")], id="tags that come later"),
        pytest.param([[used(a="b")], [used(a="c")]], [used(a="b")], id="the first ones stay"),
        pytest.param([[used()], [used()], []], [used()], id="without tags"),
        pytest.param([[used()], [used("wine", a="b")]], [used(), used("wine", a="b")], id="others"),
    ],
)
async def test_a_dataset_keeps_its_first_tags(
    database: Store, given: list[list[RunInput]], kept: list[RunInput]
) -> None:
    for inputs in given:
        await database.write(lambda c, inputs=inputs: records.add_inputs(c, RUN, inputs))  # type: ignore[misc]  # of this step

    found = await database.read(lambda c: records.inputs_of(c, [RUN]))
    assert found == {RUN: kept}


async def test_datasets_that_are_not_given_are_not_read(database: Store) -> None:
    """A program may log another one at each step, and each may have megabytes."""

    def add(connection: Connection) -> int:
        records.add_inputs(connection, RUN, [used("other", a="b")])
        connection.execute(update(run_inputs).values(body="no JSON, so that reading it fails"))
        records.add_inputs(connection, RUN, [used()])
        return int(connection.execute(select(func.count()).select_from(run_inputs)).scalar_one())

    assert await database.write(add) == 2
