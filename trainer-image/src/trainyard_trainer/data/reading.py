"""The samples of a dataset's file as its schema says, and what a session makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainyard_api.datasets import fit
from trainyard_api.datasets.choices import SchemaChoices
from trainyard_api.datasets.schema import ColumnRole, ColumnSchema, DatasetSchema
from trainyard_api.training import Task, TrainingConfig
from trainyard_data import arrays, images, inspection, tables
from trainyard_data.arrays import Arrays
from trainyard_data.tables import Column, TextColumn
from trainyard_trainer.errors import BadConfiguration, BadData

MAX_REASONS = 10
"""Ignored columns whose reasons are said."""


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of features in their order, the target of each row, and what is to be said."""

    columns: Mapping[str, Column]
    features: Sequence[str]
    target: Column
    target_name: str
    notes: list[str]


@dataclass(frozen=True, slots=True)
class Pictures:
    """Samples × channels × height × width, the class of each, and the archive's own splits."""

    pixels: NDArray[Any]
    target: Column
    target_name: str
    splits: list[str] | None = None
    notes: list[str] = field(default_factory=list)


def inspect(path: Path, file_format: str, config: TrainingConfig) -> DatasetSchema:
    """The schema of a file that has none yet, as the session's configuration chooses."""
    # The format first: the task is wrong then, not the file.
    check_fit(DatasetSchema(samples=0, dimensions=[], revision=0), file_format, config)
    if config.task is Task.LANGUAGE_MODELING and file_format == "jsonl":
        # As a table of texts it has nothing to predict.
        size = path.stat().st_size
        return DatasetSchema(samples=size, dimensions=[size], revision=0)
    choices = SchemaChoices(target=config.target, ignore=list(config.ignore_columns or ()))
    return inspection.inspect(path, file_format, choices)


def check_fit(source: DatasetSchema, file_format: str, config: TrainingConfig) -> None:
    """Raise where the configuration cannot use a dataset of this schema.

    BadConfiguration where a field is wrong or needed, BadData where the dataset's own target or
    columns cannot be used.
    """
    wrong = fit.misfit(source, file_format, config)
    if wrong is None:
        return
    of_dataset = {
        "target": config.target is None and source.target is not None,
        "ignoreColumns": not config.ignore_columns,
    }
    kind = BadData if of_dataset.get(wrong.field) else BadConfiguration
    raise kind(wrong.message, hint=f"correct training.{wrong.field}, or the dataset")


def table(
    path: Path, file_format: str, source: DatasetSchema, config: TrainingConfig, cache: Path | None
) -> Table:
    """The columns that are used, and no others. Raises the errors of `trainyard_data`."""
    classify = config.task is Task.TABULAR_CLASSIFICATION
    if file_format in ("npz", "npy"):
        found = arrays.read(path, file_format, source, config.target)
        matrix = arrays.as_matrix(found.inputs)
        names = [f"x{i}" for i in range(matrix.shape[1])]
        columns: dict[str, Column] = {n: matrix[:, i] for i, n in enumerate(names)}
        target, name = _array_target(found, classify)
        return Table(columns, names, target, name, _target_note(name, source, config))
    name = fit.chosen_target(source, config) or ""
    ignored = set(config.ignore_columns or ())
    names = [
        c.name
        for c in source.columns
        if c.name != name and c.name not in ignored and c.role != ColumnRole.IGNORED
    ]
    columns = tables.read(
        path,
        file_format,
        source,
        [*names, name],
        as_texts=[name] if classify else [],
        cache=cache,
    )
    target = columns.pop(name)
    notes = [*_target_note(name, source, config), *_ignored_notes(source, name, ignored)]
    return Table(columns, names, target, name, notes)


def pictures(
    path: Path, file_format: str, source: DatasetSchema, config: TrainingConfig
) -> Pictures:
    """Images and their classes. Raises the errors of `trainyard_data`."""
    if file_format == "images":
        read = images.read(path, source)
        labels = TextColumn.of([label or "" for label in read.labels])
        notes = _scaled_note(source)
        return Pictures(read.pixels, labels, "class", read.splits, notes)
    found = arrays.read(path, file_format, source, config.target)
    if source.images is None:
        raise BadData(
            f"the array {found.input_name!r} of the shape {list(found.inputs.shape)} cannot be"
            " images",
            hint="give N×H×W, N×H×W×C or N×C×H×W; see the dataset's notes",
        )
    pixels = arrays.as_images(found.inputs, found.input_name, source.images)
    target, name = _array_target(found, classify=True)
    return Pictures(pixels, target, name, notes=_target_note(name, source, config))


def _array_target(found: Arrays, classify: bool) -> tuple[Column, str]:
    name, values = found.target_name or "target", found.target
    if values is None:
        raise BadData("the file has no target")
    if not classify:
        return arrays.numbers(values, name), name
    return class_column(values, name), name


def class_column(values: NDArray[Any], name: str) -> TextColumn:
    """The class of each sample by its name; NaN is a missing class. Raises BadData for inf."""
    if values.dtype.kind == "f" and np.isinf(values).any():
        row = int(np.argmax(np.isinf(values)))
        raise BadData(f"row {row + 1}, array {name!r}: the target {values[row]} is not finite")
    distinct, codes = np.unique(values, return_inverse=True)
    if distinct.dtype.kind == "f" and len(distinct) and np.isnan(distinct[-1]):
        distinct = distinct[:-1]
        codes = np.where(codes == len(distinct), -1, codes)
    return TextColumn(codes.reshape(-1).astype(np.int32), arrays.labels(distinct))


def _target_note(name: str, source: DatasetSchema, config: TrainingConfig) -> list[str]:
    if config.target is not None:
        reason = "the session names it"
    elif source.choices.target == name:
        reason = "the dataset's schema names it"
    else:
        reason = source.target_reason or "the dataset's schema says so"
    return [f"the target is {name!r}: {reason}"]


def _ignored_notes(source: DatasetSchema, target: str, ignored: set[str]) -> list[str]:
    """Which columns are not used, and why, as far as the schema's notes do not say so."""
    out = []
    if listed := [c.name for c in source.columns if c.name in ignored]:
        out.append(f"ignoreColumns leaves out {fit.listed(listed)}")
    silent = [
        c
        for c in source.columns
        if c.role == ColumnRole.IGNORED
        and c.name not in ignored
        and c.name != target
        and not any(repr(c.name) in note for note in source.notes)
    ]
    if silent:
        out.append(
            "not used: "
            + "; ".join(_reason(c) for c in silent[:MAX_REASONS])
            + (
                f"; and {len(silent) - MAX_REASONS} more columns"
                if len(silent) > MAX_REASONS
                else ""
            )
        )
    return out


def _reason(column: ColumnSchema) -> str:
    return repr(column.name) + (f" ({column.reason})" if column.reason else "")


def _scaled_note(source: DatasetSchema) -> list[str]:
    shape = source.images
    if shape is None or not shape.scaled:
        return []
    size = f"{shape.height} × {shape.width}"
    if any(size in note for note in source.notes):
        return []
    return [f"{shape.scaled} of {source.samples} images are scaled to {size}"]
