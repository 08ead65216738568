"""The database as lines of JSON, a file for each table, the same from SQLite and PostgreSQL: what one wrote the other can read.

The first line has the names of the columns, each further one the values of a row.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, func, insert, literal, select, text

from trainyard_gateway.backup.errors import BackupError
from trainyard_gateway.store.schema import migrate
from trainyard_gateway.store.schema.tables import metadata, upload_parts, uploads

ROWS_AT_ONCE = 5_000
LEFT_OUT = (uploads, upload_parts)
"""Uploads under way begin anew after a restore: their parts change while they are copied."""
TABLES = tuple(t for t in metadata.sorted_tables if t not in LEFT_OUT)
"""Those that others refer to come first."""


def begin_snapshot(connection: Connection) -> None:
    """From here on the connection sees one moment of the database. Raises BackupError when it has another schema."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
    # SQLite takes its snapshot at the first read, which is this one.
    found = migrate.revision(connection)
    if found != migrate.HEAD:
        raise BackupError(
            f"the database has revision {found}; this program is made for {migrate.HEAD}"
        )


def dump(connection: Connection, folder: Path) -> None:
    """Write every table into `folder`."""
    for table in TABLES:
        with gzip.open(_file(folder, table), "wt", compresslevel=1, encoding="utf-8") as file:
            file.write(json.dumps(table.columns.keys()) + "\n")
            rows = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(select(table))
            for row in rows:
                file.write(json.dumps(list(row), ensure_ascii=False) + "\n")


def require_empty(connection: Connection) -> None:
    """Raises BackupError when any table has a row."""
    for table in metadata.sorted_tables:
        if connection.execute(select(literal(1)).select_from(table).limit(1)).first() is not None:
            raise BackupError(
                f"the database is not empty ({table.name} has rows): stop the gateway and restore into an empty database"
            )


def load(connection: Connection, folder: Path) -> None:
    """Read every table from `folder`, within the connection's transaction. Raises BackupError."""
    require_empty(connection)
    for table in TABLES:
        try:
            _load(connection, table, _file(folder, table))
        except (OSError, EOFError, zlib.error, ValueError) as error:
            raise BackupError(
                f"the backup of the table {table.name} is damaged: {error}"
            ) from error
        _count_on(connection, table)


def _load(connection: Connection, table: Table, path: Path) -> None:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        names = json.loads(next(file, "null"))
        if names != table.columns.keys():
            raise ValueError(f"it has the columns {names}")
        for rows in _batches(file):
            values = [dict(zip(names, row, strict=True)) for row in rows]
            connection.execute(insert(table), values)


def _batches(lines: Iterator[str]) -> Iterator[list[Any]]:
    while batch := [json.loads(line) for line in islice(lines, ROWS_AT_ONCE)]:
        yield batch


def _count_on(connection: Connection, table: Table) -> None:
    """PostgreSQL numbers rows by sequences, which rows with numbers of their own do not move."""
    column = table.autoincrement_column
    if connection.dialect.name != "postgresql" or column is None:
        return
    sequence = func.pg_get_serial_sequence(table.name, column.name)
    newest = select(func.max(column)).scalar_subquery()
    connection.execute(select(func.setval(sequence, newest)).where(newest.is_not(None)))


def _file(folder: Path, table: Table) -> Path:
    return folder / f"{table.name}.jsonl.gz"
