"""The directory of a zip archive, read as a stream: memory does not grow with its members.

The standard library reads the whole directory into objects, however large it is, refuses or accepts
archives depending on its version, and unpacks what it is not asked for. Here every field is
bounded before it is used; what a member holds is read by `zip_content`.
"""

from __future__ import annotations

import os
import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from trainyard_data.archives.limits import Budget
from trainyard_data.archives.member import Kind, decoded
from trainyard_data.errors import BadData

_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_ENTRY = struct.Struct("<4s4B4HL2L5H2L")
_LONGEST_COMMENT = 0xFFFF
_WIDE = 0xFFFFFFFF
_UTF8 = 0x800


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the directory. Sizes in bytes; `offset`: of its local header in the file."""

    raw_name: bytes
    name: str
    utf8: bool
    kind: Kind
    method: int
    flags: int
    crc: int
    packed: int
    size: int
    offset: int


@dataclass(frozen=True, slots=True)
class _Directory:
    start: int
    size: int
    prefix: int


def has_end(path: Path) -> bool:
    """Whether the file ends with the end record of a zip directory."""
    with path.open("rb") as file:
        return _end(file) is not None


def entries(path: Path, budget: Budget) -> Iterator[Entry]:
    """The entries of the directory, in its order. Raises BadData."""
    with path.open("rb") as file:
        directory = _directory(file)
        file.seek(directory.start)
        left = directory.size
        while left > 0:
            budget.member()
            entry, length = _entry(file, directory)
            left -= length
            yield entry
        if left:
            raise BadData("not a sound zip archive: its directory ends within an entry")


def _end(file: BinaryIO) -> tuple[int, tuple[int, ...]] | None:
    """Position and fields of the end record. One whose comment ends the file is preferred."""
    size = file.seek(0, os.SEEK_END)
    start = max(0, size - _END.size - _LONGEST_COMMENT)
    file.seek(start)
    tail = file.read()
    last: tuple[int, tuple[int, ...]] | None = None
    place = tail.rfind(b"PK\x05\x06")
    while place >= 0:
        if place + _END.size <= len(tail):
            fields = _END.unpack_from(tail, place)
            found = (start + place, fields[1:])
            if place + _END.size + fields[-1] == len(tail):
                return found
            last = last or found
        place = tail.rfind(b"PK\x05\x06", 0, place)
    return last


def _directory(file: BinaryIO) -> _Directory:
    end = _end(file)
    if end is None:
        raise BadData(
            "not a sound zip archive: it has no directory at its end", hint="was it cut off?"
        )
    at, (disk, first_disk, _, _, size, offset, _) = end
    if disk or first_disk:
        raise BadData("the zip archive is one of several parts", hint="join them: zip -s 0")
    file.seek(max(0, at - _LOCATOR_64.size - _END_64.size))
    before = file.read(min(at, _LOCATOR_64.size + _END_64.size))
    if before[-_LOCATOR_64.size :].startswith(b"PK\x06\x07") and before.startswith(b"PK\x06\x06"):
        at -= len(before)
        size, offset = _END_64.unpack_from(before)[-2:]
    prefix = at - size - offset
    if prefix < 0:
        raise BadData("not a sound zip archive: its directory does not fit the file")
    return _Directory(at - size, size, prefix)


def _entry(file: BinaryIO, directory: _Directory) -> tuple[Entry, int]:
    """The next entry, and its length in bytes."""
    raw = file.read(_ENTRY.size)
    if len(raw) < _ENTRY.size or not raw.startswith(b"PK\x01\x02"):
        raise BadData("not a sound zip archive: an entry of its directory is damaged")
    fields = _ENTRY.unpack(raw)
    flags, method, crc, packed, size = fields[5], fields[6], fields[9], fields[10], fields[11]
    name_length, extra_length, comment_length = fields[12:15]
    attributes, offset = fields[17], fields[18]
    more = file.read(name_length + extra_length + comment_length)
    if len(more) < name_length + extra_length + comment_length:
        raise BadData("not a sound zip archive: an entry of its directory is damaged")
    raw_name, extra = more[:name_length], more[name_length : name_length + extra_length]
    records = dict(_extra_records(extra))
    size, packed, offset = _wide_sizes(size, packed, offset, records.get(1, b""))
    name, utf8 = _name(raw_name, flags, records.get(0x7075, b""))
    entry = Entry(
        raw_name, name, utf8, _kind(name, attributes), method, flags, crc, packed, size,
        offset + directory.prefix,
    )  # fmt: skip
    return entry, _ENTRY.size + len(more)


def _extra_records(extra: bytes) -> Iterator[tuple[int, bytes]]:
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        yield kind, extra[4 : 4 + length]
        extra = extra[4 + length :]


def _wide_sizes(size: int, packed: int, offset: int, record: bytes) -> tuple[int, int, int]:
    """Sizes and offset, from the zip64 record where the plain fields are full."""
    values = [size, packed, offset]
    for place, value in enumerate(values):
        if value == _WIDE:
            if len(record) < 8:
                raise BadData("not a sound zip archive: a zip64 size is missing")
            values[place] = struct.unpack_from("<Q", record)[0]
            record = record[8:]
    return values[0], values[1], values[2]


def _name(raw: bytes, flags: int, unicode_record: bytes) -> tuple[str, bool]:
    """UTF-8 where flag or bytes say so (macOS sets no flag), or a record beside an old name."""
    if not flags & _UTF8 and len(unicode_record) > 5:
        crc = struct.unpack_from("<L", unicode_record, 1)[0]
        if unicode_record[0] == 1 and crc == zlib.crc32(raw):
            return decoded(unicode_record[5:])
    return decoded(raw)


def _kind(name: str, attributes: int) -> Kind:
    form = stat.S_IFMT(attributes >> 16)
    if form == stat.S_IFLNK:
        return Kind.LINK
    if form not in (0, stat.S_IFREG, stat.S_IFDIR):
        return Kind.DEVICE
    return Kind.FOLDER if name.endswith(("/", "\\")) else Kind.FILE
