"""The members of an archive of either kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from trainyard_data.archives import tar, zip_directory, zip_members
from trainyard_data.archives.broken import sound
from trainyard_data.archives.limits import LIMITS, Budget, Limits
from trainyard_data.archives.member import Member
from trainyard_data.archives.tar import NotTar
from trainyard_data.errors import BadData
from trainyard_data.signatures import LONGEST, kind_of

PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x5d\x00\x00")
"""How gzip, bzip2, xz and lzma files begin."""


def is_zip(path: Path) -> bool:
    """Whether the file is read as zip. A tar whose last member is a zip archive is none."""
    start = _start(path)
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return True
    if start.startswith(PACKED) or start[257:262] == b"ustar":
        return False
    return zip_directory.has_end(path)


def is_archive(path: Path) -> bool:
    """Whether the file begins or ends as an archive does."""
    start = _start(path)
    return start.startswith(PACKED) or start[257:262] == b"ustar" or is_zip(path)


def members(path: Path, limits: Limits = LIMITS) -> Iterator[Member]:
    """The members in their order, links and folders too.

    Raises BadData with the cause and, where it is one member's, its name.
    """
    budget = Budget(limits, path.stat().st_size)
    if is_zip(path):
        with sound("not a sound zip archive"):
            yield from zip_members.members(path, budget)
        return
    try:
        with sound("neither a sound zip nor a sound tar archive"):
            yield from tar.members(path, budget)
    except NotTar as error:
        kind = kind_of(_start(path))
        if kind is None:
            raise
        raise BadData(
            f"the file is no archive: it is {kind}", hint="pack the images as .zip or .tar.gz"
        ) from error


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LONGEST)
