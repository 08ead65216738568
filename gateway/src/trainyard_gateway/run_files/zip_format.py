"""The bytes of a ZIP archive that is written without going back (APPNOTE 6.3.10). Pure.

Sizes and checksum of a file stand behind its content, where they are known. Everything has 64-bit
sizes. Content is in blocks of Deflate that are not compressed: what a training leaves does not
shrink, and readers of streams take no other entry whose size comes later.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

_LOCAL: Final = struct.Struct("<4s5H3I2H")
_CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
_DESCRIPTOR: Final = struct.Struct("<4sIQQ")
_END64: Final = struct.Struct("<4sQ2H2I4Q")
_LOCATOR: Final = struct.Struct("<4sIQI")
_END: Final = struct.Struct("<4s4H2IH")
_VERSION: Final = 45
_UNIX: Final = 3 << 8
_UTF8, _SIZES_BEHIND = 1 << 11, 1 << 3
_STORED, _DEFLATED = 0, 8
_IN_EXTRA: Final = 0xFFFFFFFF
"""Stands for a size or a place that the 64-bit field holds."""
_FILE_MODE, _FOLDER_MODE = 0o100644 << 16, (0o040755 << 16) | 0x10
_EXECUTABLE: Final = 0o111 << 16


@dataclass(frozen=True, slots=True)
class Member:
    """One entry; a folder's name ends with `/`."""

    name: bytes
    modified: float
    """Seconds since the epoch."""
    offset: int
    crc: int = 0
    size: int = 0
    packed: int = 0
    executable: bool = False

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.name.endswith(b"/")


def local_header(name: bytes, modified: float) -> bytes:
    """What stands before the content of a file, or for a folder."""
    time, date = _dos_time(modified)
    if name.endswith(b"/"):
        return _LOCAL.pack(b"PK\3\4", _VERSION, _UTF8, _STORED, time, date, 0, 0, 0, len(name), 0) + name  # fmt: skip
    extra = struct.pack("<HHQQ", 1, 16, 0, 0)
    head = _LOCAL.pack(
        b"PK\3\4", _VERSION, _UTF8 | _SIZES_BEHIND, _DEFLATED, time, date, 0, _IN_EXTRA, _IN_EXTRA,
        len(name), len(extra),
    )  # fmt: skip
    return head + name + extra


def descriptor(crc: int, packed: int, size: int) -> bytes:
    """What stands behind the content of a file."""
    return _DESCRIPTOR.pack(b"PK\7\10", crc, packed, size)


def central_record(member: Member) -> bytes:
    """The entry of a member in the directory of the archive."""
    time, date = _dos_time(member.modified)
    extra = struct.pack("<HHQQQ", 1, 24, member.size, member.packed, member.offset)
    folder = member.is_folder
    flags, method = (_UTF8, _STORED) if folder else (_UTF8 | _SIZES_BEHIND, _DEFLATED)
    mode = _FOLDER_MODE if folder else _FILE_MODE | _EXECUTABLE * member.executable
    head = _CENTRAL.pack(
        b"PK\1\2", _UNIX | _VERSION, _VERSION, flags, method, time, date, member.crc, _IN_EXTRA,
        _IN_EXTRA, len(member.name), len(extra), 0, 0, 0, mode, _IN_EXTRA,
    )  # fmt: skip
    return head + member.name + extra


def end(count: int, offset: int, size: int) -> bytes:
    """The end of an archive whose directory has `count` entries in `size` bytes from `offset`."""
    whole = _END64.pack(b"PK\6\6", _END64.size - 12, _UNIX | _VERSION, _VERSION, 0, 0, count, count, size, offset)  # fmt: skip
    locator = _LOCATOR.pack(b"PK\6\7", 0, offset + size, 1)
    return whole + locator + _END.pack(b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, _IN_EXTRA, _IN_EXTRA, 0)


def _dos_time(seconds: float) -> tuple[int, int]:
    """Time and date in UTC, between 1980 and 2107."""
    earliest, latest = 315_532_800, 4_354_819_198
    at = datetime.fromtimestamp(min(max(seconds, earliest), latest), UTC)
    time = at.hour << 11 | at.minute << 5 | at.second // 2
    return time, (at.year - 1980) << 9 | at.month << 5 | at.day
