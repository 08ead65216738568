"""The schema of an NPZ or NPY file: headers, the target, and the first values of the samples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from trainyard_api.datasets.choices import SchemaChoices
from trainyard_api.datasets.schema import ColumnRole, ColumnSchema, DatasetSchema
from trainyard_data.archives import LIMITS, Limits, shown
from trainyard_data.arrays.choose import Chosen, choose, split_of
from trainyard_data.arrays.file import ArrayFile, open_arrays
from trainyard_data.arrays.header import Header
from trainyard_data.arrays.images import images_of
from trainyard_data.arrays.matrix import inspect_matrix
from trainyard_data.arrays.target import classes_of, refuse_type
from trainyard_data.arrays.values import NUMBERS
from trainyard_data.errors import BadChoice, BadData

SCANNED_BYTES = 256 << 20
"""Bytes of the samples that are looked at for infinite values."""


def inspect(
    path: Path, file_format: str, choices: SchemaChoices, limits: Limits = LIMITS
) -> DatasetSchema:
    """The schema of a file. Raises BadData or BadChoice."""
    file = open_arrays(path, file_format, limits)
    if file_format == "npy":
        return inspect_matrix(file, choices)
    chosen = choose(file.headers, choices.target, choices.ignore)
    refuse_unusable(file.headers, chosen)
    inputs, target = require_both(chosen)
    header = file.headers[inputs]
    images, how = images_of(header.shape, choices.channel_axis)
    _scan(file, inputs)
    classes, note = classes_of(file, target)
    notes = [*_notes(file, chosen), *([note] if note else [])]
    if len(header.shape) > 2:
        what = "As images the samples are" if images else "The samples are no images"
        notes.append(f"{what}: {how}.")
    return DatasetSchema(
        samples=header.shape[0],
        dimensions=list(header.shape),
        columns=[_column(name, h, chosen) for name, h in file.headers.items()],
        target=target,
        target_reason=chosen.target_reason,
        classes=classes,
        inputs=inputs,
        images=images,
        notes=notes,
        choices=choices,
    )


def require_both(chosen: Chosen) -> tuple[str, str]:
    """Names of samples and target. Raises BadChoice that says what to choose."""
    hint = "choose --target NAME, or save them as 'x' and 'y': np.savez(file, x=…, y=…)"
    if chosen.target is None:
        raise BadChoice(chosen.target_reason, hint)
    if chosen.inputs is None:
        raise BadChoice(chosen.input_reason, hint)
    return chosen.inputs, chosen.target


def refuse_unusable(headers: dict[str, Header], chosen: Chosen) -> None:
    """Raise BadData for samples or a target that no training can use."""
    if chosen.inputs is not None:
        _refuse_inputs(chosen.inputs, headers[chosen.inputs])
    if chosen.target is not None:
        refuse_type(chosen.target, headers[chosen.target])
        if not headers[chosen.target].shape:
            raise BadData(
                f"the target {chosen.target!r} is a single value; give one for each sample"
            )
    if chosen.inputs is None or chosen.target is None:
        return
    samples, targets = headers[chosen.inputs].shape[0], headers[chosen.target].shape[0]
    if samples != targets:
        raise BadData(
            f"the array {chosen.inputs!r} has {samples} samples and {chosen.target!r} has {targets}",
            hint="the first axis of both counts the samples: np.moveaxis moves an axis there",
        )


def _refuse_inputs(name: str, header: Header) -> None:
    if header.dtype.hasobject:
        raise BadData(
            f"the array {name!r} holds Python objects, which are not read",
            hint="save numbers: .astype(float)",
        )
    if header.dtype.names:
        raise BadData(
            f"the array {name!r} holds records with the fields {', '.join(header.dtype.names)[:200]}",
            hint="save the fields as one array of numbers, or as a CSV or Parquet file",
        )
    if header.dtype.kind not in NUMBERS:
        raise BadData(
            f"the array {name!r} holds {header.dtype}; samples are numbers",
            hint="complex numbers as two, dates as days, categories as numbers",
        )
    if not all(header.shape):
        raise BadData(f"the array {name!r} has the shape {list(header.shape)}: nothing is in it")


def _scan(file: ArrayFile, name: str) -> None:
    """Raise BadData for an infinite value, and in images for one that is no number."""
    header = file.headers[name]
    is_bad = np.isinf if len(header.shape) < 3 else lambda values: ~np.isfinite(values)
    seen = 0
    for piece in file.pieces(name):
        if header.dtype.kind == "f" and (bad := is_bad(piece)).any():
            at = seen // header.dtype.itemsize + int(np.argmax(bad))
            place = np.unravel_index(at, header.shape, "F" if header.fortran else "C")
            raise BadData(
                f"row {int(place[0]) + 1}, array {name!r}, place {[int(i) for i in place[1:]]}:"
                f" the value {piece[int(np.argmax(bad))]} is not finite"
            )
        seen += piece.nbytes
        if seen >= SCANNED_BYTES:
            return


def _column(name: str, header: Header, chosen: Chosen) -> ColumnSchema:
    role, reason = ColumnRole.IGNORED, None
    if name == chosen.inputs:
        role, reason = ColumnRole.FEATURE, chosen.input_reason
    elif name == chosen.target:
        role, reason = ColumnRole.TARGET, chosen.target_reason
    return ColumnSchema(name=name, type=str(header), role=role, reason=reason)


def _notes(file: ArrayFile, chosen: Chosen) -> Iterator[str]:
    splits = [n for n in chosen.left_out if split_of(n)[1]]
    rest = [n for n in chosen.left_out if n not in splits]
    if splits:
        yield f"Arrays of another split are not used: {_names(splits)}."
    if rest:
        yield f"Arrays that are not used: {_names(rest)}."
    if file.others:
        yield f"Members that are no arrays are left out: {', '.join(map(shown, file.others[:5]))}."


def _names(names: list[str]) -> str:
    listed = ", ".join(repr(n[:80]) for n in names[:10])
    return f"{listed}, …" if len(names) > 10 else listed
