"""A new file as inputs of a trained model, read as its training data was."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainyard_api.datasets.choices import ColumnType
from trainyard_api.datasets.schema import ColumnSchema, DatasetSchema
from trainyard_data import arrays, formats, images, tables
from trainyard_trainer import data
from trainyard_trainer.data import features, reading
from trainyard_trainer.data.schema import DataSchema, Feature
from trainyard_trainer.errors import BadData

IMAGE_FILE = "image"
"""The format of a single image."""
_FITTING = {
    "table": ("csv", "parquet", "jsonl", "npz", "npy"),
    "array": ("npz", "npy", "images", IMAGE_FILE),
    "text": ("text", "jsonl"),
}
"""What a model of each kind can take."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """Inputs of each sample, and its class where the file has one."""

    tensor: Tensor
    truth: list[str | None] | None
    """None if the file has no classes at all."""


def format_of(path: Path, schema: DataSchema) -> str:
    """By the file's name. Raises BadData when the model cannot take such a file."""
    endings = formats.FORMATS | dict.fromkeys(sorted(images.ENDINGS), IMAGE_FILE)
    lowered, fitting = path.name.lower(), _FITTING[schema.kind]
    for ending, name in endings.items():
        if lowered.endswith(ending) and name in fitting:
            return name
    accepted = ", ".join(ending for ending, name in endings.items() if name in fitting)
    raise BadData(f"{path.name}: this model takes files that end in {accepted}")


def read(path: Path, file_format: str, schema: DataSchema, source: DatasetSchema | None) -> Inputs:
    """The samples of a file. `source`: how the training data was read; None for models of 0.1.

    Raises BadData, and the errors of `trainyard_data`.
    """
    if schema.kind == "table":
        if file_format in ("npz", "npy"):
            return _matrix(path, file_format, schema)
        return _table(path, file_format, schema, source)
    channels, height, width = schema.sample_shape
    shape, learned = (channels, height, width), source.images if source else None
    if file_format in ("images", IMAGE_FILE):
        found = images.read_for_model(path, shape, schema.classes or [], learned)
        known = any(label is not None for label in found.labels)
        return Inputs(_pixels(found.pixels, schema), found.labels if known else None)
    loaded = arrays.images_for_model(
        path, file_format, shape, schema.target, schema.input_scale, learned
    )
    return Inputs(_pixels(loaded.inputs, schema), _array_truth(loaded, schema))


def _pixels(pixels: NDArray[np.generic], schema: DataSchema) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(data.divided(pixels, schema.input_scale)))


def _table(
    path: Path, file_format: str, schema: DataSchema, source: DatasetSchema | None
) -> Inputs:
    target = schema.target if schema.classes is not None else None
    names = [f.name for f in schema.features]
    columns = tables.read_for_model(
        path,
        file_format,
        _columns_of(schema, source),
        [*names, *([target] if target else [])],
        as_texts=[target] if target else [],
    )
    absent = [n for n in names if n not in columns]
    if absent:
        raise BadData(
            f"columns {', '.join(map(repr, absent))} are missing; the model learned"
            f" {', '.join(map(repr, names))}"
        )
    truth = columns.get(target) if target else None
    texts = (
        [truth[row] for row in range(len(truth))] if isinstance(truth, tables.TextColumn) else None
    )
    known = texts if texts is not None and any(t is not None for t in texts) else None
    return Inputs(torch.from_numpy(features.encode(columns, schema.features)), known)


def _columns_of(schema: DataSchema, source: DatasetSchema | None) -> DatasetSchema:
    """How the columns are read: as in training; by their kind where that is not known."""
    types = set(ColumnType)
    if source is not None and all(c.type in types for c in source.columns) and source.columns:
        return source
    columns = [ColumnSchema(name=f.name, type=_type(f)) for f in schema.features]
    return DatasetSchema(samples=1, dimensions=[1], columns=columns)


def _type(feature: Feature) -> ColumnType:
    return ColumnType.NUMBER if feature.kind == "number" else ColumnType.TEXT


def _matrix(path: Path, file_format: str, schema: DataSchema) -> Inputs:
    names = [f.name for f in schema.features]
    if names != [f"x{i}" for i in range(len(names))]:
        raise BadData(
            f"{path.name} is an array, and the model learned columns by name:"
            f" {', '.join(map(repr, names[:10]))}",
            hint="give a CSV, Parquet or JSONL file with these columns",
        )
    found = arrays.matrix_for_model(path, file_format, len(names), schema.target)
    columns: dict[str, tables.Column] = {n: found.inputs[:, i] for i, n in enumerate(names)}
    tensor = torch.from_numpy(features.encode(columns, schema.features))
    return Inputs(tensor, _array_truth(found, schema))


def _array_truth(found: arrays.Arrays, schema: DataSchema) -> list[str | None] | None:
    if found.target is None or schema.classes is None:
        return None
    column = reading.class_column(found.target, found.target_name or "target")
    return [column[row] for row in range(len(column))]
