"""CSV, JSONL and Parquet: rows and columns, read line by line."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trainyard_gateway.errors import BadRequest
from trainyard_gateway.files.details import (
    LONGEST_LINE,
    MOST_CLASSES,
    MOST_COLUMNS,
    ColumnInfo,
    DatasetDetails,
)

_BOM = b"\xef\xbb\xbf"


def read_csv(path: Path) -> DatasetDetails:
    """Rows and columns of a CSV file with a header. Raises BadRequest with the wrong line."""
    reader = csv.reader(_text_lines(path))
    try:
        return _csv(reader)
    except csv.Error as error:
        raise BadRequest(f"line {reader.line_num}: {error}") from error


def _csv(reader: Any) -> DatasetDetails:
    header = _header(next(reader, []))
    types = ["integer"] * len(header)
    last: set[str] | None = set()
    count = 0
    for row in reader:
        if not row:
            continue
        if len(row) != len(header):
            raise BadRequest(
                f"line {reader.line_num}: {len(row)} values, but the header has {len(header)} columns"
            )
        types = [_widen(t, v) if t != "text" else t for t, v in zip(types, row, strict=True)]
        last = _collect(last, row[-1])
        count += 1
    if count == 0:
        raise BadRequest("the file has a header but no rows")
    columns = [ColumnInfo(name=n, type=t) for n, t in zip(header, types, strict=True)]
    classes = sorted(last) if last is not None and types[-1] != "number" else None
    return DatasetDetails(
        samples=count, dimensions=[count, len(header)], columns=columns, classes=classes
    )


def _byte_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers, from 1; never more than one in memory."""
    with path.open("rb") as file:
        number = 0
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                raise BadRequest(f"line {number} is longer than {LONGEST_LINE >> 20} MiB")
            yield number, line.removeprefix(_BOM) if number == 1 else line


def _text_lines(path: Path) -> Iterator[str]:
    for number, line in _byte_lines(path):
        if b"\0" in line:
            raise BadRequest(f"line {number}: a NUL byte; is this a text file?")
        try:
            yield line.decode()
        except UnicodeDecodeError as error:
            raise BadRequest(
                f"line {number}: byte {error.start + 1} is not UTF-8; save the file as UTF-8"
            ) from error


def _header(header: list[str]) -> list[str]:
    if not header:
        raise BadRequest("line 1: the header is missing; the first line names the columns")
    if len(header) > MOST_COLUMNS:
        raise BadRequest(f"line 1: {len(header)} columns; at most {MOST_COLUMNS} are accepted")
    seen: set[str] = set()
    for position, name in enumerate(header, 1):
        if not name.strip():
            raise BadRequest(f"line 1: column {position} has no name")
        if name in seen:
            raise BadRequest(f"line 1: the column name {name[:80]!r} occurs twice")
        seen.add(name)
    if all(_widen("integer", name) != "text" for name in header):
        raise BadRequest("line 1: all column names are numbers; is the header missing?")
    return header


def _widen(known: str, value: str) -> str:
    if value == "":
        return "number" if known == "integer" else known
    try:
        int(value)
    except ValueError:
        try:
            float(value)
        except ValueError:
            return "text"
        return "number"
    return known


def _collect(values: set[str] | None, value: str) -> set[str] | None:
    if values is None:
        return None
    values.add(value)
    return values if len(values) <= MOST_CLASSES else None


def read_jsonl(path: Path) -> DatasetDetails:
    """Objects, one a line, and the kinds of their values."""
    import orjson

    columns: dict[str, str] = {}
    count = 0
    for number, line in _byte_lines(path):
        if not line.strip():
            continue
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise BadRequest(f"line {number}: {error}") from error
        if not isinstance(value, dict):
            raise BadRequest(f"line {number}: an object is needed, this is {type(value).__name__}")
        count += 1
        columns |= {k: type(v).__name__ for k, v in value.items() if v is not None}
        if len(columns) > MOST_COLUMNS:
            raise BadRequest(f"line {number}: more than {MOST_COLUMNS} different names of values")
    if not columns:
        raise BadRequest("the file has no objects with values")
    listed = [ColumnInfo(name=n, type=t) for n, t in columns.items()]
    return DatasetDetails(samples=count, dimensions=[count, len(listed)], columns=listed)


def read_parquet(path: Path) -> DatasetDetails:
    """The footer of a Parquet file."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(
            path, thrift_string_size_limit=64 << 20, thrift_container_size_limit=1 << 20
        ) as footer:
            rows, schema = footer.metadata.num_rows, footer.schema_arrow
            columns = [ColumnInfo(name=f.name, type=str(f.type)[:200]) for f in schema]
    except (pa.ArrowException, OSError, UnicodeDecodeError, ValueError) as error:
        raise BadRequest(f"not a Parquet file: {str(error)[:200]}") from error
    if rows < 1 or len(columns) > MOST_COLUMNS:
        raise BadRequest(f"the Parquet file has {rows} rows and {len(columns)} columns")
    return DatasetDetails(samples=rows, dimensions=[rows, len(columns)], columns=columns)
