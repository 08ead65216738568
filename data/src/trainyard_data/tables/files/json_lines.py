"""JSONL files as parts of rows: one object a line."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import orjson

from trainyard_api.datasets.choices import MAX_COLUMNS
from trainyard_data.encodings import UTF16, UTF32, by_mark
from trainyard_data.errors import BadData
from trainyard_data.tables.files.source import Batch, Part

PIECE_BYTES = 1 << 20
LONGEST_LINE = 16 << 20
"""Bytes."""
_BOM = b"\xef\xbb\xbf"


class JsonLines:
    """A file of objects, one a line."""

    def __init__(self, path: Path, types: Mapping[str, Any] | None = None) -> None:
        """`types`: the Arrow types to try for the wanted columns, all of them or none."""
        self._path, self._types = path, types
        self.remarks: Sequence[str] = ()
        self.categories: frozenset[str] = frozenset()
        self.unused: Mapping[str, str] = {}
        self._places: dict[str, int] = {}
        self._lock = Lock()

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
                    yield partial(self._typed, part, number, wanted)
                number += part.count(b"\n")
                rest = block[cut:]
                if not block:
                    return

    def _typed(self, content: bytes, number: int, wanted: Collection[str] | None) -> Batch:
        """The rows by Arrow's parser, which is faster; as `_parsed` where a value is otherwise."""
        import pyarrow as pa
        from pyarrow import json as arrow_json

        if not self._types or wanted is None or set(wanted) - self._types.keys():
            return self._parsed(content, number, wanted)
        fields = [(name, self._types[name]) for name in wanted]
        try:
            table = arrow_json.read_json(
                pa.BufferReader(content),
                arrow_json.ReadOptions(use_threads=False, block_size=len(content) + 1),
                arrow_json.ParseOptions(pa.schema(fields), unexpected_field_behavior="ignore"),
            ).combine_chunks()
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return self._parsed(content, number, wanted)
        return Batch(table.num_rows, {name: _whole(table.column(name)) for name, _ in fields})

    def _parsed(self, content: bytes, number: int, wanted: Collection[str] | None) -> Batch:
        rows = [
            _object(line, number + offset)
            for offset, line in enumerate(content.split(b"\n"))
            if line and not line.isspace()
        ]
        shapes = set(map(tuple, rows))
        places: dict[str, int] = {}
        for shape in shapes:
            for place, name in enumerate(shape):
                places[name] = max(place, places.get(name, 0))
        self._learn(places, number)
        chosen = [name for name in places if wanted is None or name in wanted]
        try:
            columns = _columns(rows, shapes, chosen, exact=False)
        except _Inexact:
            rows = [json.loads(line) for line in content.split(b"\n") if line.strip()]
            columns = _columns(rows, shapes, chosen, exact=True)
        return Batch(len(rows), columns)

    def _learn(self, places: dict[str, int], number: int) -> None:
        with self._lock:
            for name, place in places.items():
                self._places[name] = max(place, self._places.get(name, 0))
            if len(self._places) > MAX_COLUMNS:
                raise BadData(f"line {number}: more than {MAX_COLUMNS} different names of values")

    def order(self, names: Collection[str]) -> list[str]:
        """The names by their last place in any row: it does not depend on the order of the rows."""
        return sorted(names, key=lambda name: (self._places.get(name, 0), name))

    def place(self, row: int) -> str:
        """The row (from 0) for a person, with its line where blank lines stand before it."""
        with self._path.open("rb") as file:
            found = -1
            for number, line in enumerate(file, 1):
                found += bool(line.strip())
                if found == row:
                    return f"row {row + 1} (line {number})"
        return f"row {row + 1}"


def _whole(values: Any) -> Any:
    return values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()


def _columns(
    rows: list[dict[str, Any]], shapes: set[tuple[str, ...]], chosen: list[str], exact: bool
) -> dict[str, Any]:
    if len(shapes) == 1:
        (names,) = shapes
        values = dict(zip(names, zip(*(row.values() for row in rows), strict=True), strict=True))
        return {name: as_array(values[name], exact) for name in chosen}
    return {name: as_array([row.get(name) for row in rows], exact) for name in chosen}


