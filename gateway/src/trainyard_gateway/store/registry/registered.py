"""Rows of `registered_models`, and the names of all models that there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, func, insert, select, update

from trainyard_api.rights.owner import User
from trainyard_gateway.store.access import owners
from trainyard_gateway.store.access.owners import Kind
from trainyard_gateway.store.schema.run_tables import registered_models
from trainyard_gateway.store.schema.tables import models


class RegisteredRow(NamedTuple):
    """A row of `registered_models`."""

    name: str
    description: str
    created: int
    """Milliseconds since the epoch."""
    updated: int
    tags: str
    """An object of texts as JSON."""
    session_uid: str | None
    """The session whose program made it; None of one that an API key made."""


class NamedModel(NamedTuple):
    """A model by its name: its own row, if it has one, and when its versions were made."""

    name: str
    row: RegisteredRow | None
    first: str | None
    """When its oldest version was made, RFC 3339; None without versions."""
    last: str | None


def find(connection: Connection, name: str) -> NamedModel | None:
    """The model of that name; None if it has neither a row nor a version."""
    found = named(connection, [name], 1)
    return found[0] if found else None


def named(
    connection: Connection, names: Sequence[str] | None, limit: int, user: User | None = None
) -> list[NamedModel]:
    """The first `limit` models by name; `names`: only these; `user`: those that this user sees."""
    rows = select(registered_models).order_by(registered_models.c.name).limit(limit)
    times = (
        select(models.c.name, func.min(models.c.created), func.max(models.c.created))
        .group_by(models.c.name)
        .order_by(models.c.name)
        .limit(limit)
    )
    if names is not None:
        rows = rows.where(registered_models.c.name.in_(names))
        times = times.where(models.c.name.in_(names))
    if user is not None:
        rows = rows.where(owners.visible(user, Kind.MODEL, registered_models.c.name))
        times = times.where(owners.visible(user, Kind.MODEL, models.c.name))
    own = {row.name: RegisteredRow(*row) for row in connection.execute(rows)}
    made = {name: (first, last) for name, first, last in connection.execute(times)}
    every = sorted(own.keys() | made.keys())[:limit]
    return [NamedModel(name, own.get(name), *made.get(name, (None, None))) for name in every]


def add(connection: Connection, row: RegisteredRow) -> None:
    """Insert a row."""
    connection.execute(insert(registered_models).values(row._asdict()))


def change(connection: Connection, name: str, **values: Any) -> None:
    """Set columns of a row, if there is one."""
    statement = update(registered_models).where(registered_models.c.name == name)
    connection.execute(statement.values(values))


def rename(connection: Connection, name: str, new: str, updated: int) -> None:
    """Move a row to another name, if there is one."""
    statement = update(registered_models).where(registered_models.c.name == name)
    connection.execute(statement.values(name=new, updated=updated))


def remove(connection: Connection, name: str) -> bool:
    """Delete a row; whether there was one."""
    statement = delete(registered_models).where(registered_models.c.name == name)
    return connection.execute(statement).rowcount > 0
