"""Archives of images in folders named after their classes: only the lists of members are read."""

from __future__ import annotations

import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from trainyard_gateway.errors import BadRequest
from trainyard_gateway.files.details import MOST_CLASSES, DatasetDetails
from trainyard_gateway.files.tar import MOST_RATIO, members

IMAGES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp"})
MOST_MEMBERS = 2_000_000
_BROKEN = (tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError)


def read_images(path: Path) -> DatasetDetails:
    """How many images, and of which classes. Raises BadRequest with the member that is wrong."""
    classes: set[str] = set()
    seen: set[str] = set()
    count = 0
    for name in _members(path):
        place = PurePosixPath(name)
        if ".." in place.parts or place.is_absolute():
            raise BadRequest(f"the archive's member {name[:200]!r} points outside of it")
        if place.suffix.lower() in IMAGES and len(place.parts) > 1:
            classes.add(place.parent.name)
            count += 1
        if (folded := name.casefold()) in seen:
            raise BadRequest(
                f"the archive's member {name[:200]!r} is there twice, or differs from another only in case"
            )
        seen.add(folded)
        if len(seen) > MOST_MEMBERS:
            raise BadRequest(
                f"more than {MOST_MEMBERS} members; pack the images into several datasets"
            )
        if len(classes) > MOST_CLASSES:
            raise BadRequest(f"more than {MOST_CLASSES} folders of images")
    if count == 0:
        raise BadRequest(
            f"no images ({', '.join(sorted(IMAGES))}) in folders named after their class"
        )
    return DatasetDetails(samples=count, dimensions=[count], classes=sorted(classes))


def _members(path: Path) -> Iterator[str]:
    try:
        names = _of_zip(path) if zipfile.is_zipfile(path) else _of_tar(path)
        for name in names:
            if "\\" in name or ";" in name:
                raise BadRequest(
                    f"the archive's member {name[:200]!r} has a name that systems read differently"
                )
            if not name.isprintable():
                raise BadRequest(f"the archive's member {name[:200]!r} has a name that is no text")
            yield name
    except zipfile.BadZipFile as error:
        raise BadRequest(f"not a sound zip archive: {error}") from error
    except _BROKEN as error:
        raise BadRequest(f"neither a zip nor a tar archive: {str(error)[:200]}") from error


def _of_zip(path: Path) -> Iterator[str]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.flag_bits & 1:
                raise BadRequest(f"the archive's member {member.filename[:200]!r} is encrypted")
            if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise BadRequest(
                    f"the archive's member {member.filename[:200]!r} is a link or a device"
                )
            if member.file_size > MOST_RATIO * max(member.compress_size, 1024):
                raise BadRequest(
                    f"the archive's member {member.filename[:200]!r} would be {member.file_size} bytes from {member.compress_size}"
                )
            if not member.is_dir():
                yield member.filename


def _of_tar(path: Path) -> Iterator[str]:
    for member in members(path):
        if not (member.is_file or member.is_folder):
            raise BadRequest(f"the archive's member {member.name[:200]!r} is a link or a device")
        if member.is_file:
            yield member.name
