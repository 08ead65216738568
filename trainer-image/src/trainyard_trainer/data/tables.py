"""Tables: which column is the target, and how the others become model inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainyard_trainer.data.columns import Column, NumberColumn, TextColumn
from trainyard_trainer.data.schema import MAX_CATEGORIES, Feature
from trainyard_trainer.errors import BadConfiguration, BadData

TARGET_NAMES = ("target", "label", "y")


def choose_target(columns: Mapping[str, Column], wanted: str | None, ignored: list[str]) -> str:
    """The column to predict. Raises BadConfiguration naming the columns there are."""
    names = [name for name in columns if name not in ignored]
    unknown = [name for name in ignored if name not in columns]
    if unknown:
        raise BadConfiguration(
            f"ignoreColumns names {unknown}, but the columns are {list(columns)}"
        )
    if wanted is not None and wanted not in names:
        raise BadConfiguration(f"target {wanted!r} is not among the columns {names}")
    if len(names) < 2:
        raise BadData(f"a table needs a target and at least one feature; the columns are {names}")
    return wanted or next((name for name in TARGET_NAMES if name in names), names[-1])


def fit_features(
    columns: Mapping[str, Column], names: list[str], training_rows: NDArray[np.int64]
) -> list[Feature]:
    """How each column becomes inputs; statistics come from the training split only."""
    return [_fit(name, columns[name], training_rows) for name in names]


def _fit(name: str, column: Column, training_rows: NDArray[np.int64]) -> Feature:
    if isinstance(column, TextColumn):
        return _fit_category(name, column)
    infinite = np.isinf(column)
    if infinite.any():
        row = int(np.argmax(infinite))
        raise BadData(f"row {row + 1}, column {name!r}: the value {column[row]} is not finite")
    known = column[training_rows]
    known = known[~np.isnan(known)]
    # Of a constant column the computed deviation is not always exactly zero.
    varies = known.size > 0 and known.min() < known.max()
    scale = float(known.std()) if varies else 0.0
    return Feature(
        name=name,
        kind="number",
        mean=float(known.mean()) if known.size else 0.0,
        scale=scale if scale > 0 else 1.0,
        missing=int(np.isnan(column).sum()),
    )


def _fit_category(name: str, column: TextColumn) -> Feature:
    values = column.used()
    if len(values) > MAX_CATEGORIES:
        wrong = first_text(column)
        if wrong is not None and sum(_is_number(v) for v in values) > len(values) // 2:
            raise BadData(
                f"row {wrong + 1}, column {name!r}: {column[wrong]!r} is not a number",
                hint=f"correct it or leave it empty, or list {name!r} in ignoreColumns",
            )
        raise BadData(
            f"column {name!r} holds {len(values)} different texts; a category has at most {MAX_CATEGORIES}",
            hint=f"list {name!r} in ignoreColumns if it is an identifier",
        )
    missing = int(column.missing().sum())
    return Feature(name=name, kind="category", categories=values, missing=missing)


def first_text(column: TextColumn) -> int | None:
    """The first row that holds a text and no number."""
    texts = [i for i, v in enumerate(column.values) if not _is_number(v)]
    found = np.isin(column.codes, texts)
    return int(np.argmax(found)) if found.any() else None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def encode(columns: Mapping[str, Column], features: list[Feature]) -> NDArray[np.float32]:
    """Rows × inputs. Raises BadData if a column is missing or differs from the training."""
    missing = [f.name for f in features if f.name not in columns]
    if missing:
        raise BadData(f"columns {missing} are missing; there are {list(columns)}")
    rows = len(columns[features[0].name])
    out = np.empty((rows, sum(f.width() for f in features)), np.float32)
    place = 0
    for feature in features:
        _encode_into(out[:, place : place + feature.width()], columns[feature.name], feature)
        place += feature.width()
    return out


def _encode_into(out: NDArray[np.float32], column: Column, feature: Feature) -> None:
    if feature.kind == "number":
        out[:, 0] = _standardised(column, feature)
        return
    if not isinstance(column, TextColumn):
        column = as_texts(column)
    # One row per code, the last one (for code -1) all zeros.
    table = np.zeros((len(column.values) + 1, feature.width()), np.float32)
    for place, category in enumerate(feature.categories):
        if category in column.values:
            table[column.values.index(category), place] = 1.0
    out[:] = table[column.codes]


def _standardised(column: Column, feature: Feature) -> NDArray[np.float64]:
    if isinstance(column, TextColumn):
        row = first_text(column)
        shown = column[row] if row is not None else None
        raise BadData(
            f"row {(row or 0) + 1}, column {feature.name!r}: {shown!r} is not a number,"
            " and the column held numbers in training"
        )
    scaled: NDArray[np.float64] = (column - feature.mean) / feature.scale
    np.nan_to_num(scaled, copy=False, nan=0.0)
    return scaled


def as_texts(column: NumberColumn) -> TextColumn:
    """NumberColumn where training saw texts, as those texts would be written."""
    values, codes = np.unique(column, return_inverse=True)
    known = np.where(np.isnan(column), -1, codes).astype(np.int32)
    return TextColumn(known, [class_name(v) for v in values])


def class_name(value: Any) -> str:
    """A class given as a number: 3.0 is called 3."""
    return str(int(value)) if float(value).is_integer() else str(float(value))


def classes(column: Column, name: str) -> tuple[list[str], NDArray[np.int64]]:
    """The sorted classes of a target column, and each row's class index.

    Raises BadData for missing values.
    """
    absent = column.missing() if isinstance(column, TextColumn) else np.isnan(column)
    if absent.any():
        raise BadData(f"row {int(np.argmax(absent)) + 1}, column {name!r}: the target is missing")
    if isinstance(column, TextColumn):
        names = column.used()
        order = {v: i for i, v in enumerate(names)}
        places = np.array([order.get(v, -1) for v in column.values], dtype=np.int64)
        return names, places[column.codes]
    values, ids = np.unique(column, return_inverse=True)
    return [class_name(v) for v in values], ids.astype(np.int64)
