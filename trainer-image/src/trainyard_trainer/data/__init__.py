"""A dataset as tensors: inputs and targets of both splits, and the schema of the data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainyard_api.datasets.schema import DatasetSchema
from trainyard_api.training import Task, TrainingConfig
from trainyard_data import texts
from trainyard_data.tables import Column
from trainyard_trainer.data import faults, features, reading, split, targets
from trainyard_trainer.data.schema import DataSchema
from trainyard_trainer.data.split import SplitRows, SplitRule
from trainyard_trainer.errors import BadData, DatasetMissing
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
    """Both splits, the schema, the shape that a model must have, and what is to be said."""

    train: Split
    validation: Split
    schema: DataSchema
    shape: Shape
    split: SplitRule = SplitRule.SHUFFLED
    notes: list[str] = field(default_factory=list)
    source: DatasetSchema | None = None
    """How the file was read."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a dataset is loaded by besides the session's configuration."""

    source: DatasetSchema | None = None
    """How the file is read; None inspects it."""
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
    with faults.of_file(path.name):
        source = terms.source or reading.inspect(path, file_format, config)
        reading.check_fit(source, file_format, config)
        match config.task:
            case Task.LANGUAGE_MODELING:
                found = _text(path, file_format, config)
            case Task.IMAGE_CLASSIFICATION:
                found = _pictures(path, file_format, source, config, terms)
            case _:
                found = _table(path, file_format, source, config, terms)
    return Dataset(
        found.train,
        found.validation,
        found.schema,
        found.shape,
        found.split,
        [*source.notes, *found.notes],
        source,
    )


def _table(
    path: Path, file_format: str, source: DatasetSchema, config: TrainingConfig, terms: Terms
) -> Dataset:
    found = reading.table(path, file_format, source, config, terms.cache)
    learned = terms.learned.features if terms.learned else []

    def encoded(rows: SplitRows) -> _Inputs:
        fitted, notes = features.fit_features(found.columns, found.features, rows.train, learned)
        tensor = torch.from_numpy(features.encode(found.columns, fitted))
        return _Inputs(tensor, {"features": fitted}, notes)

    schema = DataSchema(kind="table", target=found.target_name)
    return _supervised(config, terms, _Samples(schema, found.target, encoded, found.notes))


def _pictures(
    path: Path, file_format: str, source: DatasetSchema, config: TrainingConfig, terms: Terms
) -> Dataset:
    found = reading.pictures(path, file_format, source, config)
    samples = _Samples(
        DataSchema(kind="array", target=found.target_name),
        found.target,
        lambda _: _scaled_pixels(found.pixels, terms),
        found.notes,
        found.splits,
    )
    return _supervised(config, terms, samples)


def _scaled_pixels(pixels: NDArray[Any], terms: Terms) -> _Inputs:
    """Bytes are scaled by their range, other values by what is there."""
    scale, notes = 255.0, []
    if pixels.dtype != np.uint8:
        scale = max(float(pixels.max()), -float(pixels.min())) or 1.0
    learned = terms.learned
    if learned is not None and learned.kind == "array" and learned.input_scale != scale:
        notes.append(
            f"pixels are divided by {learned.input_scale:.6g} as the checkpoint learned them; the"
            f" largest here is {scale:.6g}"
        )
        scale = learned.input_scale
    return _Inputs(torch.from_numpy(divided(pixels, scale)), {"input_scale": scale}, notes)


def divided(pixels: NDArray[Any], scale: float) -> NDArray[np.float32]:
    """Pixels as a model takes them."""
    # Values beyond single precision are divided before they are rounded.
    exact = np.dtype(np.float64 if scale > np.finfo(np.float32).max else np.float32)
    quotient = np.asarray(pixels, dtype=exact) / exact.type(scale)
    return quotient.astype(np.float32, copy=False)


@dataclass(frozen=True, slots=True)
class _Inputs:
    """Inputs of all samples, what the schema says of them, and what is to be said."""

    tensor: Tensor
    described: dict[str, Any]
    notes: list[str]


@dataclass(frozen=True, slots=True)
class _Samples:
    """Samples with a target, before they are split. `encode` gives the inputs of all."""

    schema: DataSchema
    target: Column
    encode: Callable[[SplitRows], _Inputs]
    notes: list[str]
    splits: list[str] | None = None


def _supervised(config: TrainingConfig, terms: Terms, samples: _Samples) -> Dataset:
    name = samples.schema.target or "target"
    if config.task is Task.TABULAR_REGRESSION:
        learned = terms.learned
        stats = (learned.target_mean, learned.target_scale) if learned is not None else None
        known = targets.known_numbers(samples.target, name)
        rows = split.shuffled(known.rows, config)
        values = targets.scaled(samples.target, name, rows, stats)
        tensor, outputs, notes = torch.from_numpy(values.values), 1, [*known.notes, *values.notes]
        described: dict[str, Any] = {"target_mean": values.mean, "target_scale": values.scale}
    else:
        found = targets.classes(samples.target, name)
        rows = _class_rows(found, config, terms, samples.splits)
        tensor, outputs = torch.from_numpy(found.ids), len(found.names)
        notes = [*found.notes, *targets.class_notes(found, rows)]
        described = {"classes": found.names}
    inputs = samples.encode(rows)
    shape = tuple(inputs.tensor.shape[1:])
    described |= {**inputs.described, "sample_shape": list(shape)}
    train, validation = (torch.from_numpy(r) for r in (rows.train, rows.validation))
    return Dataset(
        Split(inputs.tensor[train], tensor[train]),
        Split(inputs.tensor[validation], tensor[validation]),
        samples.schema.model_copy(update=described),
        Shape(shape, outputs),
        rows.rule,
        samples.notes + notes + inputs.notes,
    )


def _class_rows(
    found: targets.Classes, config: TrainingConfig, terms: Terms, splits: list[str] | None
) -> SplitRows:
    if terms.classes_by is SplitRule.SHUFFLED:
        return split.shuffled(np.flatnonzero(found.ids >= 0), config)
    if splits is not None and "validation" in splits:
        return split.folders(splits)
    return split.stratified(found.ids, config)


def _text(path: Path, file_format: str, config: TrainingConfig) -> Dataset:
    """Byte-level tokens. A sample is a window of context + 1 tokens; the end is for validation."""
    content = np.frombuffer(texts.read(path, file_format), dtype=np.uint8)
    context = context_length(config)
    if len(content) < 2 * (context + 1):
        raise BadData(
            f"{path.name} has {len(content)} bytes; contextLength {context} needs at least"
            f" {2 * (context + 1)}"
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
