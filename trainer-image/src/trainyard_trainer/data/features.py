"""How columns become model inputs: numbers are standardised, a category has one input per value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from trainyard_api.datasets.choices import MAX_CATEGORIES
from trainyard_data.tables import Column, NumberColumn, TextColumn
from trainyard_trainer.data.schema import Feature
from trainyard_trainer.errors import BadData

FAR = 10.0
"""Standard deviations between the means of two datasets from which on it is said."""


def fit_features(
    columns: Mapping[str, Column],
    names: Sequence[str],
    training_rows: NDArray[np.int64],
    learned: Sequence[Feature] = (),
) -> tuple[list[Feature], list[str]]:
    """How each column becomes inputs, and what is to be said about it.

    Statistics come from the training split only; of numbers in `learned` they are taken from
    there, because weights that were trained with them only fit them. Raises BadData naming every
    column that cannot be a feature.
    """
    known = {f.name: f for f in learned}
    features, problems, notes = [], [], []
    for name in names:
        try:
            feature = _fit(name, columns[name], training_rows)
        except BadData as error:
            problems.append(error)
            continue
        before = known.get(name)
        if before is not None and before.kind == feature.kind == "number":
            notes += _far(feature, before)
            feature = feature.model_copy(update={"mean": before.mean, "scale": before.scale})
        features.append(feature)
    if problems:
        raise _all(problems)
    return features, notes


def _far(found: Feature, before: Feature) -> list[str]:
    apart = abs(found.mean - before.mean) / before.scale
    ratio = found.scale / before.scale
    if apart < FAR and 1 / FAR < ratio < FAR:
        return []
    return [
        f"column {found.name!r}: mean {found.mean:.4g} and deviation {found.scale:.4g}; the"
        f" checkpoint has learned mean {before.mean:.4g} and deviation {before.scale:.4g}, which"
        " are kept"
    ]


def _all(problems: Sequence[BadData]) -> BadData:
    """One error that names every column, since each failed session would show only one."""
    hints = dict.fromkeys(p.hint for p in problems if p.hint)
    return BadData("; ".join(str(p) for p in problems), hint="; ".join(hints))


def _fit(name: str, column: Column, training_rows: NDArray[np.int64]) -> Feature:
    if isinstance(column, TextColumn):
        return _fit_category(name, column)
    infinite = np.isinf(column)
    if infinite.any():
        row = int(np.argmax(infinite))
        raise BadData(f"row {row + 1}, column {name!r}: the value {column[row]} is not finite")
    known = column[training_rows]
    known = known[~np.isnan(known)]
    mean, scale = statistics(known)
    if not np.isfinite([mean, scale]).all():
        row = int(np.nanargmax(np.abs(column)))
        raise BadData(
            f"row {row + 1}, column {name!r}: the value {column[row]:.6g} is too large: mean and"
            " deviation of the column cannot be computed",
            hint=f"correct it, or list {name!r} in ignoreColumns",
        )
    missing = int(np.isnan(column).sum())
    return Feature(name=name, kind="number", mean=mean, scale=scale, missing=missing)


def statistics(known: NumberColumn) -> tuple[float, float]:
    """Mean and standard deviation; 0 and 1 of nothing, 1 as the deviation of equal values.

    Not finite where a sum of squares overflows.
    """
    if not known.size:
        return 0.0, 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        # Of a constant column the computed deviation is not always exactly zero.
        scale = float(known.std()) if known.min() < known.max() else 0.0
        return float(known.mean()), scale if scale != 0 else 1.0


def _fit_category(name: str, column: TextColumn) -> Feature:
    values = column.used()
    if len(values) > MAX_CATEGORIES:
        raise _too_many(name, column, values)
    missing = int(column.missing().sum())
    return Feature(name=name, kind="category", categories=values, missing=missing)


def _too_many(name: str, column: TextColumn, values: list[str]) -> BadData:
    wrong = first_text(column)
    if wrong is not None and sum(_is_number(v) for v in values) > len(values) // 2:
        return BadData(
            f"row {wrong + 1}, column {name!r}: {column[wrong]!r} is not a number",
            hint=f"correct it or leave it empty, or list {name!r} in ignoreColumns",
        )
    return BadData(
        f"column {name!r} holds {len(values)} different texts; a category has at most {MAX_CATEGORIES}",
        hint=f"list {name!r} in ignoreColumns if it is an identifier",
    )


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


def encode(columns: Mapping[str, Column], features: Sequence[Feature]) -> NDArray[np.float32]:
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
        raise TypeError(f"the category {feature.name!r} is read as texts")
    # One row per code, the last one (for code -1) all zeros.
    table = np.zeros((len(column.values) + 1, feature.width()), np.float32)
    for place, category in enumerate(feature.categories):
        if category in column.values:
            table[column.values.index(category), place] = 1.0
    out[:] = table[column.codes]


def _standardised(column: Column, feature: Feature) -> NDArray[np.float32]:
    if isinstance(column, TextColumn):
        row = first_text(column)
        shown = column[row] if row is not None else None
        raise BadData(
            f"row {(row or 0) + 1}, column {feature.name!r}: {shown!r} is not a number,"
            " and the column held numbers in training"
        )
    with np.errstate(over="ignore"):
        scaled: NDArray[np.float32] = ((column - feature.mean) / feature.scale).astype(np.float32)
    infinite = np.isinf(scaled)
    if infinite.any():
        row = int(np.argmax(infinite))
        raise BadData(
            f"row {row + 1}, column {feature.name!r}: the value {column[row]:.6g} is not finite, or"
            f" too far from the column's mean {feature.mean:.4g} (deviation {feature.scale:.4g})",
            hint="correct it, or leave it empty",
        )
    np.nan_to_num(scaled, copy=False, nan=0.0)
    return scaled
