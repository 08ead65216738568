"""The pixels of an archive, as its schema says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainyard_api.datasets.schema import DatasetSchema, ImageSchema
from trainyard_data.archives import (
    READING,
    Kind,
    Limits,
    is_archive,
    is_extra,
    members,
    parts_of,
    shown,
)
from trainyard_data.errors import BadData
from trainyard_data.images import layout as layouts
from trainyard_data.images.inspect import layout_of, place_of
from trainyard_data.images.layout import FIRST
from trainyard_data.images.names import ENDINGS, ending_of
from trainyard_data.images.pixels import as_bytes, decoded

SIXTEEN_BITS = (0.0, 65535.0)


@dataclass(frozen=True, slots=True)
class Images:
    """Images of one shape, ordered by name.

    `pixels`: samples × channels × height × width. `labels`: the class of each, None where it has
    none. `splits`: `train` or `validation` of each, if the archive has folders for them.
    """

    pixels: NDArray[np.uint8]
    names: list[str]
    labels: list[str | None]
    splits: list[str] | None


def read(path: Path, schema: DatasetSchema, limits: Limits = READING) -> Images:
    """All images of a dataset. Raises BadData.

    Memory: samples × channels × height × width bytes, and one image.
    """
    images = schema.images
    if images is None:
        raise BadData("the dataset's schema holds no images")
    layout = layout_of(images)
    shape = (images.channels, images.height, images.width)
    rows = _Rows(schema.samples, shape, images.value_range)
    for member in members(path, limits):
        there = place_of(member, layout)
        if there is not None and there.split != layouts.TEST:
            rows.add(member.name, member.content(), there.label, there.split)
    if rows.count != schema.samples:
        raise BadData(f"the archive has {rows.count} images, its schema {schema.samples}")
    return rows.sorted(with_splits=layout.split is not None)


def read_for_model(
    path: Path,
    shape: tuple[int, int, int],
    classes: Sequence[str],
    images: ImageSchema | None = None,
    limits: Limits = READING,
) -> Images:
    """Images to predict: an archive, with or without folders of classes, or one image file.

    `shape`: channels, height and width of the model. `images`: the schema that it learned with. A
    label is a folder that is one of the model's classes; other images have none. Raises BadData.
    """
    wide = images.value_range if images else None
    if path.suffix.lower() in ENDINGS or not is_archive(path):
        rows = _Rows(1, shape, wide)
        rows.add(path.name, path.read_bytes(), None, layouts.TRAIN)
        return rows.sorted(with_splits=False)
    found = [m.name for m in members(path, limits) if _is_image(m.name, m.kind)]
    if not found:
        raise BadData(f"the archive holds no images ({', '.join(sorted(ENDINGS))})")
    known = set(classes)
    first = images is None or images.class_folder == FIRST
    rows = _Rows(len(found), shape, wide)
    for member in members(path, limits):
        if _is_image(member.name, member.kind):
            folders = parts_of(member.name)[:-1]
            labels = [f for f in folders if f in known]
            label = (labels[0] if first else labels[-1]) if labels else None
            rows.add(member.name, member.content(), label, layouts.TRAIN)
    return rows.sorted(with_splits=False)


def _is_image(name: str, kind: Kind) -> bool:
    parts = parts_of(name)
    return kind is Kind.FILE and bool(parts) and ending_of(parts) in ENDINGS and not is_extra(parts)


class _Rows:
    """Images that become rows of one array, in the order of the archive."""

    def __init__(
        self, count: int, shape: tuple[int, int, int], wide: Sequence[float] | None
    ) -> None:
        self._pixels = _empty((count, *shape))
        self._shape = shape
        self._wide = (wide[0], wide[1]) if wide else None
        self._rows: list[tuple[str, str | None, str]] = []

    @property
    def count(self) -> int:
        """Images until now."""
        return len(self._rows)

    def add(self, name: str, content: bytes, label: str | None, split: str) -> None:
        """Decode an image into the next row. Raises BadData with its name."""
        channels, height, width = self._shape
        if self.count < len(self._pixels):
            try:
                image = decoded(content)
                if self._wide is None and image.mode in ("I", "F"):
                    raise BadData(
                        "has 32 bits for a pixel, but the model learned images of 8 or 16"
                    )
                pixels = as_bytes(image, channels, (height, width), self._wide or SIXTEEN_BITS)
            except BadData as error:
                raise BadData(f"the image {shown(name)} {error}", error.hint) from error
            self._pixels[self.count] = pixels
        self._rows.append((name, label, split))

    def sorted(self, with_splits: bool) -> Images:
        """The rows in the order of their names; the array is changed in place."""
        order = sorted(range(self.count), key=lambda row: self._rows[row][0])
        _permute(self._pixels, order)
        rows = [self._rows[row] for row in order]
        return Images(
            self._pixels,
            [name for name, _, _ in rows],
            [label for _, label, _ in rows],
            [split for _, _, split in rows] if with_splits else None,
        )


def _empty(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    try:
        return np.empty(shape, np.uint8)
    except (MemoryError, ValueError) as error:
        raise BadData(
            f"{' × '.join(map(str, shape))} bytes of pixels are more than the memory holds",
            hint="choose a smaller --image-size for the dataset",
        ) from error


def _permute(values: NDArray[Any], order: list[int]) -> None:
    """`values[:] = values[order]`, with the memory of one row."""
    done = np.zeros(len(order), bool)
    for start, source in enumerate(order):
        if done[start] or source == start:
            continue
        kept, row = values[start].copy(), start
        while order[row] != start:
            values[row] = values[order[row]]
            done[row] = True
            row = order[row]
        values[row] = kept
        done[row] = True
