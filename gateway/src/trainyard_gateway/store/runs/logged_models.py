"""Rows of `logged_models`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from trainyard_api.rights.owner import User
from trainyard_gateway.store.access import owners
from trainyard_gateway.store.access.owners import Kind
from trainyard_gateway.store.runs import model_values
from trainyard_gateway.store.runs.conditions import Condition
from trainyard_gateway.store.runs.listed import visible
from trainyard_gateway.store.runs.model_values import Dataset
from trainyard_gateway.store.schema.run_tables import logged_models, run_outputs, runs

_AT_ONCE = 500


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


class Wanted(NamedTuple):
    """Which logged models a search finds."""

    experiments: Sequence[str]
    limit: int
    session: str | None
    """The UID of the only session whose models are found; None for all that `user` sees."""
    user: User
    metrics: Sequence[Condition] = ()
    """Conditions about metrics, each of which one of the values of a model meets."""
    datasets: Sequence[Dataset] = ()
    """Only values that were measured with one of them count, and one has to be there."""
    newest: Sequence[tuple[str, Dataset | None]] = ()
    """Metrics, measured with any dataset or with one, whose newest value stands beside a model."""
    after: tuple[int, str] | None = None
    """Time and id of the last model of the page before; None for the first page."""


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


def search(
    connection: Connection, wanted: Wanted
) -> list[tuple[LoggedModelRow, tuple[float | None, ...]]]:
    """The newest logged models that are wanted, each with its values of `wanted.newest`."""
    of_run = select(runs.c.id).where(runs.c.id == logged_models.c.run_id)
    if wanted.session is None:
        owned = owners.visible(wanted.user, Kind.RUN, logged_models.c.id)
        alone = (logged_models.c.run_id == "") & owned
        seen: ColumnElement[bool] = of_run.where(visible(wanted.user)).exists() | alone
    else:
        seen = of_run.where(runs.c.session_uid == wanted.session).exists()
    query = select(logged_models, *(model_values.newest(*each) for each in wanted.newest))
    query = query.where(logged_models.c.experiment_id.in_(wanted.experiments), seen)
    conditions: Sequence[Condition | None] = wanted.metrics
    if wanted.datasets and not conditions:
        conditions = [None]
    for condition in conditions:
        query = query.where(model_values.meets(connection, condition, wanted.datasets))
    if wanted.after is not None:
        created, id = wanted.after
        same = (logged_models.c.created == created) & (logged_models.c.id > id)
        query = query.where((logged_models.c.created < created) | same)
    query = query.order_by(logged_models.c.created.desc(), logged_models.c.id).limit(wanted.limit)
    own = len(LoggedModelRow._fields)
    return [(LoggedModelRow(*row[:own]), tuple(row[own:])) for row in connection.execute(query)]


def ids_of_session(
    connection: Connection, ids: Sequence[str], session_uid: str | None
) -> list[str]:
    """Those of some logged models that a run of the session has made."""
    own = runs.c.session_uid == session_uid
    query = select(logged_models.c.id).join(runs, runs.c.id == logged_models.c.run_id).where(own)
    found: list[str] = []
    for first in range(0, len(ids), _AT_ONCE):
        some = logged_models.c.id.in_(ids[first : first + _AT_ONCE])
        found += connection.execute(query.where(some)).scalars()
    return found


def remove(connection: Connection, id: str) -> None:
    """Delete a logged model with its values, also from the outputs of runs."""
    model_values.remove(connection, id)
    connection.execute(delete(logged_models).where(logged_models.c.id == id))
    connection.execute(delete(run_outputs).where(run_outputs.c.model_id == id))
