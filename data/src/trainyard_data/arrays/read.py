"""The values of an NPZ or NPY file, as its schema or a model says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainyard_api.datasets.choices import SchemaChoices
from trainyard_api.datasets.schema import DatasetSchema, ImageSchema
from trainyard_data.archives import READING, Limits
from trainyard_data.arrays.choose import Chosen, choose
from trainyard_data.arrays.file import LONE, ArrayFile, open_arrays
from trainyard_data.arrays.images import refuse_not_finite
from trainyard_data.arrays.inspect import refuse_unusable, require_both
from trainyard_data.arrays.matrix import inspect_matrix, split_matrix
from trainyard_data.arrays.target import one_of_each
from trainyard_data.arrays.values import as_matrix
from trainyard_data.errors import BadData
from trainyard_data.images.layout import TEST, TRAIN, VALIDATION


@dataclass(frozen=True, slots=True)
class Arrays:
    """Samples as they are stored, and one target for each; None at prediction without truth."""

    inputs: NDArray[Any]
    target: NDArray[Any] | None
    input_name: str
    target_name: str | None


def read(
    path: Path,
    file_format: str,
    schema: DatasetSchema,
    target: str | None = None,
    limits: Limits = READING,
) -> Arrays:
    """Samples and target of a dataset. Raises BadData or BadChoice.

    `target`: the array that a session names instead of the schema's.
    """
    file = open_arrays(path, file_format, limits)
    if file_format == "npy":
        return _lone(file, target or schema.target)
    if target in (None, schema.target) and schema.inputs and schema.target:
        chosen = Chosen(schema.inputs, schema.target, "", "")
        for name in (schema.inputs, schema.target):
            if name not in file.headers:
                raise BadData(f"the array {name!r} of the schema is not in the file")
    else:
        chosen = choose(file.headers, target or schema.choices.target, schema.choices.ignore)
    inputs, name = require_both(chosen)
    refuse_unusable(file.headers, chosen)
    return Arrays(file.load(inputs), one_of_each(name, file.load(name)), inputs, name)


def _lone(file: ArrayFile, target: str | None) -> Arrays:
    """A matrix whose last column is the target. Raises BadData or BadChoice."""
    schema = inspect_matrix(file, SchemaChoices(target=target))
    features, values, name = split_matrix(file.load(LONE))
    return Arrays(features, values, schema.inputs or LONE, name)


def images_for_model(
    path: Path,
    file_format: str,
    shape: tuple[int, int, int],
    target: str | None,
    scale: float,
    images: ImageSchema | None = None,
) -> Arrays:
    """Samples × channels × height × width to predict, and the truth if it is there.

    `shape`: channels, height and width of the model. `scale`: what the model divides values by.
    `images`: the schema that it learned with. Raises BadData.
    """
    found = _for_model(path, file_format, target)
    pixels = _fitted(found.inputs, found.input_name, shape, images)
    refuse_not_finite(pixels, found.input_name)
    _refuse_other_range(pixels, found.input_name, scale)
    return Arrays(pixels, found.target, found.input_name, found.target_name)


def matrix_for_model(path: Path, file_format: str, columns: int, target: str | None) -> Arrays:
    """Samples × columns to predict, as float64, and the truth if it is there. Raises BadData."""
    found = _for_model(path, file_format, target)
    if file_format == "npy" and found.inputs.ndim == 2 and found.inputs.shape[1] == columns + 1:
        features, values, name = split_matrix(found.inputs)
        if name == target:
            found = Arrays(features, values, found.input_name, name)
    matrix = as_matrix(found.inputs)
    if matrix.shape[1] != columns:
        raise BadData(
            f"the model learned {columns} columns, the array {found.input_name!r} has"
            f" {matrix.shape[1]}"
        )
    return Arrays(matrix, found.target, found.input_name, found.target_name)


def _for_model(path: Path, file_format: str, target: str | None) -> Arrays:
    file = open_arrays(path, file_format)
    known = target if target in file.headers else None
    chosen = choose(file.headers, known, splits=(None, TEST, VALIDATION, TRAIN))
    if chosen.inputs is None:
        raise BadData(chosen.input_reason)
    truth = chosen.target if _fits(file, chosen) else None
    found = Chosen(chosen.inputs, truth, "", "")
    refuse_unusable(file.headers, found)
    values = None if truth is None else one_of_each(truth, file.load(truth))
    return Arrays(file.load(chosen.inputs), values, chosen.inputs, truth)


def _fits(file: ArrayFile, chosen: Chosen) -> bool:
    """Whether the target has one value for each sample."""
    if chosen.target is None or chosen.inputs is None:
        return False
    return file.headers[chosen.target].shape[:1] == file.headers[chosen.inputs].shape[:1]


def _fitted(
    values: NDArray[Any], name: str, shape: tuple[int, int, int], images: ImageSchema | None
) -> NDArray[Any]:
    """The samples in the model's shape. Raises BadData."""
    channels, height, width = shape
    learned = " × ".join(map(str, shape))
    axis = images.channel_axis if images else None
    last = values.ndim == 4 and values.shape[1:] == (height, width, channels)
    first = values.ndim == 4 and values.shape[1:] == shape
    if last and (axis == "last" or not first):
        return np.moveaxis(values, -1, 1)
    flat = values.shape[1:] in ((height, width), (height * width,)) and channels == 1
    if first or flat:
        return values.reshape(len(values), *shape)
    raise BadData(
        f"the model learned {learned} (channels × height × width), a sample of the array {name!r}"
        f" has {' × '.join(map(str, values.shape[1:])) or 'one value'}"
    )


def _refuse_other_range(pixels: NDArray[Any], name: str, scale: float) -> None:
    """Raise BadData where values of 0…1 meet a model of 0…255, or the other way round."""
    largest = float(np.max(np.abs(pixels.astype(np.float64)))) if pixels.size else 0.0
    if scale > 2 and pixels.dtype.kind == "f" and 0 < largest <= 1:
        raise BadData(
            f"the model learned values up to {scale:g}, those of the array {name!r} end at"
            f" {largest:g}",
            hint=f"multiply them by {scale:g}",
        )
    if scale <= 1 and largest > 2:
        raise BadData(
            f"the model learned values up to {scale:g}, the array {name!r} holds {largest:g}",
            hint=f"divide them by {largest:g}" if largest == 255 else "scale them alike",
        )
