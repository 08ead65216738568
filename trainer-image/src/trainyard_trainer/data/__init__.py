"""A dataset as tensors: inputs and targets of both splits, and the schema of the data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainyard_api.training import Task, TrainingConfig
from trainyard_trainer.data import arrays, images, tables, texts
from trainyard_trainer.data.columns import Column, TextColumn
from trainyard_trainer.data.columns import read as read_columns
from trainyard_trainer.data.schema import DataSchema
from trainyard_trainer.errors import BadConfiguration, BadData, DatasetMissing
from trainyard_trainer.models import Shape, context_length


@dataclass(frozen=True, slots=True)
class Split:
    """Tensors of one split.

    `inputs`: samples × …, float32. `targets`: class ids or scaled values. For text, `targets` is
    None and `inputs` is windows × (context + 1) of int64 tokens.
    """

    inputs: Tensor
    targets: Tensor | None

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True, slots=True)
class Dataset:
    """Both splits, the schema, and the shape that a model must have."""

    train: Split
    validation: Split
    schema: DataSchema
    shape: Shape


def load(
    path: Path, file_format: str, config: TrainingConfig, cache: Path | None = None
) -> Dataset:
    """The dataset for this configuration. Raises DatasetMissing, BadData or BadConfiguration.

    `cache`: file of the parsed columns of this content, for the next start; None parses every time.
    """
    if not path.is_file():
        raise DatasetMissing(
            f"the dataset's file {path.name} is not on the volume", hint="upload the dataset again"
        )
    if config.task is Task.LANGUAGE_MODELING:
        return _text(path, file_format, config)
    if config.task is Task.IMAGE_CLASSIFICATION:
        return _images(path, file_format, config)
    return _table(path, file_format, config, cache)


def split_rows(count: int, config: TrainingConfig) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row numbers of the training and the validation split; the same seed gives the same split."""
    order = np.random.default_rng(config.seed).permutation(count)
    held_out = int(count * config.validation_split)
    if count - held_out < 1:
        raise BadData(
            f"{count} samples leave none to train on with validationSplit {config.validation_split}"
        )
    return np.sort(order[held_out:]), np.sort(order[:held_out])


def _table(path: Path, file_format: str, config: TrainingConfig, cache: Path | None) -> Dataset:
    ignored = list(config.ignore_columns or ())
    if file_format in ("npz", "npy"):
        loaded = arrays.read(path, file_format)
        inputs, target = arrays.choose(loaded, config.target)
        columns = arrays.as_columns(loaded[inputs])
        columns[target] = arrays.as_target(loaded[target], target)
    elif file_format in ("csv", "parquet", "jsonl"):
        columns = read_columns(path, file_format, cache)
        target = tables.choose_target(columns, config.target, ignored)
    else:
        raise BadConfiguration(f"{config.task} needs a table; the dataset is {file_format}")
    names = [n for n in columns if n != target and n not in ignored]
    rows = split_rows(len(columns[target]), config)
    features = tables.fit_features(columns, names, rows[0])
    encoded = torch.from_numpy(tables.encode(columns, features))
    schema = DataSchema(
        kind="table", features=features, sample_shape=[encoded.shape[1]], target=target
    )
    if config.task is Task.TABULAR_CLASSIFICATION:
        return _classes(encoded, columns[target], rows, schema)
    return _values(encoded, columns[target], rows, schema)


def _images(path: Path, file_format: str, config: TrainingConfig) -> Dataset:
    if file_format in ("npz", "npy"):
        loaded = arrays.read(path, file_format)
        inputs, target = arrays.choose(loaded, config.target)
        pixels = arrays.as_images(loaded[inputs], inputs)
        labels = arrays.as_target(loaded[target], target)
    elif file_format == "images":
        target = "class"
        pixels, folders = images.read(path)
        labels = TextColumn.of(folders)
    else:
        raise BadConfiguration(
            f"image-classification needs images or NPZ arrays; the dataset is {file_format}"
        )
    largest = float(np.max(np.abs(pixels))) or 1.0
    # Bytes are scaled by their range, other values by what is there.
    scale = 255.0 if pixels.dtype == np.uint8 else largest
    scaled = torch.from_numpy(np.asarray(pixels, dtype=np.float32) / np.float32(scale))
    schema = DataSchema(
        kind="array", sample_shape=list(scaled.shape[1:]), input_scale=scale, target=target
    )
    return _classes(scaled, labels, split_rows(len(scaled), config), schema)


def _text(path: Path, file_format: str, config: TrainingConfig) -> Dataset:
    """Byte-level tokens. A sample is a window of context + 1 tokens; the end is for validation."""
    content = np.frombuffer(texts.read(path, file_format), dtype=np.uint8)
    context = context_length(config)
    if len(content) < 2 * (context + 1):
        raise BadData(
            f"{path.name} has {len(content)} bytes; contextLength {context} needs at least {2 * (context + 1)}"
        )
    vocabulary, ids = np.unique(content, return_inverse=True)
    tokens = torch.from_numpy(ids.astype(np.int64))
    windows = tokens[: len(tokens) // (context + 1) * (context + 1)].view(-1, context + 1)
    held_out = int(len(windows) * config.validation_split)
    cut = len(windows) - held_out
    schema = DataSchema(
        kind="text", sample_shape=[context], vocabulary=[int(v) for v in vocabulary]
    )
    return Dataset(
        Split(windows[:cut], None),
        Split(windows[cut:], None),
        schema,
        Shape((context,), len(vocabulary)),
    )


def _classes(
    inputs: Tensor, labels: Column, rows: tuple[NDArray[np.int64], ...], schema: DataSchema
) -> Dataset:
    names, ids = tables.classes(labels, schema.target or "target")
    if len(names) < 2:
        raise BadData(
            f"the target {schema.target!r} has the one value {names[0]!r}; classes need two or more"
        )
    if len(names) > max(100, len(labels) // 2):
        raise BadData(
            f"the target {schema.target!r} has {len(names)} different values in {len(labels)} rows",
            hint="use tabular-regression for numbers",
        )
    targets = torch.from_numpy(ids)
    schema = schema.model_copy(update={"classes": names})
    return _split(inputs, targets, rows, schema, len(names))


def _values(
    inputs: Tensor, values: Column, rows: tuple[NDArray[np.int64], ...], schema: DataSchema
) -> Dataset:
    if isinstance(values, TextColumn):
        row = tables.first_text(values) or 0
        raise BadData(f"row {row + 1}, column {schema.target!r}: {values[row]!r} is not a number")
    if not np.isfinite(values).all():
        row = int(np.argmin(np.isfinite(values)))
        raise BadData(
            f"row {row + 1}, column {schema.target!r}: the target {values[row]} is not a number"
        )
    known = values[rows[0]]
    scale = float(known.std()) or 1.0
    schema = schema.model_copy(update={"target_mean": float(known.mean()), "target_scale": scale})
    scaled = ((values - schema.target_mean) / scale).astype(np.float32)
    return _split(inputs, torch.from_numpy(scaled), rows, schema, 1)


def _split(
    inputs: Tensor,
    targets: Tensor,
    rows: tuple[NDArray[np.int64], ...],
    schema: DataSchema,
    outputs: int,
) -> Dataset:
    train, validation = (torch.from_numpy(r) for r in rows)
    return Dataset(
        Split(inputs[train], targets[train]),
        Split(inputs[validation], targets[validation]),
        schema,
        Shape(tuple(inputs.shape[1:]), outputs),
    )
