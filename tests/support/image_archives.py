"""Images and archives of images, made in memory."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Members = Mapping[str, bytes]


def encoded(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    """The bytes of an image file."""
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def picture(value: int = 0, size: tuple[int, int] = (6, 5), mode: str = "RGB") -> Image.Image:
    """An image of random pixels; `size` is width and height."""
    rng = np.random.default_rng(value)
    return Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), np.uint8)).convert(mode)


def png(value: int = 0, size: tuple[int, int] = (6, 5), mode: str = "RGB") -> bytes:
    """A small PNG."""
    return encoded(picture(value, size, mode))


def two_classes(count: int = 3) -> dict[str, bytes]:
    """`count` images of a cat and as many of a dog."""
    return {f"{c}/{n}.png": png(n + ord(c[0])) for c in ("cat", "dog") for n in range(count)}


def zip_of(members: Members, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def tar_of(members: Members, mode: str = "w", form: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar archive; `mode` as tarfile's, such as `w:gz`."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, format=form) as archive:  # type: ignore[call-overload]  # a mode that is no literal
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def written(folder: Path, content: bytes, name: str = "x.zip") -> Path:
    """A file of that content."""
    path = folder / name
    path.write_bytes(content)
    return path
