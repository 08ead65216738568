"""Dumps of the database: each table as gzipped lines of JSON, the same from SQLite and PostgreSQL.

The first line of a table holds the names of its columns, each further line the values of a row. A
dump of one kind of database can be loaded into the other.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, func, insert, literal, select, text

from trainyard_gateway.store.errors import DumpError
from trainyard_gateway.store.registry import datasets as dataset_rows
from trainyard_gateway.store.registry.models import TREE
from trainyard_gateway.store.runs import artifacts
from trainyard_gateway.store.schema import migrate
from trainyard_gateway.store.schema.tables import (
    datasets,
    metadata,
    models,
    upload_parts,
    uploads,
)

_BATCH_ROWS = 5_000
EXCLUDED = (uploads, upload_parts)
"""Incomplete uploads start again after a restore, since their parts change during a dump."""
TABLES = tuple(t for t in metadata.sorted_tables if t not in EXCLUDED)
"""Tables of a dump; those that others refer to come first."""


class RegisteredFile(NamedTuple):
    """A file that a row of `datasets` or `models` names."""

    path: str
    """Below the data folder: `datasets/…`, `models/…` or `artifacts/…`."""
    sha256: str
    lists_others: bool = False
    """Whether it is the list of a tree's files, which belong to it."""


def begin_snapshot(connection: Connection) -> None:
    """Let the connection see the database as of now until its transaction ends.

    Raises DumpError if the database has another schema than this version.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
    # SQLite takes its snapshot at the first read, which is this one.
    found = migrate.revision(connection)
    if found != migrate.HEAD:
        raise DumpError(
            f"the database has revision {found}; this program is made for {migrate.HEAD}"
        )


def registered_files(connection: Connection) -> list[RegisteredFile]:
    """The files of all datasets and models, and those of the datasets' schemas."""
    own = connection.execute(select(datasets.c.file, datasets.c.sha256))
    files = [RegisteredFile(f"datasets/{file}", sha256) for file, sha256 in own]
    schemas = dataset_rows.schema_files(connection)
    files += [RegisteredFile(f"datasets/{s.path}", s.sha256) for s in schemas]
    versions = connection.execute(select(models.c.file, models.c.sha256, models.c.kind))
    files += [
        RegisteredFile(f"models/{file}", sha256, kind == TREE) for file, sha256, kind in versions
    ]
    logged = artifacts.contents(connection)
    return files + [
        RegisteredFile(f"artifacts/{owner}/{sha256}", sha256) for owner, sha256 in logged
    ]


def dump(connection: Connection, folder: Path) -> None:
    """Write every table into `folder`."""
    for table in TABLES:
        with gzip.open(_file(folder, table), "wt", compresslevel=1, encoding="utf-8") as file:
            file.write(json.dumps(table.columns.keys()) + "\n")
            rows = connection.execution_options(yield_per=_BATCH_ROWS).execute(select(table))
            for row in rows:
                file.write(json.dumps(list(row), ensure_ascii=False) + "\n")


def require_empty(connection: Connection) -> None:
    """Raise DumpError if any table has a row."""
    for table in metadata.sorted_tables:
        if connection.execute(select(literal(1)).select_from(table).limit(1)).first() is not None:
            raise DumpError(
                f"the database is not empty ({table.name} has rows): "
                "stop the gateway and restore into an empty database"
            )


def load(connection: Connection, folder: Path) -> None:
    """Insert the rows of every table from `folder`. Raises DumpError."""
    require_empty(connection)
    for table in TABLES:
        try:
            _load_table(connection, table, _file(folder, table))
        except (OSError, EOFError, zlib.error, ValueError) as error:
            raise DumpError(f"the backup of the table {table.name} is damaged: {error}") from error
        _advance_sequence(connection, table)


def _load_table(connection: Connection, table: Table, path: Path) -> None:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        names = json.loads(next(file, "null"))
        if names != table.columns.keys():
            raise ValueError(f"it has the columns {names}")
        for rows in _batches(file):
            values = [dict(zip(names, row, strict=True)) for row in rows]
            connection.execute(insert(table), values)


def _batches(lines: Iterator[str]) -> Iterator[list[Any]]:
    while batch := [json.loads(line) for line in islice(lines, _BATCH_ROWS)]:
        yield batch


def _advance_sequence(connection: Connection, table: Table) -> None:
    """Let PostgreSQL number new rows after the loaded ones, which do not advance its sequences."""
    column = table.autoincrement_column
    if connection.dialect.name != "postgresql" or column is None:
        return
    sequence = func.pg_get_serial_sequence(table.name, column.name)
    newest = select(func.max(column)).scalar_subquery()
    connection.execute(select(func.setval(sequence, newest)).where(newest.is_not(None)))


def _file(folder: Path, table: Table) -> Path:
    return folder / f"{table.name}.jsonl.gz"
