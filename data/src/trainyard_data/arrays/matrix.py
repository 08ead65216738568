"""An NPY file as a table: one matrix, whose last column is the target."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainyard_api.datasets.choices import MAX_CLASSES, MAX_COLUMNS, SchemaChoices
from trainyard_api.datasets.schema import ColumnRole, ColumnSchema, DatasetSchema
from trainyard_data.arrays.file import LONE, ArrayFile
from trainyard_data.arrays.header import Header
from trainyard_data.arrays.values import NUMBERS, labels
from trainyard_data.errors import BadChoice, BadData

_PIECE = 4 << 20
_SAVE_BOTH = "save samples and target in one NPZ file: np.savez(file, x=…, y=…)"


def inspect_matrix(file: ArrayFile, choices: SchemaChoices) -> DatasetSchema:
    """The schema of an NPY file. Raises BadData or BadChoice."""
    header = file.headers[LONE]
    _refuse(header)
    rows, width = header.shape
    names = [f"x{place}" for place in range(width)]
    wanted = [*([choices.target] if choices.target else []), *choices.ignore]
    if any(name != names[-1] for name in wanted) or names[-1] in choices.ignore:
        raise BadChoice(
            f"the target of an NPY file is its last column, {names[-1]!r}, and all others are used",
            _SAVE_BOTH,
        )
    classes = _classes(file.load(LONE))
    columns = [
        ColumnSchema(name=name, type=str(header.dtype), role=ColumnRole.FEATURE) for name in names
    ]
    columns[-1] = columns[-1].model_copy(update={"role": ColumnRole.TARGET})
    return DatasetSchema(
        samples=rows,
        dimensions=[rows, width],
        columns=columns,
        target=names[-1],
        target_reason="the last column of the array",
        classes=classes,
        inputs=LONE,
        notes=[f"The array has no target beside it: its last column, {names[-1]!r}, is taken."],
        choices=choices,
    )


def split_matrix(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], str]:
    """Features, target, and the target's name, of a matrix."""
    return values[:, :-1], values[:, -1], f"x{values.shape[1] - 1}"


def _refuse(header: Header) -> None:
    """Raise BadData for what is no table of numbers."""
    if header.dtype.hasobject:
        raise BadData("the array holds Python objects, which are not read", "save numbers")
    if header.dtype.names:
        raise BadData(
            f"the array holds records with the fields {', '.join(header.dtype.names[:10])}",
            "save them as CSV or Parquet, or the fields as arrays of an NPZ file",
        )
    if header.dtype.kind not in NUMBERS:
        raise BadData(f"the array holds {header.dtype}; samples are numbers", _SAVE_BOTH)
    if not all(header.shape):
        raise BadData(f"the array has the shape {list(header.shape)}: nothing is in it")
    if len(header.shape) != 2 or header.shape[1] < 2:
        raise BadData(
            f"an NPY file holds one array, this one of the shape {list(header.shape)}, and no target",
            _SAVE_BOTH,
        )
    if header.shape[1] > MAX_COLUMNS:
        raise BadData(f"the array has {header.shape[1]} columns; at most {MAX_COLUMNS} are read")


def _classes(values: NDArray[Any]) -> list[str] | None:
    """The values of the last column if they are at most 1,000. Raises BadData for infinite ones."""
    found: set[Any] | None = set()
    for start, rows in _pieces(values):
        if values.dtype.kind == "f":
            _refuse_infinite(start, rows)
        if found is not None:
            found.update(np.unique(rows[:, -1]).tolist())
            found = found if len(found) <= MAX_CLASSES else None
    return None if found is None else labels(np.array(sorted(found), values.dtype))


def _pieces(values: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    step = max(1, _PIECE // max(1, values.shape[1] * values.itemsize))
    for start in range(0, len(values), step):
        yield start, values[start : start + step]


def _refuse_infinite(start: int, rows: NDArray[Any]) -> None:
    bad = np.isinf(rows)
    bad[:, -1] |= np.isnan(rows[:, -1])
    if bad.any():
        row, column = (int(place) for place in np.argwhere(bad)[0])
        raise BadData(
            f"row {start + row + 1}, column 'x{column}': the value {rows[row, column]} cannot be"
            " used",
            "leave out the rows without a value",
        )
