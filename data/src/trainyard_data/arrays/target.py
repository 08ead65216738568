"""The values of a target: one for each sample, as numbers, texts or one-hot rows."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainyard_api.datasets.choices import MAX_CLASSES
from trainyard_data.arrays.file import ArrayFile
from trainyard_data.arrays.header import Header
from trainyard_data.arrays.values import NUMBERS, TEXTS, labels
from trainyard_data.errors import BadData

LONGEST_NAME = 1024
"""Characters of a class name."""


def refuse_type(name: str, header: Header) -> None:
    """Raise BadData for what is neither numbers nor texts."""
    if header.dtype.hasobject:
        raise BadData(
            f"the target {name!r} holds Python objects, which are not read",
            hint=f"save texts of fixed length: {name}.astype(str)",
        )
    if header.dtype.kind not in NUMBERS + TEXTS:
        raise BadData(
            f"the target {name!r} holds {header.dtype}; give numbers or texts",
            hint=f"save them as texts: {name}.astype(str)",
        )


def one_of_each(name: str, values: NDArray[Any]) -> NDArray[Any]:
    """N values from N, N×1, or rows of N×K that have a single 1. Raises BadData."""
    if values.size == len(values):
        return values.reshape(-1)
    if values.ndim == 2 and values.dtype.kind in NUMBERS:
        bad = _not_one_hot(values)
        if bad is None:
            places: NDArray[np.int64] = values.argmax(1)
            return places
        why = f"; row {bad + 1} is not one-hot either"
    else:
        why = ""
    raise BadData(
        f"the target {name!r} has the shape {values.shape}; give one value a sample{why}",
        hint="a model predicts one target: save one of the columns",
    )


def classes_of(file: ArrayFile, name: str) -> tuple[list[str] | None, str]:
    """The different values if they are at most 1,000, and a note. Raises BadData."""
    header = file.headers[name]
    refuse_type(name, header)
    if math.prod(header.shape[1:]) != 1:
        return _classes_of_rows(file, name)
    found: set[Any] | None = set()
    row = 0
    for piece in file.pieces(name):
        _refuse_not_finite(name, piece, row)
        row += len(piece)
        if found is not None:
            found.update(np.unique(piece).tolist())
            found = found if len(found) <= MAX_CLASSES else None
    if found is None:
        return None, ""
    names = labels(np.array(sorted(found), header.dtype))
    _refuse_names(name, names)
    return names, ""


def _refuse_names(target: str, names: list[str]) -> None:
    """Raise BadData for texts that cannot be stored or shown as class names."""
    for name in names:
        if len(name) > LONGEST_NAME:
            raise BadData(
                f"the target {target!r} holds a text of {len(name)} characters; class names have at"
                f" most {LONGEST_NAME}"
            )
        if any(unicodedata.category(c) in ("Cc", "Cs") for c in name):
            raise BadData(f"the target {target!r} holds {name!r}: a control character")


def _classes_of_rows(file: ArrayFile, name: str) -> tuple[list[str], str]:
    header = file.headers[name]
    width = header.shape[1] if len(header.shape) == 2 else 0
    if not 2 <= width <= MAX_CLASSES or header.dtype.kind not in NUMBERS:
        raise BadData(f"the target {name!r} has the shape {header.shape}; give one value a sample")
    seen = np.zeros(width, bool)
    for rows in _rows(file, name, width):
        seen[one_of_each(name, rows)] = True
    note = (
        f"The target {name!r} is one-hot: a class is the place of the 1, counted from 0,"
        f" of {width}."
    )
    return [str(place) for place in np.flatnonzero(seen)], note


def _rows(file: ArrayFile, name: str, width: int) -> Iterator[NDArray[Any]]:
    """The rows of a matrix in pieces."""
    if file.headers[name].fortran:
        yield file.load(name)
        return
    kept: NDArray[Any] | None = None
    for piece in file.pieces(name):
        flat = piece if kept is None else np.concatenate([kept, piece])
        whole = len(flat) // width * width
        yield flat[:whole].reshape(-1, width)
        kept = flat[whole:]


def _not_one_hot(values: NDArray[Any]) -> int | None:
    """The first row that has not one 1 among zeros."""
    wrong = ((values != 0) & (values != 1)).any(1) | (values.sum(1) != 1)
    return int(np.argmax(wrong)) if wrong.any() else None


def _refuse_not_finite(name: str, values: NDArray[Any], before: int) -> None:
    if values.dtype.kind == "f" and not (finite := np.isfinite(values)).all():
        row = int(np.argmin(finite))
        raise BadData(
            f"row {before + row + 1}, array {name!r}: the target {values[row]} is no value",
            hint="leave out the samples without a target",
        )
