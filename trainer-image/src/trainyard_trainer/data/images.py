"""Images in a zip or tar archive, one folder per class. Read in place: nothing is unpacked, links and odd names are refused."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from trainyard_trainer.errors import BadData

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp"})
MAX_ENTRIES = 1_000_000
MAX_BYTES = 16 * 2**30
SIDE = 32
"""Images are scaled to SIDE × SIDE unless they all have one size already."""


def read(path: Path) -> tuple[NDArray[np.uint8], list[str]]:
    """Samples × channels × height × width, and the class of each sample."""
    images: list[NDArray[np.uint8]] = []
    labels: list[str] = []
    for name, content in _entries(path):
        images.append(_decode(name, content))
        labels.append(PurePosixPath(name).parent.name)
    if not images:
        raise BadData(
            f"{path.name} holds no images ({', '.join(sorted(SUFFIXES))}) in class folders"
        )
    return np.stack(_same_size(images)), labels


def _entries(path: Path) -> Iterator[tuple[str, bytes]]:
    total = 0
    members = _zip(path) if zipfile.is_zipfile(path) else _tar(path)
    for count, (name, size, content) in enumerate(members):
        total += size
        if count > MAX_ENTRIES or total > MAX_BYTES:
            raise BadData(
                f"{path.name} unpacks to more than {MAX_ENTRIES} files or {MAX_BYTES >> 30} GiB"
            )
        place = PurePosixPath(name)
        if (
            place.suffix.lower() in SUFFIXES
            and len(place.parts) > 1
            and not place.name.startswith(".")
        ):
            yield name, content


def _zip(path: Path) -> Iterator[tuple[str, int, bytes]]:
    with zipfile.ZipFile(path) as archive:
        for info in sorted(archive.infolist(), key=lambda i: i.filename):
            if not info.is_dir():
                yield info.filename, info.file_size, archive.read(info)


def _tar(path: Path) -> Iterator[tuple[str, int, bytes]]:
    try:
        with tarfile.open(path) as archive:
            for member in sorted(archive.getmembers(), key=lambda m: m.name):
                if not member.isfile():
                    continue
                handle = archive.extractfile(member)
                if handle is not None:
                    yield member.name, member.size, handle.read()
    except tarfile.TarError as error:
        raise BadData(f"{path.name} is neither a zip nor a tar archive: {error}") from error


def _decode(name: str, content: bytes) -> NDArray[np.uint8]:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content)) as image:
            mode = "L" if image.mode in ("1", "L", "I", "I;16", "F") else "RGB"
            return np.asarray(image.convert(mode), dtype=np.uint8)
    except (UnidentifiedImageError, OSError) as error:
        raise BadData(f"{name} is no image that can be read: {error}") from error


def _same_size(images: list[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    from PIL import Image

    coloured = any(image.ndim == 3 for image in images)
    sizes = {image.shape[:2] for image in images}
    out = []
    for image in images:
        picture = Image.fromarray(image).convert("RGB" if coloured else "L")
        if len(sizes) > 1:
            picture = picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        pixels = np.asarray(picture, dtype=np.uint8)
        out.append(np.moveaxis(pixels, -1, 0) if coloured else pixels[None])
    return out
