"""Rows of `logged_models`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from trainyard_gateway.store.schema.run_tables import logged_models, run_outputs


class LoggedModelRow(NamedTuple):
    """A row of `logged_models`."""

    id: str
    experiment_id: str
    run_id: str
    """The run that made it; empty without one."""
    name: str
    model_type: str
    status: str
    created: int
    """Milliseconds since the epoch."""
    updated: int
    params: str
    """An object of texts as JSON."""
    tags: str


def find(connection: Connection, id: str) -> LoggedModelRow | None:
    """The logged model with this id."""
    query = select(logged_models).where(logged_models.c.id == id)
    row = connection.execute(query).one_or_none()
    return LoggedModelRow(*row) if row is not None else None


def add(connection: Connection, row: LoggedModelRow) -> None:
    """Insert a logged model."""
    connection.execute(insert(logged_models).values(row._asdict()))


def change(connection: Connection, id: str, **values: Any) -> None:
    """Set columns of a logged model."""
    connection.execute(update(logged_models).where(logged_models.c.id == id).values(values))


def named(connection: Connection, run_id: str, name: str) -> LoggedModelRow | None:
    """The newest logged model of a run with this name."""
    one = (logged_models.c.run_id == run_id) & (logged_models.c.name == name)
    query = select(logged_models).where(one)
    query = query.order_by(logged_models.c.created.desc(), logged_models.c.id).limit(1)
    row = connection.execute(query).one_or_none()
    return LoggedModelRow(*row) if row is not None else None


def of_experiments(
    connection: Connection, experiments: Sequence[str], limit: int
) -> list[LoggedModelRow]:
    """The newest logged models of experiments."""
    query = select(logged_models).where(logged_models.c.experiment_id.in_(experiments))
    query = query.order_by(logged_models.c.created.desc(), logged_models.c.id).limit(limit)
    return [LoggedModelRow(*row) for row in connection.execute(query)]


def remove(connection: Connection, id: str) -> None:
    """Delete a logged model, also from the outputs of runs."""
    connection.execute(delete(logged_models).where(logged_models.c.id == id))
    connection.execute(delete(run_outputs).where(run_outputs.c.model_id == id))
