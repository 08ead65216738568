"""How much the files of a registry take."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Table, case, func, select

from trainyard_gateway.store.schema.tables import datasets, models, upload_parts, uploads

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


PROMISED_BYTES = 64 << 20
"""Bytes that an upload counts besides what was received of it, at most up to its size."""


def uploading(connection: Connection, kind: str, promised: int = PROMISED_BYTES) -> Usage:
    """The incomplete multipart uploads of a kind: what was received, and `promised` for each."""
    parts = select(func.count()).where(upload_parts.c.upload_id == uploads.c.id).scalar_subquery()
    counted = parts * uploads.c.part_bytes + promised
    size = case((counted < uploads.c.size_bytes, counted), else_=uploads.c.size_bytes)
    total = func.coalesce(func.sum(size), 0)
    count, found = connection.execute(
        select(func.count(), total).where(uploads.c.kind == kind)
    ).one()
    return Usage(count, int(found))
