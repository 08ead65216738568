"""Searching runs: conditions and orders as SQL over runs, params, tags and newest values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, exists, false, literal, select

from trainyard_api.rights.owner import User
from trainyard_gateway.store.runs.comparing import compared
from trainyard_gateway.store.runs.conditions import Condition, Field, Order, Search
from trainyard_gateway.store.runs.listed import visible
from trainyard_gateway.store.runs.rows import RunRow
from trainyard_gateway.store.schema.run_tables import run_inputs, run_params, run_tags, runs
from trainyard_gateway.store.schema.tables import series
from trainyard_gateway.store.sql.statements import fetch_tuples

RUN_NAME_TAG = "mlflow.runName"
"""The tag that is the name of the run."""
_TABLES = {Field.PARAM: run_params, Field.TAG: run_tags}

_COLUMNS: dict[str, Any] = {
    "run_id": runs.c.id,
    "run_name": runs.c.name,
    "status": runs.c.status,
    "user_id": runs.c.user,
    "start_time": runs.c.start_time,
    "end_time": runs.c.end_time,
    "experiment_id": runs.c.experiment_id,
    "lifecycle_stage": runs.c.lifecycle,
    "artifact_uri": literal("mlflow-artifacts:/")
    + runs.c.experiment_id
    + literal("/")
    + runs.c.id
    + literal("/artifacts"),
}


def search(
    connection: Connection,
    experiments: Sequence[str],
    wanted: Search,
    session: str | None,
    user: User,
) -> list[RunRow]:
    """The runs that a search finds: one more than its limit if there are more.

    `session`: the UID of the only session whose runs are found; None for all that `user` sees.
    """
    query = select(runs).where(
        runs.c.experiment_id.in_(experiments) if experiments else false(),
        runs.c.lifecycle.in_(wanted.lifecycles),
        *(condition_of(connection, each) for each in wanted.conditions),
    )
    seen = visible(user) if session is None else runs.c.session_uid == session
    query = query.where(seen)
    orders = [part for order in wanted.orders for part in _order_of(order)]
    keys = {o.key for o in wanted.orders if o.field is Field.ATTRIBUTE}
    orders += [] if "start_time" in keys else [runs.c.start_time.desc()]
    query = query.order_by(*orders, runs.c.id).offset(wanted.offset).limit(wanted.limit + 1)
    return [RunRow._make(row) for row in fetch_tuples(connection, query)]


def condition_of(connection: Connection, condition: Condition) -> ColumnElement[bool]:
    """A condition about a run as SQL."""
    if condition.field is Field.TAG and condition.key == RUN_NAME_TAG:
        condition = Condition(Field.ATTRIBUTE, "run_name", condition.operator, condition.value)
    if condition.field is Field.ATTRIBUTE:
        return _about_run(connection, condition)
    if condition.field is Field.METRIC:
        own = (series.c.session_uid == runs.c.series_key) & (series.c.name == condition.key)
        return exists().where(own, compared(connection, series.c.last_value, condition))
    if condition.field is Field.DATASET:
        column = run_inputs.c[condition.key]
        return exists().where(
            run_inputs.c.run_id == runs.c.id, compared(connection, column, condition)
        )
    table = _TABLES[condition.field]
    own = (table.c.run_id == runs.c.id) & (table.c.key == condition.key)
    if condition.operator == "IS NULL":
        return ~exists().where(own)
    if condition.operator == "IS NOT NULL":
        return exists().where(own)
    return exists().where(own, compared(connection, table.c.value, condition))


def _about_run(connection: Connection, condition: Condition) -> ColumnElement[bool]:
    column = _COLUMNS[condition.key]
    if condition.operator in ("IS NULL", "IS NOT NULL"):
        found: ColumnElement[bool] = (
            column.is_(None) if condition.operator == "IS NULL" else column.is_not(None)
        )
        return found
    return compared(connection, column, condition)


def _order_of(order: Order) -> list[Any]:
    """What has no value goes last, NaN before it."""
    if order.field is Field.TAG and order.key == RUN_NAME_TAG:
        order = Order(Field.ATTRIBUTE, "run_name", order.ascending)
    if order.field is Field.METRIC:
        own = (series.c.session_uid == runs.c.series_key) & (series.c.name == order.key)
        value: Any = select(series.c.last_value).where(own).scalar_subquery()
        place = case((~exists().where(own), 2), (value.is_(None), 1), else_=0)
    else:
        if order.field is Field.ATTRIBUTE:
            value = _COLUMNS[order.key]
        else:
            table = _TABLES[order.field]
            own = (table.c.run_id == runs.c.id) & (table.c.key == order.key)
            value = select(table.c.value).where(own).scalar_subquery()
        place = case((value.is_(None), 1), else_=0)
    return [place, value.asc() if order.ascending else value.desc()]
