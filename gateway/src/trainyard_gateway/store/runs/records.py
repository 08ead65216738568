"""Params, tags, datasets and outputs of runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, select

from trainyard_api.mlflow.run_report import RunInput, RunOutput
from trainyard_gateway.store.schema.run_tables import (
    run_inputs,
    run_outputs,
    run_params,
    run_tags,
)
from trainyard_gateway.store.sql.dialect import upsert
from trainyard_gateway.store.sql.text import escape_nul

CONTEXT = "mlflow.data.context"
"""The tag of a dataset that says what it was used for."""
_AT_ONCE = 500


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


def add_inputs(connection: Connection, run: str, inputs: Iterable[RunInput]) -> None:
    """Note datasets that a run used; the same one again replaces its tags."""
    rows = [
        {
            "run_id": run,
            "name": escape_nul(each.dataset.name),
            "digest": escape_nul(each.dataset.digest),
            "context": escape_nul(each.tags.get(CONTEXT, ""))[:500],
            "body": escape_nul(each.model_dump_json(by_alias=True)),
        }
        for each in inputs
    ]
    if rows:
        statement = upsert(connection, run_inputs)
        new = {name: statement.excluded[name] for name in ("context", "body")}
        keys = ["run_id", "name", "digest"]
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=new), rows)


def add_outputs(connection: Connection, run: str, outputs: Iterable[RunOutput]) -> None:
    """Note logged models that a run made."""
    rows = [{"run_id": run, "model_id": each.model_id, "step": each.step} for each in outputs]
    if rows:
        statement = upsert(connection, run_outputs)
        new = {"step": statement.excluded.step}
        keys = ["run_id", "model_id"]
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=new), rows)


def params_of(connection: Connection, ids: Sequence[str]) -> dict[str, list[Any]]:
    """Rows of params of runs, by run and key."""
    return _by_run(connection, run_params, "key", ids)


def tags_of(connection: Connection, ids: Sequence[str]) -> dict[str, list[Any]]:
    """Rows of tags of runs, by run and key."""
    return _by_run(connection, run_tags, "key", ids)


def inputs_of(connection: Connection, ids: Sequence[str]) -> dict[str, list[RunInput]]:
    """Datasets of runs, by run."""
    found = _by_run(connection, run_inputs, "name", ids)
    return {
        run: [RunInput.model_validate_json(row.body) for row in rows] for run, rows in found.items()
    }


def outputs_of(connection: Connection, ids: Sequence[str]) -> dict[str, list[Any]]:
    """Rows of logged models of runs, by run."""
    return _by_run(connection, run_outputs, "model_id", ids)


def _by_run(
    connection: Connection, table: Table, order: str, ids: Sequence[str]
) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for start in range(0, len(ids), _AT_ONCE):
        query = select(table).where(table.c.run_id.in_(ids[start : start + _AT_ONCE]))
        for row in connection.execute(query.order_by(table.c.run_id, table.c[order])):
            found.setdefault(row.run_id, []).append(row)
    return found
