"""Rows of `models`, one for each version of a model."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, delete, func, insert, select

from trainyard_gateway.store.schema.tables import models


class ModelRow(NamedTuple):
    """A row of `models`."""

    id: str
    """Name of its folder below the models folder."""
    name: str
    version: int
    """1 is the first."""
    file: str
    """Path below the models folder."""
    sha256: str
    size_bytes: int
    created: str
    """RFC 3339."""
    session_uid: str | None
    """The session that trained it; None for an upload."""
    card: str
    """The model card as JSON."""


def read_newest(connection: Connection) -> list[ModelRow]:
    """The newest version of each model, by name."""
    newest = (
        select(models.c.name, func.max(models.c.version).label("v"))
        .group_by(models.c.name)
        .subquery()
    )
    query = select(models).join(
        newest, (models.c.name == newest.c.name) & (models.c.version == newest.c.v)
    )
    return [ModelRow(*row) for row in connection.execute(query.order_by(models.c.name))]


def read_versions(connection: Connection, name: str) -> list[ModelRow]:
    """All versions of a model, oldest first."""
    query = select(models).where(models.c.name == name).order_by(models.c.version)
    return [ModelRow(*row) for row in connection.execute(query)]


def find(connection: Connection, name: str, version: int | None = None) -> ModelRow | None:
    """A version of a model; without `version` the newest."""
    query = select(models).where(models.c.name == name)
    if version is not None:
        query = query.where(models.c.version == version)
    return _first(connection, query.order_by(models.c.version.desc()))


def find_by_id(connection: Connection, id: str) -> ModelRow | None:
    """The version with this id."""
    return _first(connection, select(models).where(models.c.id == id))


def find_by_session(connection: Connection, uid: str) -> ModelRow | None:
    """The version that a session has trained; the highest one if there are several."""
    query = select(models).where(models.c.session_uid == uid).order_by(models.c.version.desc())
    return _first(connection, query)


def add_next_version(connection: Connection, row: ModelRow) -> ModelRow:
    """Insert a row as the next version of its model and return it; `row.version` is ignored.

    Numbers are consecutive, since one transaction writes at a time.
    """
    newest = select(func.coalesce(func.max(models.c.version), 0)).where(models.c.name == row.name)
    row = row._replace(version=connection.execute(newest).scalar_one() + 1)
    connection.execute(insert(models).values(row._asdict()))
    return row


def remove(connection: Connection, name: str) -> list[str]:
    """Delete all versions of a model; returns their ids."""
    statement = delete(models).where(models.c.name == name).returning(models.c.id)
    return list(connection.execute(statement).scalars())


def ids(connection: Connection) -> set[str]:
    """The ids of all versions of all models."""
    return set(connection.execute(select(models.c.id)).scalars())


def _first(connection: Connection, query: Select[Any]) -> ModelRow | None:
    row = connection.execute(query.limit(1)).one_or_none()
    return ModelRow(*row) if row is not None else None
