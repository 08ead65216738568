"""Rows of `experiments` and their tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    cast,
    delete,
    exists,
    insert,
    select,
    update,
)

from trainyard_api import mlflow
from trainyard_gateway.store.runs.comparing import compared
from trainyard_gateway.store.runs.conditions import Condition, Field, Search
from trainyard_gateway.store.schema.run_tables import experiment_tags, experiments
from trainyard_gateway.store.sql.dialect import upsert
from trainyard_gateway.store.sql.text import escape_nul

ACTIVE, DELETED = "active", "deleted"
_MAX_SALT = 100


class ExperimentRow(NamedTuple):
    """A row of `experiments`."""

    id: str
    name: str
    lifecycle: str
    """active or deleted."""
    created: int
    """Milliseconds since the epoch."""
    updated: int


def find(connection: Connection, id: str) -> ExperimentRow | None:
    """The experiment with this id, also a deleted one."""
    return _first(connection, experiments.c.id == id)


def find_by_name(connection: Connection, name: str) -> ExperimentRow | None:
    """The experiment of this name, also a deleted one."""
    return _first(connection, experiments.c.name == escape_nul(name))


def ensure(connection: Connection, name: str, now: int) -> ExperimentRow:
    """The experiment of this name, made if it is absent; a deleted one is restored."""
    found = find_by_name(connection, name)
    if found is None:
        return add(connection, name, now)
    if found.lifecycle != ACTIVE:
        change(connection, found.id, now, lifecycle=ACTIVE)
    return found._replace(lifecycle=ACTIVE)


def add(connection: Connection, name: str, now: int) -> ExperimentRow:
    """Make an experiment; there must be none of this name."""
    name = escape_nul(name)
    ids = (mlflow.experiment_id_of(name, salt) for salt in range(_MAX_SALT))
    # A renamed experiment keeps its id, which is that of its first name.
    id = next(id for id in ids if find(connection, id) is None)
    row = ExperimentRow(id, name, ACTIVE, now, now)
    connection.execute(insert(experiments).values(row._asdict()))
    return row


def ensure_default(connection: Connection, now: int) -> None:
    """Make the experiment that a run belongs to by default."""
    if find(connection, mlflow.DEFAULT_EXPERIMENT_ID) is None:
        add(connection, mlflow.DEFAULT_EXPERIMENT, now)


def change(connection: Connection, id: str, now: int, **values: str) -> None:
    """Set columns of an experiment."""
    statement = update(experiments).where(experiments.c.id == id)
    connection.execute(statement.values(updated=now, **values))


def set_tags(connection: Connection, id: str, tags: Mapping[str, str]) -> None:
    """Set tags of an experiment; the last value of each stays."""
    rows = [
        {"experiment_id": id, "key": escape_nul(k), "value": escape_nul(v)} for k, v in tags.items()
    ]
    if rows:
        statement = upsert(connection, experiment_tags)
        new = {"value": statement.excluded.value}
        keys = ["experiment_id", "key"]
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=new), rows)


def remove_tag(connection: Connection, id: str, key: str) -> bool:
    """Remove a tag; whether it was there."""
    one = (experiment_tags.c.experiment_id == id) & (experiment_tags.c.key == key)
    return connection.execute(delete(experiment_tags).where(one)).rowcount > 0


def tags_of(connection: Connection, ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """The tags of experiments, by id."""
    query = select(experiment_tags).where(experiment_tags.c.experiment_id.in_(ids))
    found: dict[str, dict[str, str]] = {}
    for row in connection.execute(query.order_by(experiment_tags.c.key)):
        found.setdefault(row.experiment_id, {})[row.key] = row.value
    return found


def search(connection: Connection, wanted: Search) -> list[ExperimentRow]:
    """The experiments that a search finds: one more than its limit if there are more."""
    query = select(experiments).where(
        experiments.c.lifecycle.in_(wanted.lifecycles),
        *(_condition(connection, each) for each in wanted.conditions),
    )
    orders = [_ordered(o.key, o.ascending) for o in wanted.orders]
    if all(order.key != "creation_time" for order in wanted.orders):
        orders.append(experiments.c.created.desc())
    orders.append(experiments.c.id.desc())
    query = query.order_by(*orders).offset(wanted.offset).limit(wanted.limit + 1)
    return [ExperimentRow(*row) for row in connection.execute(query)]


_COLUMNS: dict[str, Any] = {
    "name": experiments.c.name,
    "experiment_id": experiments.c.id,
    "creation_time": experiments.c.created,
    "last_update_time": experiments.c.updated,
}


def _ordered(key: str, ascending: bool) -> Any:
    column = _COLUMNS[key]
    column = cast(column, Integer) if key == "experiment_id" else column
    return column.asc() if ascending else column.desc()


def _condition(connection: Connection, condition: Condition) -> ColumnElement[bool]:
    if condition.field is Field.ATTRIBUTE:
        return compared(connection, _COLUMNS[condition.key], condition)
    own = (experiment_tags.c.experiment_id == experiments.c.id) & (
        experiment_tags.c.key == condition.key
    )
    if condition.operator == "IS NULL":
        return ~exists().where(own)
    if condition.operator == "IS NOT NULL":
        return exists().where(own)
    return exists().where(own, compared(connection, experiment_tags.c.value, condition))


def _first(connection: Connection, which: ColumnElement[bool]) -> ExperimentRow | None:
    row = connection.execute(select(experiments).where(which)).one_or_none()
    return ExperimentRow(*row) if row is not None else None
