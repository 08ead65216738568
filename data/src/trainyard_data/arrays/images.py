"""Which shapes can be images, and arrays as images."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainyard_api.datasets.schema import ImageSchema
from trainyard_data.errors import BadData

FIRST, LAST = "first", "last"


def images_of(shape: tuple[int, ...], chosen: str | None) -> tuple[ImageSchema | None, str]:
    """How N×… arrays are images, and why; None if they are not, or it is not clear.

    `chosen`: the axis of the channels as the user said.
    """
    sample = shape[1:]
    if len(sample) == 1:
        side = round(sample[0] ** 0.5)
        if side * side == sample[0] and side > 1:
            return _schema(1, side, side, None), f"rows of {sample[0]} values as {side} × {side}"
        return None, f"rows of {sample[0]} values are no square images"
    if len(sample) == 2:
        return _schema(1, *sample, None), f"{sample[0]} × {sample[1]} gray values"
    if len(sample) != 3:
        return None, f"images have the shape N×H×W, N×H×W×C or N×C×H×W, not {list(shape)}"
    axis = chosen or _axis(*sample)
    if axis is None:
        return None, (
            f"which axis of the shape {list(shape)} holds the channels is not clear;"
            " choose --channel-axis first or --channel-axis last"
        )
    channels, height, width = sample if axis == FIRST else (sample[2], sample[0], sample[1])
    return _schema(channels, height, width, axis), (
        f"{height} × {width} with {channels} channels on the {axis} axis"
    )


def as_images(values: NDArray[Any], name: str, images: ImageSchema) -> NDArray[Any]:
    """Samples × channels × height × width, of the array's own type. Raises BadData."""
    refuse_not_finite(values, name)
    if values.ndim == 4 and images.channel_axis == LAST:
        return np.moveaxis(values, -1, 1)
    return values.reshape(len(values), images.channels, images.height, images.width)


def refuse_not_finite(values: NDArray[Any], name: str) -> None:
    """Raise BadData for a pixel that is no number, with its place."""
    if values.dtype.kind != "f":
        return
    for row, sample in enumerate(values):
        if not np.isfinite(sample).all():
            place = tuple(int(i) for i in np.argwhere(~np.isfinite(sample))[0])
            raise BadData(
                f"row {row + 1}, array {name!r}, place {place}: the value {sample[place]}"
                " is not finite"
            )


def _axis(first: int, second: int, third: int) -> str | None:
    """At most 4 channels, or the axis whose extent differs from two alike."""
    if third <= 4 < first:
        return LAST
    if first <= 4 < third:
        return FIRST
    if first == second != third:
        return LAST
    if second == third != first:
        return FIRST
    return None


def _schema(channels: int, height: int, width: int, axis: str | None) -> ImageSchema:
    return ImageSchema(channels=channels, height=height, width=width, channel_axis=axis)
