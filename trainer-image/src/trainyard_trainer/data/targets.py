"""The target: class ids with their names, or scaled numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainyard_trainer.data.columns import Column, TextColumn
from trainyard_trainer.data.features import class_name, first_text, statistics
from trainyard_trainer.data.split import SplitRows
from trainyard_trainer.errors import BadData

NAMES_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Classes:
    """The names of the classes and each sample's class id."""

    names: list[str]
    ids: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Scaled:
    """Numbers of mean 0 and deviation 1 in the training split, and how they were scaled."""

    values: NDArray[np.float32]
    mean: float
    scale: float
    notes: list[str]


def classes(column: Column, name: str) -> Classes:
    """The sorted classes of a target column, and each row's class id.

    Names that all are numbers are sorted by their values. Raises BadData for missing values and
    for less than two classes, or far too many.
    """
    absent = column.missing() if isinstance(column, TextColumn) else np.isnan(column)
    if absent.any():
        raise BadData(f"row {int(np.argmax(absent)) + 1}, column {name!r}: the target is missing")
    if isinstance(column, TextColumn):
        names = _sorted(column.used())
        order = {v: i for i, v in enumerate(names)}
        places = np.array([order.get(v, -1) for v in column.values], dtype=np.int64)
        ids = places[column.codes]
    else:
        values, ids = np.unique(column, return_inverse=True)
        names = [class_name(v) for v in values]
    _check_count(names, len(ids), name)
    return Classes(names, ids.astype(np.int64, copy=False))


def _sorted(names: list[str]) -> list[str]:
    try:
        return sorted(names, key=lambda n: (float(n), n))
    except ValueError:
        return sorted(names)


def _check_count(names: list[str], samples: int, target: str) -> None:
    if len(names) < 2:
        raise BadData(
            f"the target {target!r} has the one value {names[0]!r}; classes need two or more"
        )
    if len(names) > max(100, samples // 2):
        raise BadData(
            f"the target {target!r} has {len(names)} different values in {samples} rows",
            hint="use tabular-regression for numbers",
        )


def class_notes(found: Classes, rows: SplitRows) -> list[str]:
    """Which classes have no sample in a split, each split a sentence."""
    out = []
    for split, numbers in (("training", rows.train), ("validation", rows.validation)):
        counts = np.bincount(found.ids[numbers], minlength=len(found.names))
        absent = [found.names[i] for i in np.flatnonzero(counts == 0)]
        if absent and len(numbers):
            shown = ", ".join(map(repr, absent[:NAMES_SHOWN]))
            rest = f" and {len(absent) - NAMES_SHOWN} more" if len(absent) > NAMES_SHOWN else ""
            out.append(f"no {split} sample of class {shown}{rest}")
    return out


def scaled(
    values: Column, name: str, rows: SplitRows, learned: tuple[float, float] | None = None
) -> Scaled:
    """The target standardised by its training split, or by `learned` mean and deviation.

    Raises BadData for what is no finite number, and where the deviation cannot be computed.
    """
    if isinstance(values, TextColumn):
        row = first_text(values) or 0
        raise BadData(f"row {row + 1}, column {name!r}: {values[row]!r} is not a number")
    if not np.isfinite(values).all():
        row = int(np.argmin(np.isfinite(values)))
        raise BadData(f"row {row + 1}, column {name!r}: the target {values[row]} is not a number")
    mean, scale = learned or statistics(values[rows.train])
    if not np.isfinite([mean, scale]).all():
        row = int(np.argmax(np.abs(values)))
        raise BadData(
            f"row {row + 1}, column {name!r}: the target {values[row]:.6g} is too large: mean and"
            " deviation of the target cannot be computed",
            hint="correct it, or leave out the row",
        )
    with np.errstate(over="ignore"):
        found = ((values - mean) / scale).astype(np.float32)
    notes = []
    if np.isinf(found).any():
        row = int(np.argmax(np.isinf(found)))
        notes.append(
            f"row {row + 1}, column {name!r}: the target {values[row]:.6g} is too far from the"
            f" mean {mean:.4g} (deviation {scale:.4g}): its loss is infinite"
        )
    return Scaled(found, mean, scale, notes)
