"""How much the files of a registry take."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Table, func, select

from trainyard_gateway.store.schema.tables import datasets, models, uploads

_TABLES: dict[str, Table] = {"dataset": datasets, "model": models}


@dataclass(frozen=True, slots=True)
class Usage:
    """Number and size of files."""

    count: int
    size_bytes: int


def registered(connection: Connection, kind: str) -> Usage:
    """The registered files of a kind: `dataset` or `model`."""
    table = _TABLES[kind]
    size = func.coalesce(func.sum(table.c.size_bytes), 0)
    count, total = connection.execute(select(func.count(), size).select_from(table)).one()
    return Usage(count, int(total))


def uploading(connection: Connection, kind: str) -> Usage:
    """The incomplete multipart uploads of a kind, each with the size of its whole file."""
    size = func.coalesce(func.sum(uploads.c.size_bytes), 0)
    count, total = connection.execute(
        select(func.count(), size).where(uploads.c.kind == kind)
    ).one()
    return Usage(count, int(total))
