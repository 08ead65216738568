"""Images in a zip or tar archive, one folder per class.

Archives are read in place and never unpacked to a disk. Links, paths outside the archive, and
archives beyond the limits are refused before their content is read.
"""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from trainyard_trainer.errors import BadData

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp"})
SIDE = 32
"""Images are scaled to SIDE × SIDE unless all have the same size."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of an archive."""

    entries: int = 1_000_000
    file_bytes: int = 64 * 2**20
    total_bytes: int = 16 * 2**30
    pixels: int = 64_000_000


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    size: int
    link: bool
    read: Callable[[], bytes]


def read(
    path: Path, limits: Limits = Limits(), like: tuple[int, int, int] | None = None
) -> tuple[NDArray[np.uint8], list[str]]:
    """Samples × channels × height × width, and the class of each, ordered by file name.

    `like`: the sample shape of a trained model; by default the images determine the shape.
    """
    found: list[tuple[str, NDArray[np.uint8]]] = []
    try:
        entries = _zip(path) if zipfile.is_zipfile(path) else _tar(path)
        for entry in _checked(path.name, entries, limits):
            found.append((entry.name, _decode(entry.name, entry.read(), limits)))
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise BadData(f"{path.name} cannot be read as zip or tar archive: {error}") from error
    if not found:
        raise BadData(
            f"{path.name} holds no images ({', '.join(sorted(SUFFIXES))}) in class folders"
        )
    found.sort(key=lambda image: image[0])
    pictures = [image for _, image in found]
    shape = like or _common_shape(pictures)
    pixels = np.stack([_shaped(image, *shape) for image in pictures])
    return pixels, [PurePosixPath(name).parent.name for name, _ in found]


def _checked(archive: str, entries: Iterator[_Entry], limits: Limits) -> Iterator[_Entry]:
    """The images among the entries. Sizes are counted before anything is read."""
    total = 0
    for count, entry in enumerate(entries, 1):
        place = PurePosixPath(entry.name)
        if entry.link:
            raise BadData(f"{archive}: {entry.name} is a link; store the image itself")
        if place.is_absolute() or ".." in place.parts or "\\" in entry.name:
            raise BadData(f"{archive}: {entry.name} leads out of the archive")
        total += entry.size
        if count > limits.entries or total > limits.total_bytes:
            raise BadData(
                f"{archive} unpacks to more than {limits.entries} files or {limits.total_bytes} bytes"
            )
        hidden = any(part.startswith((".", "__MACOSX")) for part in place.parts)
        if place.suffix.lower() not in SUFFIXES or len(place.parts) < 2 or hidden:
            continue
        if entry.size > limits.file_bytes:
            raise BadData(
                f"{archive}: {entry.name} has {entry.size} bytes; an image has at most {limits.file_bytes}"
            )
        yield entry


def _zip(path: Path) -> Iterator[_Entry]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not info.is_dir():
                link = stat.S_ISLNK(info.external_attr >> 16)
                # zipfile enforces the declared size, so a wrong one cannot exceed the limits.
                yield _Entry(info.filename, info.file_size, link, lambda i=info: archive.read(i))  # type: ignore[misc]


def _tar(path: Path) -> Iterator[_Entry]:
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isdir():
                continue
            link = not member.isfile()
            yield _Entry(member.name, member.size, link, lambda m=member: _content(archive, m))  # type: ignore[misc]


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    if file is None:
        raise BadData(f"{member.name} in the archive is no file")
    return file.read()


def _decode(name: str, content: bytes, limits: Limits) -> NDArray[np.uint8]:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.width * image.height > limits.pixels:
                raise BadData(
                    f"{name} has {image.width} × {image.height} pixels; at most {limits.pixels} are read"
                )
            mode = "L" if image.mode in ("1", "L", "I", "I;16", "F") else "RGB"
            return np.asarray(image.convert(mode), dtype=np.uint8)
    except (OSError, ValueError, SyntaxError) as error:
        raise BadData(f"{name} is no image that can be read: {error}") from error
    except Image.DecompressionBombError as error:
        raise BadData(f"{name} has too many pixels: {error}") from error


def _common_shape(images: list[NDArray[np.uint8]]) -> tuple[int, int, int]:
    """Colour where any image has it; the size that all have, else SIDE × SIDE."""
    sizes = {image.shape[:2] for image in images}
    height, width = sizes.pop() if len(sizes) == 1 else (SIDE, SIDE)
    return (3 if any(image.ndim == 3 for image in images) else 1, height, width)


def _shaped(image: NDArray[np.uint8], channels: int, height: int, width: int) -> NDArray[np.uint8]:
    """One image as channels × height × width."""
    from PIL import Image

    picture = Image.fromarray(image).convert("RGB" if channels == 3 else "L")
    if picture.size != (width, height):
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    pixels = np.asarray(picture, dtype=np.uint8)
    return np.moveaxis(pixels, -1, 0) if channels == 3 else pixels[None]
