"""Pictures, and archives that hold them."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
from data_case import Make, content
from PIL import Image

Files = Mapping[str, bytes]
SIDE = 8


def picture(
    value: int, mode: str = "L", kind: str = "PNG", size: tuple[int, int] = (SIDE, SIDE)
) -> bytes:
    """A picture that is bright above and darker below."""
    ramp = np.linspace(value, value // 2, size[0] * size[1]).reshape(size[1], size[0])
    out = io.BytesIO()
    Image.fromarray(ramp.astype(np.uint8)).convert(mode).save(out, kind)
    return out.getvalue()


def pets(
    name: str = "{pet}/{i}.png", count: int = 8, names: tuple[str, str] = ("cat", "dog"), **how: str
) -> dict[str, bytes]:
    """Dark pictures of one class, and bright ones of another."""
    return {
        name.format(pet=pet, i=i): picture(level + i, **how)  # type: ignore[arg-type]  # modes and kinds are texts
        for pet, level in zip(names, (40, 200), strict=True)
        for i in range(count)
    }


def zipped(files: Files, compression: int = zipfile.ZIP_DEFLATED) -> Make:
    """A zip of these files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, compression)
    return content(out.getvalue())


def windows(files: Files) -> Make:
    """A zip as old programs of Windows write: names with backslashes."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    # zipfile writes every name with slashes; both places of a name have the same length.
    data = whole.getvalue()
    for name in files:
        data = data.replace(name.encode(), name.replace("/", "\\").encode())
    return content(data)


def renamed(files: Files, change: Callable[[str], bytes], flags: int) -> Make:
    """A zip whose names are in another encoding than UTF-8."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    data = out.getvalue()
    for name in files:
        assert len(change(name)) == len(name)
        data = data.replace(name.encode(), change(name))
    return content(data)


def tarred(
    files: Files,
    mode: Literal["w", "w:gz", "w:xz"] = "w",
    links: tuple[str, ...] = (),
    prefix: str = "",
) -> Make:
    """A tar of these files, and of links out of it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(prefix + name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        for name in links:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(member)
    return content(out.getvalue())
