"""Rows of `datasets`."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select

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
    """`DatasetDetails` as JSON."""


def read_all(connection: Connection) -> list[DatasetRow]:
    """All datasets, by name."""
    return [
        DatasetRow(*row) for row in connection.execute(select(datasets).order_by(datasets.c.name))
    ]


def find(connection: Connection, name: str) -> DatasetRow | None:
    """The dataset of that name."""
    row = connection.execute(select(datasets).where(datasets.c.name == name)).one_or_none()
    return DatasetRow(*row) if row is not None else None


def add(connection: Connection, row: DatasetRow) -> None:
    """Insert a dataset. Its name must not exist."""
    connection.execute(insert(datasets).values(row._asdict()))


def remove(connection: Connection, name: str) -> None:
    """Delete the dataset of that name, if it exists."""
    connection.execute(delete(datasets).where(datasets.c.name == name))


def ids(connection: Connection) -> set[str]:
    """The ids of all datasets."""
    return set(connection.execute(select(datasets.c.id)).scalars())
