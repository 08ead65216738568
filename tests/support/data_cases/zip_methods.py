"""Zip archives with methods that Python's own reader does not know."""

from __future__ import annotations

import zipfile
from pathlib import Path

from data_case import Case, Make, content, refused
from picture_archives import PETS, made
from picture_files import zipped

DEFLATE64, ZSTANDARD, PPMD = 9, 93, 98


def method(number: int, flags: int = 0) -> Make:
    """A zip whose entries say that they are compressed in this way."""

    def make(path: Path) -> None:
        zipped(PETS)(path)
        data = bytearray(path.read_bytes())
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                at = entry.header_offset
                data[at + 6] |= flags
                data[at + 8 : at + 10] = number.to_bytes(2, "little")
        at = 0
        while (at := data.find(b"PK\x01\x02", at)) >= 0:
            data[at + 8] |= flags
            data[at + 10 : at + 12] = number.to_bytes(2, "little")
            at += 4
        path.write_bytes(data)

    return make


def halved(path: Path) -> None:
    """The first half of an archive, as after a broken download."""
    zipped(PETS)(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


CASES: tuple[Case, ...] = (
    made(
        "zip-deflate64",
        "compressed by Deflate64, as Windows does above 2 GB",
        "d.zip",
        method(DEFLATE64),
        refused("Deflate64"),
    ),
    made(
        "zip-zstandard",
        "compressed by Zstandard, as WinZip can",
        "d.zip",
        method(ZSTANDARD),
        refused("zstd"),
    ),
    made("zip-ppmd", "compressed by PPMd, as 7-Zip can", "d.zip", method(PPMD), refused("PPMd")),
    made(
        "zip-encrypted",
        "with a password",
        "d.zip",
        method(zipfile.ZIP_DEFLATED, flags=1),
        refused("password"),
    ),
    made("zip-truncated", "an archive that ends in the middle", "d.zip", halved, refused("zip")),
    made("tar-truncated", "no tar at all", "d.tar", content(b"x" * 700), refused("tar")),
)
