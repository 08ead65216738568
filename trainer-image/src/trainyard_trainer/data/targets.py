"""The target: class ids with their names, or scaled numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainyard_api.datasets.choices import FEW_CLASSES
from trainyard_data.tables import Column, TextColumn, sorted_classes
from trainyard_trainer.data.features import first_text, statistics
from trainyard_trainer.data.split import SplitRows
from trainyard_trainer.errors import BadData

NAMES_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Classes:
    """The names of the classes, each sample's class id (-1: none), and what is to be said."""

    names: list[str]
    ids: NDArray[np.int64]
    notes: list[str]


@dataclass(frozen=True, slots=True)
class Known:
    """The rows that have a target, and what is to be said."""

    rows: NDArray[np.int64]
    notes: list[str]


@dataclass(frozen=True, slots=True)
class Scaled:
    """Numbers of mean 0 and deviation 1 in the training split, and how they were scaled."""

    values: NDArray[np.float32]
    mean: float
    scale: float
    notes: list[str]


def classes(column: Column, name: str) -> Classes:
    """The sorted classes of a target column, and each row's class id.

    Rows without a class are left out. Raises BadData for less than two classes, or far too many.
    """
    if not isinstance(column, TextColumn):
        raise TypeError("the target of a classification is read as texts")
    known = _known(~column.missing(), name)
    names = sorted_classes(column.used())
    order = {v: i for i, v in enumerate(names)}
    # The last place is that of code -1.
    places = np.array([*(order.get(v, -1) for v in column.values), -1], dtype=np.int64)
    _check_count(names, len(known.rows), name)
    return Classes(names, places[column.codes], known.notes)


def known_numbers(column: Column, name: str) -> Known:
    """The rows of a target of numbers. Raises BadData for texts and infinite values."""
    if isinstance(column, TextColumn):
        row = first_text(column) or 0
        raise BadData(f"row {row + 1}, column {name!r}: {column[row]!r} is not a number")
    infinite = np.isinf(column)
    if infinite.any():
        row = int(np.argmax(infinite))
        raise BadData(f"row {row + 1}, column {name!r}: the target {column[row]} is not a number")
    return _known(~np.isnan(column), name)


def _known(known: NDArray[np.bool_], name: str) -> Known:
    rows = np.flatnonzero(known)
    if not len(rows):
        raise BadData(f"the target {name!r} has no value in any row")
    absent = len(known) - len(rows)
    if not absent:
        return Known(rows, [])
    first = int(np.argmin(known)) + 1
    what = "1 row without" if absent == 1 else f"{absent} rows without"
    return Known(
        rows, [f"{what} a value of the target {name!r} left out, the first is row {first}"]
    )


def _check_count(names: list[str], samples: int, target: str) -> None:
    if len(names) < 2:
        raise BadData(
            f"the target {target!r} has the one value {names[0]!r}; classes need two or more"
        )
    if len(names) > max(FEW_CLASSES, samples // 2):
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

    Rows without a target are NaN. Raises BadData where the deviation cannot be computed.
    """
    if isinstance(values, TextColumn):
        raise TypeError("the target of a regression is read as numbers")
    mean, scale = learned or statistics(values[rows.train])
    if not np.isfinite([mean, scale]).all():
        row = int(np.nanargmax(np.abs(values)))
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
