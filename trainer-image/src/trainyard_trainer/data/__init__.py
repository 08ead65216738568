"""A dataset as tensors: inputs and targets of both splits, and the schema of the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainyard_api.training import Task, TrainingConfig
from trainyard_trainer.data import arrays, features, images, split, targets, texts
from trainyard_trainer.data.columns import Column, TextColumn
from trainyard_trainer.data.columns import read as read_columns
from trainyard_trainer.data.schema import DataSchema
from trainyard_trainer.data.split import SplitRows, SplitRule
from trainyard_trainer.errors import BadConfiguration, BadData, DatasetMissing
from trainyard_trainer.models import Shape, context_length

TARGET_NAMES = ("target", "label", "y")


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
    """Both splits, the schema, the shape that a model must have, and what is to be said."""

    train: Split
    validation: Split
    schema: DataSchema
    shape: Shape
    split: SplitRule = SplitRule.SHUFFLED
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a dataset is loaded by besides the session's configuration."""

    cache: Path | None = None
    """File of the parsed columns of this content, for the next start; None parses every time."""
    learned: DataSchema | None = None
    """Of the checkpoint that the training starts from: its statistics are kept."""
    classes_by: SplitRule = SplitRule.STRATIFIED
    """How samples of classes are held out."""


def load(path: Path, file_format: str, config: TrainingConfig, terms: Terms = Terms()) -> Dataset:
    """The dataset for this configuration. Raises DatasetMissing, BadData or BadConfiguration."""
    if not path.is_file():
        raise DatasetMissing(
            f"the dataset's file {path.name} is not on the volume", hint="upload the dataset again"
        )
    if config.task is Task.LANGUAGE_MODELING:
        return _text(path, file_format, config)
    if config.task is Task.IMAGE_CLASSIFICATION:
        return _images(path, file_format, config, terms)
    return _table(path, file_format, config, terms)


def _table(path: Path, file_format: str, config: TrainingConfig, terms: Terms) -> Dataset:
    ignored = list(config.ignore_columns or ())
    if file_format in ("npz", "npy"):
        loaded = arrays.read(path, file_format)
        inputs, target = arrays.choose(loaded, config.target)
        columns = arrays.as_columns(loaded[inputs])
        columns[target] = arrays.as_target(loaded[target], target)
    elif file_format in ("csv", "parquet", "jsonl"):
        columns = read_columns(path, file_format, terms.cache)
        target = choose_target(columns, config.target, ignored)
    else:
        raise BadConfiguration(f"{config.task} needs a table; the dataset is {file_format}")
    names = [n for n in columns if n != target and n not in ignored]
    return _supervised(
        config,
        terms,
        DataSchema(kind="table", target=target),
        columns[target],
        lambda rows: _encoded(columns, names, rows, terms),
    )


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


def _encoded(
    columns: Mapping[str, Column], names: list[str], rows: SplitRows, terms: Terms
) -> _Inputs:
    learned = terms.learned.features if terms.learned else []
    fitted, notes = features.fit_features(columns, names, rows.train, learned)
    tensor = torch.from_numpy(features.encode(columns, fitted))
    return _Inputs(tensor, {"features": fitted}, notes)


def _images(path: Path, file_format: str, config: TrainingConfig, terms: Terms) -> Dataset:
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
    schema = DataSchema(kind="array", target=target)
    return _supervised(config, terms, schema, labels, lambda _: _scaled_pixels(pixels, terms))


def _scaled_pixels(pixels: NDArray[Any], terms: Terms) -> _Inputs:
    """Bytes are scaled by their range, other values by what is there."""
    scale, notes = 255.0, []
    if pixels.dtype != np.uint8:
        scale = float(np.max(np.abs(pixels))) or 1.0
    learned = terms.learned
    if learned is not None and learned.kind == "array" and learned.input_scale != scale:
        notes.append(
            f"pixels are divided by {learned.input_scale:.6g} as the checkpoint learned them; the"
            f" largest here is {scale:.6g}"
        )
        scale = learned.input_scale
    # Values beyond single precision are divided before they are rounded.
    exact = np.dtype(np.float64 if scale > np.finfo(np.float32).max else np.float32)
    divided = np.asarray(pixels, dtype=exact) / exact.type(scale)
    scaled = divided.astype(np.float32, copy=False)
    return _Inputs(torch.from_numpy(scaled), {"input_scale": scale}, notes)


@dataclass(frozen=True, slots=True)
class _Inputs:
    """Inputs of all samples, what the schema says of them, and what is to be said."""

    tensor: Tensor
    described: dict[str, Any]
    notes: list[str]


def _supervised(
    config: TrainingConfig,
    terms: Terms,
    schema: DataSchema,
    column: Column,
    encode: Callable[[SplitRows], _Inputs],
) -> Dataset:
    """Both splits of samples with a target; `encode` gives the inputs, knowing the split."""
    name = schema.target or "target"
    if config.task is Task.TABULAR_REGRESSION:
        rows = split.shuffled(len(column), config)
        learned = terms.learned
        stats = (learned.target_mean, learned.target_scale) if learned is not None else None
        values = targets.scaled(column, name, rows, stats)
        tensor, outputs, notes = torch.from_numpy(values.values), 1, values.notes
        described: dict[str, Any] = {"target_mean": values.mean, "target_scale": values.scale}
    else:
        found = targets.classes(column, name)
        stratify = terms.classes_by is SplitRule.STRATIFIED
        rows = (
            split.stratified(found.ids, config) if stratify else split.shuffled(len(column), config)
        )
        tensor, outputs = torch.from_numpy(found.ids), len(found.names)
        notes, described = targets.class_notes(found, rows), {"classes": found.names}
    inputs = encode(rows)
    shape = tuple(inputs.tensor.shape[1:])
    described |= {**inputs.described, "sample_shape": list(shape)}
    train, validation = (torch.from_numpy(r) for r in (rows.train, rows.validation))
    return Dataset(
        Split(inputs.tensor[train], tensor[train]),
        Split(inputs.tensor[validation], tensor[validation]),
        schema.model_copy(update=described),
        Shape(shape, outputs),
        rows.rule,
        notes + inputs.notes,
    )


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
        SplitRule.END,
    )
