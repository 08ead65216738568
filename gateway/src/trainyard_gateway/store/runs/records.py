"""Params, tags, datasets and outputs of runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

from sqlalchemy import Column, Connection, Table, delete, insert, select, tuple_

from trainyard_api.mlflow.run_report import RunInput, RunOutput
from trainyard_gateway.store.schema.run_tables import (
    run_inputs,
    run_outputs,
    run_params,
    run_tags,
)
from trainyard_gateway.store.sql.dialect import upsert
from trainyard_gateway.store.sql.statements import fetch_tuples
from trainyard_gateway.store.sql.text import escape_nul

CONTEXT = "mlflow.data.context"
"""The tag of a dataset that says what it was used for."""
_AT_ONCE = 500
_Place = tuple[str, str]
"""Name and digest of a dataset, as they are stored."""


def set_params(connection: Connection, run: str, params: Mapping[str, str]) -> dict[str, str]:
    """Set params that are not set; returns the present values of those that are set otherwise."""
    if not params:
        return {}
    wanted = {escape_nul(k): escape_nul(v) for k, v in params.items()}
    query = select(run_params.c.key, run_params.c.value).where(run_params.c.run_id == run)
    present = {r.key: r.value for r in connection.execute(query) if r.key in wanted}
    rows = [{"run_id": run, "key": k, "value": v} for k, v in wanted.items() if k not in present]
    if rows:
        connection.execute(insert(run_params), rows)
    return {k: v for k, v in present.items() if v != wanted[k]}


def set_tags(connection: Connection, run: str, tags: Mapping[str, str]) -> None:
    """Set tags; the last value of each stays."""
    rows = [{"run_id": run, "key": escape_nul(k), "value": escape_nul(v)} for k, v in tags.items()]
    if rows:
        statement = upsert(connection, run_tags)
        new = {"value": statement.excluded.value}
        keys = ["run_id", "key"]
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=new), rows)


def remove_tags(connection: Connection, run: str, keys: Iterable[str]) -> int:
    """Remove tags; how many of them were there."""
    wanted = run_tags.c.key.in_([escape_nul(key) for key in keys])
    return connection.execute(delete(run_tags).where(run_tags.c.run_id == run, wanted)).rowcount


def add_inputs(connection: Connection, run: str, inputs: Sequence[RunInput]) -> None:
    """Note datasets that a run used; one that is there keeps its tags, if it has any.

    Libraries log a dataset again, without what it was used for, with each value of it.
    """
    if not inputs:
        return
    tagged = _tagged(connection, run, [_place(each) for each in inputs])
    rows = [
        {
            "run_id": run,
            "name": name,
            "digest": digest,
            "context": escape_nul(each.tags.get(CONTEXT, ""))[:500],
            "body": escape_nul(each.model_dump_json(by_alias=True)),
        }
        for (name, digest), each in _tagged_once(tagged, inputs)
    ]
    if rows:
        statement = upsert(connection, run_inputs)
        new = {name: statement.excluded[name] for name in ("context", "body")}
        keys = ["run_id", "name", "digest"]
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=new), rows)


def _tagged(connection: Connection, run: str, places: Sequence[_Place]) -> set[_Place]:
    """Which of these datasets are there with tags. Of all others of the run none is read."""
    found: set[_Place] = set()
    columns = run_inputs.c.name, run_inputs.c.digest
    for start in range(0, len(places), _AT_ONCE):
        some = tuple_(*columns).in_(places[start : start + _AT_ONCE])
        query = select(*columns, run_inputs.c.body).where(run_inputs.c.run_id == run, some)
        for name, digest, body in fetch_tuples(connection, query):
            if RunInput.model_validate_json(body).tags:
                found.add((name, digest))
    return found


def _tagged_once(
    tagged: AbstractSet[_Place], given: Sequence[RunInput]
) -> list[tuple[_Place, RunInput]]:
    """Those of `given` whose datasets have no tags before. Pure."""
    known, found = set(tagged), []
    for each in given:
        place = _place(each)
        if place not in known:
            found.append((place, each))
        if each.tags:
            known.add(place)
    return found


def _place(used: RunInput) -> _Place:
    return escape_nul(used.dataset.name), escape_nul(used.dataset.digest)


def add_outputs(connection: Connection, run: str, outputs: Iterable[RunOutput]) -> None:
    """Note logged models that a run made."""
    rows = [{"run_id": run, "model_id": each.model_id, "step": each.step} for each in outputs]
    if rows:
        statement = upsert(connection, run_outputs)
        new = {"step": statement.excluded.step}
        keys = ["run_id", "model_id"]
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=new), rows)


class Text(NamedTuple):
    """A param or a tag."""

    key: str
    value: str


def params_of(connection: Connection, ids: Sequence[str]) -> dict[str, list[Text]]:
    """Params of runs, by run and key."""
    return _texts(connection, run_params, ids)


def tags_of(connection: Connection, ids: Sequence[str]) -> dict[str, list[Text]]:
    """Tags of runs, by run and key."""
    return _texts(connection, run_tags, ids)


def inputs_of(connection: Connection, ids: Sequence[str]) -> dict[str, list[RunInput]]:
    """Datasets of runs, by run."""
    columns = run_inputs.c.run_id, run_inputs.c.name, run_inputs.c.body
    found: dict[str, list[RunInput]] = {}
    for run, _, body in _of_runs(connection, columns, ids):
        found.setdefault(run, []).append(RunInput.model_validate_json(body))
    return found


def outputs_of(connection: Connection, ids: Sequence[str]) -> dict[str, list[RunOutput]]:
    """Logged models of runs, by run."""
    columns = run_outputs.c.run_id, run_outputs.c.model_id, run_outputs.c.step
    found: dict[str, list[RunOutput]] = {}
    for run, id, step in _of_runs(connection, columns, ids):
        found.setdefault(run, []).append(RunOutput(model_id=id, step=step))
    return found


def _texts(connection: Connection, table: Table, ids: Sequence[str]) -> dict[str, list[Text]]:
    found: dict[str, list[Text]] = {}
    for run, key, value in _of_runs(connection, (table.c.run_id, table.c.key, table.c.value), ids):
        found.setdefault(run, []).append(Text(key, value))
    return found


def _of_runs(
    connection: Connection, columns: Sequence[Column[Any]], ids: Sequence[str]
) -> Iterator[Any]:
    """Tuples of a table of runs, in the order of the first two columns."""
    run = columns[0]
    for start in range(0, len(ids), _AT_ONCE):
        query = select(*columns).where(run.in_(ids[start : start + _AT_ONCE]))
        yield from fetch_tuples(connection, query.order_by(run, columns[1]))
