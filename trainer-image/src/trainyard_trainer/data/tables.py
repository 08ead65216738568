"""Tables: CSV, Parquet, JSONL, and NPZ/NPY arrays with two axes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainyard_trainer.data.schema import MAX_CATEGORIES, Feature
from trainyard_trainer.errors import BadConfiguration, BadData

Column = NDArray[Any]
"""float64 with NaN for missing values, or object with None."""
TARGET_NAMES = ("target", "label", "y")


def read(path: Path, file_format: str) -> dict[str, Column]:
    """The columns of a file. Raises BadData with the place of what cannot be read."""
    import pyarrow as pa

    readers = {"csv": _csv, "parquet": _parquet, "jsonl": _jsonl}
    try:
        table = readers[file_format](path)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OSError) as error:
        raise BadData(f"{path.name} cannot be read as {file_format}: {error}") from error
    if table.num_rows == 0:
        raise BadData(f"{path.name} has no rows")
    return {name: _column(name, table.column(name)) for name in table.column_names}


def _csv(path: Path) -> Any:
    from pyarrow import csv

    return csv.read_csv(path)


def _parquet(path: Path) -> Any:
    from pyarrow import parquet

    return parquet.read_table(path)


def _jsonl(path: Path) -> Any:
    from pyarrow import json

    return json.read_json(path)


def _column(name: str, values: Any) -> Column:
    import pyarrow as pa

    kind = values.type
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        numbers: Column = values.cast(pa.float64()).to_numpy(zero_copy_only=False)
        return numbers
    if pa.types.is_null(kind):
        return np.full(len(values), np.nan)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind):
        return np.array(
            [v if v not in ("", None) else None for v in values.to_pylist()], dtype=object
        )
    raise BadData(
        f"column {name!r} holds {kind}, which cannot be a feature",
        hint=f"list it in ignoreColumns, or store it as number or text: {name}",
    )


def choose_target(columns: Mapping[str, Column], wanted: str | None, ignored: list[str]) -> str:
    """The column to predict. Raises BadConfiguration naming the columns there are."""
    names = [name for name in columns if name not in ignored]
    unknown = [name for name in ignored if name not in columns]
    if unknown:
        raise BadConfiguration(
            f"ignoreColumns names {unknown}, but the columns are {list(columns)}"
        )
    if wanted is not None:
        if wanted not in names:
            raise BadConfiguration(f"target {wanted!r} is not among the columns {names}")
        return wanted
    if len(names) < 2:
        raise BadData(f"a table needs a target and at least one feature; the columns are {names}")
    return next((name for name in TARGET_NAMES if name in names), names[-1])


def fit_features(
    columns: Mapping[str, Column], names: list[str], training_rows: NDArray[np.int64]
) -> list[Feature]:
    """How each column becomes inputs; statistics come from the training split only."""
    return [_fit(name, columns[name], training_rows) for name in names]


def _fit(name: str, column: Column, training_rows: NDArray[np.int64]) -> Feature:
    if column.dtype == object:
        return _fit_category(name, column)
    infinite = np.isinf(column)
    if infinite.any():
        row = int(np.argmax(infinite))
        raise BadData(f"row {row + 1}, column {name!r}: the value {column[row]} is not finite")
    known = column[training_rows]
    known = known[~np.isnan(known)]
    scale = float(known.std()) if known.size else 0.0
    return Feature(
        name=name,
        kind="number",
        mean=float(known.mean()) if known.size else 0.0,
        scale=scale if scale > 0 else 1.0,
        missing=int(np.isnan(column).sum()),
    )


def _fit_category(name: str, column: Column) -> Feature:
    values = sorted({v for v in column if v is not None})
    if len(values) > MAX_CATEGORIES:
        raise BadData(
            f"column {name!r} holds {len(values)} different texts; a category has at most {MAX_CATEGORIES}",
            hint=f"list {name!r} in ignoreColumns if it is an identifier",
        )
    missing = sum(v is None for v in column)
    return Feature(name=name, kind="category", categories=values, missing=missing)


def encode(columns: Mapping[str, Column], features: list[Feature]) -> NDArray[np.float32]:
    """Rows × inputs. Raises BadData for a column that is absent or of another kind than in training."""
    missing = [f.name for f in features if f.name not in columns]
    if missing:
        raise BadData(f"columns {missing} are missing; there are {list(columns)}")
    parts = [_encode_one(columns[f.name], f) for f in features]
    return np.concatenate(parts, axis=1) if parts else np.zeros((0, 0), np.float32)


def _encode_one(column: Column, feature: Feature) -> NDArray[np.float32]:
    if feature.kind == "number":
        if column.dtype == object:
            row = next(i for i, v in enumerate(column) if v is not None)
            raise BadData(
                f"row {row + 1}, column {feature.name!r}: {column[row]!r} is not a number"
            )
        filled = np.where(np.isnan(column), feature.mean, column)
        return ((filled - feature.mean) / feature.scale).astype(np.float32)[:, None]
    texts = column.astype(object) if column.dtype == object else column.astype(str).astype(object)
    return np.stack([texts == c for c in feature.categories], axis=1).astype(np.float32)


def class_names(column: Column, name: str) -> list[str]:
    """The classes of a target column in their natural order. Raises BadData for missing values."""
    if column.dtype == object:
        absent = [i for i, v in enumerate(column) if v is None]
        if absent:
            raise BadData(f"row {absent[0] + 1}, column {name!r}: the target is missing")
        return sorted(set(column))
    if np.isnan(column).any():
        row = int(np.argmax(np.isnan(column)))
        raise BadData(f"row {row + 1}, column {name!r}: the target is missing")
    values = np.unique(column)
    return [str(int(v)) if float(v).is_integer() else str(v) for v in values]


def class_ids(column: Column) -> NDArray[np.int64]:
    """The index of each row's class in `class_names`."""
    ids: NDArray[np.int64] = np.unique(column, return_inverse=True)[1].astype(np.int64)
    return ids
