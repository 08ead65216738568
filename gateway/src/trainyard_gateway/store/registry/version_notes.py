"""Rows of `model_versions`: what MLflow's protocol says of the versions in `models`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, func, select, tuple_, update

from trainyard_api.rights.owner import User
from trainyard_gateway.store.access import owners
from trainyard_gateway.store.access.owners import Kind
from trainyard_gateway.store.schema.run_tables import model_versions, runs
from trainyard_gateway.store.schema.tables import models
from trainyard_gateway.store.sql.dialect import upsert

NO_STAGE = "None"


class NoteRow(NamedTuple):
    """A row of `model_versions`."""

    name: str
    version: int
    source: str
    """The URI that it was made of."""
    run_id: str
    """Empty without a run."""
    model_id: str
    """The logged model that it was made of; empty without one."""
    description: str
    updated: int
    """Milliseconds since the epoch."""
    tags: str
    """An object of texts as JSON."""
    stage: str = NO_STAGE
    run_link: str = ""


class NotedVersion(NamedTuple):
    """A version of a model with what the protocol says of it, if it says anything."""

    name: str
    version: int
    created: str
    """RFC 3339."""
    session_uid: str | None
    note: NoteRow | None


_KEYS = and_(models.c.name == model_versions.c.name, models.c.version == model_versions.c.version)
_NOTED = (
    select(
        models.c.name, models.c.version, models.c.created, models.c.session_uid,
        *(model_versions.c[name] for name in NoteRow._fields[2:]),
    )
    .select_from(models.outerjoin(model_versions, _KEYS))
)  # fmt: skip


def find(connection: Connection, name: str, version: int) -> NotedVersion | None:
    """A version of a model."""
    one = (models.c.name == name) & (models.c.version == version)
    found = _read(connection, _NOTED.where(one))
    return found[0] if found else None


def newest(connection: Connection, name: str) -> NotedVersion | None:
    """The newest version of a model."""
    query = _NOTED.where(models.c.name == name).order_by(models.c.version.desc()).limit(1)
    found = _read(connection, query)
    return found[0] if found else None


def versions(
    connection: Connection, names: Sequence[str] | None, run_id: str | None, limit: int, user: User
) -> list[NotedVersion]:
    """The newest `limit` versions that `user` sees, the newest first.

    `names`, `run_id`: only of these.
    """
    query = _NOTED.order_by(models.c.created.desc(), models.c.name, models.c.version.desc())
    query = query.where(owners.visible(user, Kind.MODEL, models.c.name))
    if names is not None:
        query = query.where(models.c.name.in_(names))
    if run_id is not None:
        of_session = select(runs.c.series_key).where(runs.c.id == run_id)
        own = (model_versions.c.run_id == run_id) | models.c.session_uid.in_(of_session)
        query = query.where(own)
    return _read(connection, query.limit(limit))


def newest_of_stages(connection: Connection, names: Sequence[str]) -> list[NotedVersion]:
    """Of each model the newest version of each stage, by name and version."""
    stage = func.coalesce(model_versions.c.stage, NO_STAGE)
    highest = (
        select(models.c.name, func.max(models.c.version))
        .select_from(models.outerjoin(model_versions, _KEYS))
        .where(models.c.name.in_(names))
        .group_by(models.c.name, stage)
    )
    query = _NOTED.where(tuple_(models.c.name, models.c.version).in_(highest))
    return _read(connection, query.order_by(models.c.name, models.c.version))


def put(connection: Connection, row: NoteRow) -> None:
    """Insert a row, or replace the one of its version."""
    statement = upsert(connection, model_versions)
    new = {name: statement.excluded[name] for name in NoteRow._fields[2:]}
    keys = ["name", "version"]
    connection.execute(
        statement.on_conflict_do_update(index_elements=keys, set_=new), [row._asdict()]
    )


def move_stage(connection: Connection, name: str, stage: str, to: str, updated: int) -> None:
    """Give all versions of a model that are in a stage another one."""
    _change(connection, _of(name) & (model_versions.c.stage == stage), stage=to, updated=updated)


def remove(connection: Connection, name: str, version: int) -> None:
    """Delete the row of a version; fine without one."""
    one = _of(name) & (model_versions.c.version == version)
    connection.execute(delete(model_versions).where(one))


def remove_all(connection: Connection, name: str) -> None:
    """Delete the rows of a model."""
    connection.execute(delete(model_versions).where(_of(name)))


def rename(connection: Connection, name: str, new: str, updated: int) -> None:
    """Move the rows of a model to another name."""
    _change(connection, _of(name), name=new, updated=updated)


def _of(name: str) -> ColumnElement[bool]:
    return model_versions.c.name == name


def _change(connection: Connection, which: ColumnElement[bool], **values: Any) -> None:
    connection.execute(update(model_versions).where(which).values(values))


def _read(connection: Connection, query: Select[Any]) -> list[NotedVersion]:
    found = []
    for row in connection.execute(query):
        name, version, created, session_uid, *note = row
        noted = NoteRow(name, version, *note) if note[0] is not None else None
        found.append(NotedVersion(name, version, created, session_uid, noted))
    return found
