"""Arrays as matrices, and targets as class names or numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainyard_data.errors import BadData

NUMBERS = "biuf"
TEXTS = "US"


def as_matrix(values: NDArray[Any]) -> NDArray[np.float64]:
    """Samples × values."""
    return values.reshape(len(values), -1).astype(np.float64)


def labels(target: NDArray[Any]) -> list[str]:
    """The class name of each sample, as the value is written: 3, 0.5, True or the text."""
    if target.dtype.kind in TEXTS:
        return [text_of(v) for v in target.tolist()]
    if target.dtype.kind == "f":
        return [str(int(v)) if v == int(v) else repr(v) for v in target.astype(float).tolist()]
    return [str(v) for v in target.tolist()]


def numbers(target: NDArray[Any], name: str) -> NDArray[np.float64]:
    """The value of each sample. Raises BadData for texts that are no numbers."""
    try:
        if target.dtype.kind in TEXTS:
            target = np.array([float(text_of(v)) for v in target.tolist()])
        return target.astype(np.float64)
    except ValueError as error:
        raise BadData(f"the target {name!r} holds texts that are no numbers: {error}") from error


def text_of(value: str | bytes) -> str:
    """A text; bytes are UTF-8, or else Latin-1."""
    if isinstance(value, str):
        return value
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