def _object(line: bytes, number: int) -> dict[str, Any]:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        value = _with_nan(line, number, error)
    if not isinstance(value, dict):
        what = "a JSON array" if isinstance(value, list) else f"a {type(value).__name__}"
        raise BadData(f"line {number}: an object is needed, this is {what}", hint=_ONE_A_LINE)
    if line.count(b'":') != len(value):
        _refuse_repeated(line, number)
    return value


def _refuse_repeated(line: bytes, number: int) -> None:
    """Raises BadData for an object with the same name twice, of which one would be lost."""

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(found)
        if len(value) != len(found):
            names = [name for name, _ in found]
            twice = next(name for name, times in Counter(names).items() if times > 1)
            raise BadData(f"line {number}: the object has the name {twice[:80]!r} twice")
        return value

    with contextlib.suppress(ValueError, RecursionError):
        json.loads(line, object_pairs_hook=pairs)


def _with_nan(line: bytes, number: int, error: Exception) -> Any:
    """Python's writer writes NaN and Infinity, which are no JSON."""
    try:
        return (
            json.loads(line)
            if b"NaN" in line or b"Infinity" in line
            else _refuse(number, line, error)
        )
    except (ValueError, RecursionError):
        return _refuse(number, line, error)


def _refuse(number: int, line: bytes, error: Exception) -> Any:
    if line.lstrip()[:1] == b"[":
        text = f"line {number}: a JSON array over several lines; an object in each line is needed"
        raise BadData(text, hint=_ONE_A_LINE) from error
    _refuse_other_encoding(number, line)
    raise BadData(f"line {number} is not JSON: {error}", hint=_ONE_A_LINE) from error


def _refuse_other_encoding(number: int, line: bytes) -> None:
    """Raises BadData for a line that is not UTF-8."""
    marked = by_mark(line) if number == 1 else None
    if marked in (UTF16, UTF32):
        raise BadData(f"the file is {str(marked).upper()}, not UTF-8", hint=_SAVE_AS)
    try:
        line.decode()
    except UnicodeDecodeError as wrong:
        byte = f"byte {wrong.start + 1} (0x{line[wrong.start]:02x})"
        raise BadData(f"line {number}: {byte} is not UTF-8", hint=_SAVE_AS) from wrong


_SAVE_AS = "JSON is written in UTF-8: save the file so"
_ONE_A_LINE = 'write one object a line, such as {"a": 1, "kind": "x"}'


class _Inexact(Exception):
    """An integer became a float, because it has more digits than the fast parser keeps."""


def as_array(values: Sequence[Any], exact: bool = False) -> Any:
    """The values of a column as an Arrow array: of one type, else as texts.

    Raises _Inexact if a float may be an integer that lost digits, unless all are `exact`.
    """
    import pyarrow as pa

    kinds = set(map(type, values)) - {type(None)}
    if kinds <= {str}:
        return pa.array(values, pa.string())
    if kinds == {bool}:
        return pa.array(values, pa.bool_())
    if kinds == {int} and all(v is None or -(2**63) <= v < 2**63 for v in values):
        return pa.array(values, pa.int64())
    if kinds == {float}:
        floats = pa.array(values, pa.float64())
        sizes = np.abs(floats.to_numpy(zero_copy_only=False))
        if not exact and (sizes >= 2**63).any() and _lost_digits(values):
            raise _Inexact
        return floats
    if not exact and float in kinds and _lost_digits(values):
        raise _Inexact
    if dict in kinds or list in kinds:
        return pa.array([None if v is None else [] for v in values], pa.list_(pa.null()))
    return pa.array([_text(v) for v in values], pa.string())


def _lost_digits(values: Sequence[Any]) -> bool:
    return any(type(v) is float and abs(v) >= 2**63 and v.is_integer() for v in values)


def _text(value: Any) -> str | None:
    """A value as it is written in JSON."""
    if value is None or isinstance(value, str):
        return value
    if value != value:
        return None
    if isinstance(value, float) and abs(value) == float("inf"):
        return "Infinity" if value > 0 else "-Infinity"
    return str(value).lower() if isinstance(value, bool) else str(value)
