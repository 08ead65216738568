"""One image as pixels, as people see it.

Orientation is applied, transparent parts are shown over white, of several frames the first counts.
Values of more than 8 bits stay as they are here; `scaled_to_bytes` scales them.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trainyard_data.errors import BadData
from trainyard_data.signatures import LONGEST, kind_of

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("PNG", "JPEG", "BMP", "DIB", "GIF", "WEBP", "TIFF", "AVIF", "JPEG2000", "PPM")
"""Pillow's names of the formats that are read, by content, not by the ending."""
MOST_PIXELS = 64_000_000
"""Of one image."""
DECODED_AT_LOOK = 25_000_000
"""Pixels of an image that `look` decodes at most, for its memory: 4 bytes each."""
_GRAY = ("1", "L", "I", "F", "I;16", "I;16B", "I;16L", "I;16N")
_WIDE = _GRAY[2:]
"""Modes of one channel with more than 8 bits."""
_ORIENTATION = 0x0112
_PNG_EXIF = {"exif", "Raw profile type exif"}
_SWAPPED = (5, 6, 7, 8)
"""Orientations of EXIF that swap height and width."""


class Wide(NamedTuple):
    """Lowest and highest value of gray images of more than 8 bits, and whether all are whole."""

    low: float
    high: float
    whole: bool


@dataclass(frozen=True, slots=True)
class Look:
    """What an image is, before it is scaled."""

    channels: int
    height: int
    width: int
    wide: Wide | None
    transparent: bool
    animated: bool


def look(content: bytes, decode: bool) -> Look:
    """What the image is. With `decode`, all its pixels are read, so that damage is found.

    Those of more than 8 bits are always read, for their range; 8 bits of a large image never are.
    Raises BadData, whose sentence the image's name begins.
    """
    with _reading(content):
        image = _opened(content)
        animated = image.format != "MPO" and bool(getattr(image, "is_animated", False))
        width, height = image.size
        if (decode and width * height <= DECODED_AT_LOOK) or image.mode in _WIDE:
            image = _upright(image)
            width, height = image.size
        elif _orientation(image) in _SWAPPED:
            width, height = height, width
        channels = 1 if image.mode in (*_GRAY, "LA", "La") else 3
        wide = _range(image) if image.mode in _WIDE else None
        transparent = image.has_transparency_data
        return Look(channels, height, width, wide, transparent, animated)


def decoded(content: bytes) -> Image.Image:
    """The image, upright, in the mode L, RGB or one of more than 8 bits.

    Raises BadData, whose sentence the image's name begins.
    """
    with _reading(content):
        return _flat(_upright(_opened(content)))


def as_bytes(
    image: Image.Image, channels: int, size: tuple[int, int], wide: tuple[float, float]
) -> NDArray[np.uint8]:
    """Channels × height × width of a decoded image, scaled to `size` (height, width).

    `wide`: the values of images of more than 8 bits that become 0 and 255.
    """
    from PIL import Image

    if image.mode in _WIDE:
        image = Image.fromarray(scaled_to_bytes(np.asarray(image), wide))
    mode = "RGB" if channels == 3 else "L"
    if image.mode != mode:
        image = image.convert(mode)
    if image.size != size[::-1]:
        image = image.resize(size[::-1], Image.Resampling.BILINEAR)
    pixels = np.asarray(image)
    return np.moveaxis(pixels, -1, 0) if channels == 3 else pixels[None]


def scaled_to_bytes(values: NDArray[Any], wide: tuple[float, float]) -> NDArray[np.uint8]:
    """Gray values from `wide` to 0…255; values beyond it become 0 and 255."""
    low, high = wide
    finite = _finite(values).astype(np.float64)
    extent = high - low + 1.0 if values.dtype.kind in "iu" else high - low
    steps = (finite - low) * (256.0 / (extent or 1.0))
    return np.clip(np.floor(steps), 0, 255).astype(np.uint8)


def range_of(wide: Wide) -> tuple[float, float]:
    """The values that become 0 and 255, for a dataset whose images of more than 8 bits hold `wide`.

    Whole numbers from 0 take the fewest bits, from 8 on, that hold them all; so 16 bits are shifted
    by 8. Other values are taken from the lowest to the highest.
    """
    if wide.whole and wide.low >= 0 and wide.high < 2**16:
        return 0.0, float(2 ** max(8, int(wide.high).bit_length()) - 1)
    return wide.low, wide.high


def _range(image: Image.Image) -> Wide:
    if image.mode == "F":
        values = _finite(np.asarray(image))
        return Wide(float(values.min()), float(values.max()), whole=False)
    extrema: Any = image.getextrema()  # Of one channel: lowest and highest.
    return Wide(float(extrema[0]), float(extrema[1]), whole=True)


def _finite(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise BadData("holds a pixel that is not finite")
    return values


def _opened(content: bytes) -> Image.Image:
    from PIL import Image

    if not content:
        raise BadData("is an empty file", hint="leave it out")
    image = Image.open(io.BytesIO(content), formats=FORMATS)
    if image.width * image.height > MOST_PIXELS:
        raise BadData(
            f"has {image.width} × {image.height} pixels; at most {MOST_PIXELS} are read",
            hint="scale the image down",
        )
    return image


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation of an image that is not loaded; 1 if none can be read."""
    if image.format == "TIFF":
        return 1  # Pillow turns it itself, in size and pixels.
    if image.format == "PNG" and not image.info.keys() & _PNG_EXIF:
        return 1  # Else Pillow would decode the pixels to find it.
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # Damaged EXIF beside sound pixels: viewers show them as they are.
        return 1


def _upright(image: Image.Image) -> Image.Image:
    """The image as viewers show it."""
    from PIL.Image import Transpose

    orientation = _orientation(image)
    image.load()
    turns = {
        2: Transpose.FLIP_LEFT_RIGHT, 3: Transpose.ROTATE_180, 4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE, 6: Transpose.ROTATE_270, 7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }  # fmt: skip
    if orientation not in turns:
        return image
    turned = image.transpose(turns[orientation])
    turned.info = image.info
    return turned


def _flat(image: Image.Image) -> Image.Image:
    """Without transparency and palette."""
    from PIL import Image

    if image.has_transparency_data:
        gray = image.mode in ("1", "L", "LA", "La")
        over = Image.new("RGBA", image.size, "white")
        over.alpha_composite(image.convert("RGBA"))
        return over.convert("L" if gray else "RGB")
    if image.mode == "1":
        return image.convert("L")
    return image if image.mode in (*_GRAY, "RGB") else image.convert("RGB")


@contextmanager
def _reading(content: bytes) -> Iterator[None]:
    """Raise BadData for all that Pillow raises for damaged images. Its warnings are dropped."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except BadData:
        raise
    except Image.DecompressionBombError as error:
        raise BadData(
            f"has too many pixels; at most {MOST_PIXELS} are read", hint="scale the image down"
        ) from error
    except MemoryError as error:
        raise BadData("needs more memory than there is", hint="scale the image down") from error
    except Exception as error:  # Its readers raise of everything: SyntaxError, KeyError, …
        raise BadData(*_sentence(content, error)) from error


def _sentence(content: bytes, error: Exception) -> tuple[str, str]:
    from PIL import UnidentifiedImageError

    hint = "save the image again as PNG or JPEG, or leave it out"
    if isinstance(error, UnidentifiedImageError):
        kind = kind_of(content[:LONGEST])
        return f"is no image that is read here{f': it is {kind}' if kind else ''}", hint
    return f"is damaged or cut off: {str(error)[:200] or type(error).__name__}", hint
