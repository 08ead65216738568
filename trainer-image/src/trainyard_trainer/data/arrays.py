"""NPZ and NPY: arrays by name. Pickled objects are refused, never loaded."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainyard_trainer.data.columns import Column, TextColumn
from trainyard_trainer.errors import BadConfiguration, BadData

INPUT_NAMES = ("x", "X", "data", "images", "features", "inputs")
TARGET_NAMES = ("y", "target", "label", "labels", "targets")


def read(path: Path, file_format: str) -> dict[str, NDArray[Any]]:
    """The arrays of a file; an NPY file has one, called `data`."""
    try:
        if file_format == "npy":
            return {"data": np.load(path, mmap_mode="r", allow_pickle=False)}
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise BadData(f"{path.name} cannot be read as {file_format}: {error}") from error


def choose(arrays: dict[str, NDArray[Any]], wanted: str | None) -> tuple[str, str]:
    """Names of inputs and target. Raises BadConfiguration naming the arrays there are."""
    names = list(arrays)
    target = wanted or next((n for n in TARGET_NAMES if n in arrays), None)
    if target is None or target not in arrays:
        raise BadConfiguration(
            f"no target among the arrays {names}",
            hint=f"name it by training.target; known are {TARGET_NAMES}",
        )
    rest = [n for n in names if n != target]
    inputs = next((n for n in INPUT_NAMES if n in rest), rest[0] if len(rest) == 1 else None)
    if inputs is None:
        raise BadConfiguration(f"which of the arrays {rest} holds the samples? Call it 'x'")
    flat = [n for n in (inputs, target) if arrays[n].ndim == 0]
    if flat:
        raise BadData(f"the array {flat[0]!r} is a single value; samples are along the first axis")
    if len(arrays[inputs]) == 0:
        raise BadData(f"the array {inputs!r} has no samples")
    if len(arrays[inputs]) != len(arrays[target]):
        raise BadData(
            f"{inputs!r} has {len(arrays[inputs])} samples and {target!r} has {len(arrays[target])}"
        )
    return inputs, target


def as_columns(values: NDArray[Any]) -> dict[str, Column]:
    """A matrix as numbered columns."""
    if values.dtype.kind not in "biuf":
        raise BadData(f"samples must be numbers; the array holds {values.dtype}")
    if values.size == 0:
        raise BadData(f"samples of the shape {values.shape[1:]} hold nothing to learn from")
    matrix = values.reshape(len(values), -1).astype(np.float64)
    return {f"x{i}": matrix[:, i] for i in range(matrix.shape[1])}


def as_target(values: NDArray[Any], name: str) -> Column:
    """One value per sample, from n or n×1."""
    if values.size != len(values):
        raise BadData(f"the target {name!r} has the shape {values.shape}; give one value a sample")
    flat = values.reshape(-1)
    if flat.dtype.kind in "US":
        return TextColumn.of([str(v) for v in flat])
    if flat.dtype.kind not in "biuf":
        raise BadData(f"the target {name!r} holds {flat.dtype}; give numbers or texts")
    return flat.astype(np.float64)


def as_images(values: NDArray[Any], name: str) -> NDArray[Any]:
    """Samples × channels × height × width from N×H×W, N×H×W×C (C ≤ 4) or N×C×H×W."""
    if values.dtype.kind not in "biuf":
        raise BadData(f"the array {name!r} holds {values.dtype}; pixels are numbers")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise BadData(
            f"row {place[0] + 1}, array {name!r}, place {place[1:]}: the value {values[place]} is not finite"
        )
    if values.ndim == 2:
        side = round(values.shape[1] ** 0.5)
        if side * side != values.shape[1]:
            raise BadData(
                f"rows of {values.shape[1]} values are no square images; give N×H×W or N×C×H×W"
            )
        return values.reshape(-1, 1, side, side)
    if values.ndim == 3:
        return values[:, None]
    if values.ndim == 4 and values.shape[-1] <= 4 < values.shape[1]:
        return np.moveaxis(values, -1, 1)
    if values.ndim == 4:
        return values
    raise BadData(f"images need 3 or 4 axes; the array has the shape {values.shape}")
