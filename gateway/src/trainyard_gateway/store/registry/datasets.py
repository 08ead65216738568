"""Rows of `datasets`."""

from __future__ import annotations

import hashlib
import json
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from trainyard_api.rights.owner import User
from trainyard_gateway.paging import first_page
from trainyard_gateway.store.access import owners
from trainyard_gateway.store.access.owners import Kind
from trainyard_gateway.store.schema.tables import datasets


class DatasetRow(NamedTuple):
    """A row of `datasets`."""

    id: str
    """Name of its folder below the datasets folder."""
    name: str
    file: str
    """Path below the datasets folder."""
    format: str
    sha256: str
    size_bytes: int
    created: str
    """RFC 3339."""
    details: str
    """`DatasetSchema` as JSON, at most 4 MiB. Without `revision` an earlier version found it."""
    summary: str
    """What a list shows of it, as JSON: samples, dimensions, target and revision."""


class SchemaFile(NamedTuple):
    """The copy of a schema on the volume, which trainers read. Its content is `details`."""

    path: str
    """Below the datasets folder."""
    sha256: str


_ROWS_AT_ONCE = 100
_SUMMARY = [datasets.c[name] for name in DatasetRow._fields if name != "details"]


def schema_file(file: str, details: str, revision: int) -> SchemaFile | None:
    """Where the schema of the dataset with this file is; None if an earlier version found it.

    The name holds the hash of the content: a file never changes.
    """
    if revision < 1:
        return None
    sha256 = hashlib.sha256(details.encode()).hexdigest()
    folder = file.partition("/")[0]
    return SchemaFile(f"{folder}/schema-{revision}-{sha256[:12]}.json", sha256)


def schema_files(connection: Connection) -> list[SchemaFile]:
    """The schema files of all datasets. No more than one schema is in memory."""
    query = select(datasets.c.file, datasets.c.details, datasets.c.summary)
    rows = connection.execution_options(yield_per=1).execute(query)
    found = (schema_file(file, details, _revision(summary)) for file, details, summary in rows)
    return [file for file in found if file is not None]


def read_page(
    connection: Connection, user: User, after: str | None = None
) -> tuple[list[DatasetRow], bool]:
    """A page of datasets that `user` sees, by name, with empty `details`; whether there are more.

    `after` is the name of the last one of the page before.
    """
    seen = owners.visible(user, Kind.DATASET, datasets.c.name)
    query = select(*_SUMMARY).where(seen).order_by(datasets.c.name)
    if after is not None:
        query = query.where(datasets.c.name > after)
    with connection.execute(query.execution_options(yield_per=_ROWS_AT_ONCE)) as found:
        rows = (DatasetRow(**{**row, "details": ""}) for row in found.mappings())
        return first_page(rows, lambda row: len(row.summary))


def find(connection: Connection, name: str) -> DatasetRow | None:
    """The dataset of that name."""
    row = connection.execute(select(datasets).where(datasets.c.name == name)).one_or_none()
    return DatasetRow(*row) if row is not None else None


def add(connection: Connection, row: DatasetRow) -> None:
    """Insert a dataset. Its name must not exist."""
    connection.execute(insert(datasets).values(row._asdict()))


def replace_details(connection: Connection, old: DatasetRow, details: str, summary: str) -> bool:
    """Give a dataset another schema; False if it has no longer the one of `old`."""
    unchanged = (datasets.c.id == old.id) & (datasets.c.details == old.details)
    changed = update(datasets).where(unchanged).values(details=details, summary=summary)
    return connection.execute(changed).rowcount == 1


def remove(connection: Connection, name: str) -> None:
    """Delete the dataset of that name, if it exists."""
    connection.execute(delete(datasets).where(datasets.c.name == name))


def ids(connection: Connection) -> set[str]:
    """The ids of all datasets."""
    return set(connection.execute(select(datasets.c.id)).scalars())


def _revision(summary: str) -> int:
    return int(json.loads(summary).get("revision", 0))
