"""Rows of `uploads` and `upload_parts`: multipart uploads that are not complete yet."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, select

from trainyard_api.rights.owner import Owner, Role, User
from trainyard_gateway.store.access import owners
from trainyard_gateway.store.access.owners import Kind
from trainyard_gateway.store.schema.tables import upload_parts, uploads
from trainyard_gateway.store.sql.dialect import upsert

EVERYBODY = User("", Role.ADMINISTRATOR)
"""Who sees every upload."""


class UploadRow(NamedTuple):
    """A row of `uploads`."""

    id: str
    kind: str
    """dataset or model."""
    name: str
    """Name of the dataset or model."""
    filename: str
    size_bytes: int
    """Size of the whole file."""
    part_bytes: int
    """Size of each part but the last."""
    created: str
    """RFC 3339."""
    choices: str = "{}"
    """`SchemaChoices` of a dataset as JSON."""
    owner: str = ""
    """Name of the key that began it."""


def add(connection: Connection, row: UploadRow, owner: Owner) -> None:
    """Insert a new upload; `owner`: of what it becomes."""
    connection.execute(insert(uploads).values(row._asdict()))
    owners.save(connection, Kind.UPLOAD, {row.id: owner})


def find(connection: Connection, kind: str, upload: str) -> UploadRow | None:
    """The upload with this id, if it is of this kind."""
    query = select(uploads).where(uploads.c.id == upload, uploads.c.kind == kind)
    row = connection.execute(query).one_or_none()
    return UploadRow(*row) if row is not None else None


def read_all(
    connection: Connection, kind: str, user: User = EVERYBODY
) -> list[tuple[UploadRow, int]]:
    """The uploads of a kind that `user` sees, oldest first, each with the number of parts that were
    received.
    """
    parts = select(func.count()).where(upload_parts.c.upload_id == uploads.c.id).scalar_subquery()
    seen = owners.visible(user, Kind.UPLOAD, uploads.c.id)
    query = select(uploads, parts).where(uploads.c.kind == kind, seen)
    rows = connection.execute(query.order_by(uploads.c.created, uploads.c.id))
    return [(UploadRow(*row[:-1]), row[-1]) for row in rows]


def count_of(connection: Connection, kind: str, owner: str) -> int:
    """The number of uploads of a kind that keys of this name began."""
    query = select(func.count()).where(uploads.c.kind == kind, uploads.c.owner == owner)
    return int(connection.execute(query).scalar_one())


def part_numbers(connection: Connection, upload: str) -> set[int]:
    """The numbers of the parts that were received; 1 is the first part."""
    query = select(upload_parts.c.number).where(upload_parts.c.upload_id == upload)
    return set(connection.execute(query).scalars())


def save_part(connection: Connection, upload: str, number: int, sha256: str) -> None:
    """Insert a part, or replace its hash."""
    statement = upsert(connection, upload_parts).values(
        upload_id=upload, number=number, sha256=sha256
    )
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["upload_id", "number"], set_={"sha256": sha256}
        )
    )


def remove(connection: Connection, upload: str) -> None:
    """Delete an upload and its parts."""
    _remove(connection, [upload])


def remove_older(connection: Connection, kind: str, limit: str) -> None:
    """Delete all uploads of a kind that were created before `limit` (RFC 3339)."""
    old = select(uploads.c.id).where(uploads.c.kind == kind, uploads.c.created < limit)
    _remove(connection, list(connection.execute(old).scalars()))


def ids(connection: Connection, kind: str) -> set[str]:
    """The ids of all uploads of a kind."""
    return set(connection.execute(select(uploads.c.id).where(uploads.c.kind == kind)).scalars())


def _remove(connection: Connection, ids: list[str]) -> None:
    connection.execute(delete(upload_parts).where(upload_parts.c.upload_id.in_(ids)))
    connection.execute(delete(uploads).where(uploads.c.id.in_(ids)))
    for id in ids:
        owners.remove(connection, Kind.UPLOAD, id)
