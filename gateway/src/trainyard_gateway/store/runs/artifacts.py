"""Rows of `artifacts`: files of runs and of logged models."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, func, select

from trainyard_gateway.store.schema.run_tables import artifacts, logged_models
from trainyard_gateway.store.sql.dialect import upsert


class ArtifactRow(NamedTuple):
    """A row of `artifacts`."""

    owner: str
    """Id of the run or of the logged model."""
    path: str
    """Relative, with single / between names."""
    sha256: str
    size_bytes: int
    created: int
    """Milliseconds since the epoch."""


def put(connection: Connection, row: ArtifactRow) -> None:
    """Insert a file, or replace the one at its path."""
    statement = upsert(connection, artifacts)
    new = {name: statement.excluded[name] for name in ("sha256", "size_bytes", "created")}
    keys = ["owner", "path"]
    connection.execute(
        statement.on_conflict_do_update(index_elements=keys, set_=new), [row._asdict()]
    )


def find(connection: Connection, owner: str, path: str) -> ArtifactRow | None:
    """The file at a path."""
    one = (artifacts.c.owner == owner) & (artifacts.c.path == path)
    row = connection.execute(select(artifacts).where(one)).one_or_none()
    return ArtifactRow(*row) if row is not None else None


def below(connection: Connection, owner: str, folder: str, limit: int) -> list[ArtifactRow]:
    """The first `limit` files below a folder, by path; "" is the whole."""
    query = select(artifacts).where(_below(owner, folder)).order_by(artifacts.c.path).limit(limit)
    return [ArtifactRow(*row) for row in connection.execute(query)]


def remove(connection: Connection, owner: str, path: str) -> int:
    """Remove the file at a path, or all below a folder; how many there were."""
    which = _below(owner, path)
    if path:
        which |= (artifacts.c.owner == owner) & (artifacts.c.path == path)
    return connection.execute(delete(artifacts).where(which)).rowcount


def has_content(connection: Connection, owner: str, sha256: str) -> bool:
    """Whether a file of the owner has this content."""
    one = (artifacts.c.owner == owner) & (artifacts.c.sha256 == sha256)
    return connection.execute(select(artifacts.c.path).where(one).limit(1)).first() is not None


def used(connection: Connection) -> tuple[int, int]:
    """Number of all files, and their bytes."""
    query = select(func.count(), func.coalesce(func.sum(artifacts.c.size_bytes), 0))
    count, size = connection.execute(query.select_from(artifacts)).one()
    return int(count), int(size)


def bytes_of(connection: Connection, run: str) -> int:
    """Bytes of the files of a run and of the logged models that it made."""
    made = select(logged_models.c.id).where(logged_models.c.run_id == run)
    query = select(func.coalesce(func.sum(artifacts.c.size_bytes), 0))
    query = query.where((artifacts.c.owner == run) | artifacts.c.owner.in_(made))
    return int(connection.execute(query).scalar_one())


def count(connection: Connection, owner: str) -> int:
    """Number of files of an owner."""
    query = select(func.count()).select_from(artifacts).where(artifacts.c.owner == owner)
    return int(connection.execute(query).scalar_one())


def contents(connection: Connection) -> Iterable[tuple[str, str]]:
    """Owner and hash of every content, once."""
    query = select(artifacts.c.owner, artifacts.c.sha256).distinct()
    return [(row.owner, row.sha256) for row in connection.execute(query)]


def _below(owner: str, folder: str) -> ColumnElement[bool]:
    own = artifacts.c.owner == owner
    if not folder:
        return own
    # "0" is the character after "/".
    return own & (artifacts.c.path > f"{folder}/") & (artifacts.c.path < f"{folder}0")
