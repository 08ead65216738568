"""JSONL files as parts of rows: one object a line."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from trainyard_api.datasets.choices import MAX_COLUMNS
from trainyard_data.errors import BadData
from trainyard_data.tables.source import Batch, Part

PIECE_BYTES = 1 << 20
LONGEST_LINE = 16 << 20
"""Bytes."""
_BOM = b"\xef\xbb\xbf"


class JsonLines:
    """A file of objects, one a line."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def parts(self, wanted: Collection[str] | None) -> Iterator[Part]:
        """All rows in order."""
        number = 1
        with self._path.open("rb") as file:
            rest = file.read(3).removeprefix(_BOM)
            while True:
                block = file.read(PIECE_BYTES)
                cut = block.rfind(b"\n") + 1 if block else 0
                if block and not cut:
                    rest += block
                    if len(rest) > LONGEST_LINE:
                        raise BadData(f"line {number} is longer than {LONGEST_LINE >> 20} MiB")
                    continue
                part = rest + block[:cut]
                if part.strip():
                    yield partial(_parsed, part, number, wanted)
                number += part.count(b"\n")
                rest = block[cut:]
                if not block:
                    return

    def place(self, row: int) -> str:
        """The row (from 0) for a person, with its line where blank lines stand before it."""
        with self._path.open("rb") as file:
            found = -1
            for number, line in enumerate(file, 1):
                found += bool(line.strip())
                if found == row:
                    return f"row {row + 1}" + (f" (line {number})" if number != row + 1 else "")
        return f"row {row + 1}"


def _parsed(content: bytes, number: int, wanted: Collection[str] | None) -> Batch:
    rows = []
    for offset, line in enumerate(content.split(b"\n")):
        if line.strip():
            rows.append(_object(line, number + offset))
    names = dict.fromkeys(name for row in rows for name in row)
    if len(names) > MAX_COLUMNS:
        raise BadData(f"line {number}: more than {MAX_COLUMNS} different names of values")
    columns = {
        name: as_array([row.get(name) for row in rows])
        for name in names
        if wanted is None or name in wanted
    }
    return Batch(len(rows), columns)


def _object(line: bytes, number: int) -> dict[str, Any]:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        value = _with_nan(line, number, error)
    if not isinstance(value, dict):
        raise BadData(
            f"line {number}: an object is needed, this is a {type(value).__name__}",
            hint='write one object a line, such as {"a": 1, "kind": "x"}',
        )
    return value


def _with_nan(line: bytes, number: int, error: Exception) -> Any:
    """Python's writer writes NaN and Infinity, which are no JSON."""
    try:
        return json.loads(line) if b"NaN" in line or b"Infinity" in line else _refuse(number, error)
    except (ValueError, RecursionError):
        return _refuse(number, error)


def _refuse(number: int, error: Exception) -> Any:
    raise BadData(f"line {number} is not JSON: {error}") from error


def as_array(values: list[Any]) -> Any:
    """The values of a column as an Arrow array: of one type, else as texts."""
    import pyarrow as pa

    kinds = set(map(type, values)) - {type(None)}
    if kinds <= {str}:
        return pa.array(values, pa.string())
    if kinds == {bool}:
        return pa.array(values, pa.bool_())
    if kinds == {int} and all(v is None or -(2**63) <= v < 2**63 for v in values):
        return pa.array(values, pa.int64())
    if kinds == {float}:
        return pa.array(values, pa.float64())
    if dict in kinds or list in kinds:
        return pa.array([None if v is None else b"" for v in values], pa.binary())
    return pa.array([_text(v) for v in values], pa.string())


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)
