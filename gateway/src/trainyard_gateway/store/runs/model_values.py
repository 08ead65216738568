"""Rows of `logged_model_values`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    ScalarSelect,
    case,
    delete,
    exists,
    func,
    null,
    or_,
    select,
    tuple_,
)

from trainyard_gateway.store.runs.comparing import compared
from trainyard_gateway.store.runs.conditions import Condition
from trainyard_gateway.store.schema.run_tables import logged_model_values, logged_models
from trainyard_gateway.store.sql.dialect import upsert
from trainyard_gateway.store.sql.text import escape_nul

MOST_VALUES = 10_000
"""Of one logged model; when there are more, nine tenths of them stay."""
_AT_ONCE = 500


class Dataset(NamedTuple):
    """A dataset that values were measured with; an empty digest stands for any."""

    name: str
    digest: str = ""


class ModelValue(NamedTuple):
    """A value of a metric of a logged model."""

    model_id: str
    key: str
    time: int
    """Milliseconds since the epoch."""
    step: int
    run_id: str
    """The run that measured it."""
    value: float
    dataset_name: str
    dataset_digest: str


def add(connection: Connection, values: Sequence[ModelValue], most: int = MOST_VALUES) -> None:
    """Insert values; those that are there stay as they are.

    A logged model with more than `most` values loses the oldest of those metrics that have many.
    """
    rows = [
        {
            **each._asdict(),
            "nan": math.isnan(each.value),
            "value": 0.0 if math.isnan(each.value) else each.value,
            "dataset_name": escape_nul(each.dataset_name),
            "dataset_digest": escape_nul(each.dataset_digest),
        }
        for each in values
    ]
    if rows:
        connection.execute(upsert(connection, logged_model_values).on_conflict_do_nothing(), rows)
    for id, number in counts(connection, sorted({each.model_id for each in values})).items():
        if number > most:
            _remove_oldest(connection, id, number - most * 9 // 10)


def _remove_oldest(connection: Connection, model_id: str, number: int) -> None:
    """Remove values that have the most newer ones of their metric, run and dataset."""
    table = logged_model_values
    keys = tuple(table.primary_key.columns)
    alike = (table.c.key, table.c.run_id, table.c.dataset_name, table.c.dataset_digest)
    newer_first = (table.c.time.desc(), table.c.step.desc(), table.c.nan, table.c.value)
    newer = func.row_number().over(partition_by=alike, order_by=newer_first)
    own = table.c.model_id == model_id
    ranked = select(*keys, newer.label("newer")).where(own).subquery()
    oldest = select(*(ranked.c[key.name] for key in keys))
    oldest = oldest.order_by(ranked.c.newer.desc(), ranked.c.time, ranked.c.key).limit(number)
    connection.execute(delete(table).where(own, tuple_(*keys).in_(oldest)))


def count(connection: Connection, model_id: str) -> int:
    """How many values a logged model has."""
    return counts(connection, [model_id]).get(model_id, 0)


def counts(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    """How many values logged models have, by id."""
    own = logged_model_values.c.model_id
    found: dict[str, int] = {}
    for first in range(0, len(ids), _AT_ONCE):
        query = select(own, func.count()).where(own.in_(ids[first : first + _AT_ONCE]))
        for id, number in connection.execute(query.group_by(own)):
            found[id] = number
    return found


def meets(
    connection: Connection, condition: Condition | None, datasets: Sequence[Dataset]
) -> ColumnElement[bool]:
    """That a logged model has a value that meets a condition about a metric, as SQL.

    `datasets`: only values that were measured with one of them count. Without a condition any value
    of them does.
    """
    table = logged_model_values
    wanted = [table.c.model_id == logged_models.c.id]
    if condition is not None:
        wanted += [table.c.key == condition.key, ~table.c.nan]
        wanted.append(compared(connection, table.c.value, condition))
    if datasets:
        wanted.append(or_(*(_of(each) for each in datasets)))
    return exists().where(*wanted)


def newest(key: str, dataset: Dataset | None) -> ScalarSelect[Any]:
    """The newest value of a metric of a logged model, as SQL; NULL without one, and for NaN."""
    table = logged_model_values
    wanted = [table.c.model_id == logged_models.c.id, table.c.key == key]
    wanted += [_of(dataset)] if dataset is not None else []
    query = select(case((table.c.nan, null()), else_=table.c.value)).where(*wanted)
    order = (table.c.time.desc(), table.c.step.desc(), table.c.run_id)
    return query.order_by(*order).limit(1).scalar_subquery()


def _of(dataset: Dataset) -> ColumnElement[bool]:
    table = logged_model_values
    own = table.c.dataset_name == escape_nul(dataset.name)
    return own & (table.c.dataset_digest == escape_nul(dataset.digest)) if dataset.digest else own


def of_models(connection: Connection, ids: Sequence[str]) -> dict[str, list[ModelValue]]:
    """The values of logged models by id: by metric, time, step and run."""
    table = logged_model_values
    found: dict[str, list[ModelValue]] = {}
    for first in range(0, len(ids), _AT_ONCE):
        query = select(table).where(table.c.model_id.in_(ids[first : first + _AT_ONCE]))
        order = (table.c.key, table.c.time, table.c.step, table.c.run_id)
        for row in connection.execute(query.order_by(*order)):
            value = ModelValue(
                row.model_id,
                row.key,
                row.time,
                row.step,
                row.run_id,
                math.nan if row.nan else row.value,
                row.dataset_name,
                row.dataset_digest,
            )
            found.setdefault(value.model_id, []).append(value)
    return found


def remove(connection: Connection, model_id: str) -> None:
    """Delete the values of a logged model."""
    connection.execute(
        delete(logged_model_values).where(logged_model_values.c.model_id == model_id)
    )
