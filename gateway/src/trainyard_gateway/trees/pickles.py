"""Whether a file holds a pickle: loading it in Python would run code that the file brings along.

A file is one by its name (`.pkl`, `.pt`, …) or by its content: a pickle, one that is compressed, an
array of objects, or an archive with one of them in it. Nothing is loaded and nothing is unpacked
but the beginnings of members. Memory and time are bounded for any file.
"""

from __future__ import annotations

import bz2
import lzma
import os
import pickletools
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Final

PICKLE: Final = "pickle"
"""The flag of such files."""
HEAD: Final = 64 << 10
"""Bytes of the beginning of a file or a member that are looked at."""
_MEMBER_HEAD: Final = 4 << 10
_MOST_MEMBERS: Final = 10_000
_MOST_DIRECTORY: Final = 8 << 20
_NAMES: Final = re.compile(
    r"\.(pkl|pickle|pck|pcl|p|dill|cloudpickle|joblib|pt|pth|ckpt|sav|npobj)(\.(gz|bz2|xz|zlib|zst|lz4))?$",
    re.IGNORECASE,
)
_BINARY: Final = re.compile(rb"\x80[\x02-\x05].", re.S)
_CALLS: Final = frozenset({"STACK_GLOBAL", "EXT1", "EXT2", "EXT4"})
_NAMED: Final = re.compile(r"[A-Za-z_][\w.]* [A-Za-z_][\w.]*")
"""Module and name, as GLOBAL and INST give them."""
_MOST_OPCODES: Final = 20_000
_OBJECTS: Final = re.compile(rb"\x93NUMPY..{1,8}?'descr':[^}]{0,4096}?\|?O", re.S)
_END: Final = struct.Struct("<4s4H2LH")
_ENTRY: Final = struct.Struct("<4s6H3L5H2L")

Unpack = Callable[[bytes], bytes]


def has_name_of_pickle(path: str) -> bool:
    """Whether the name of a file says that it is a pickle."""
    return _NAMES.search(path) is not None


def is_pickle(handle: int) -> bool:
    """Whether an open file holds a pickle, by its content."""
    head = os.pread(handle, HEAD, 0)
    if _begins_as_pickle(head) or _begins_as_pickle(_unpacked(head)):
        return True
    size = os.fstat(handle).st_size
    if _is_tar(head):
        return any(_is_one(name, start) for name, start in _tar_members(handle, size))
    return any(_is_one(name, start) for name, start in _zip_members(handle, size))


def _is_one(name: str, start: bytes) -> bool:
    return has_name_of_pickle(name) or _begins_as_pickle(start)


def _begins_as_pickle(head: bytes) -> bool:
    if _BINARY.match(head):
        return True
    return bool(_OBJECTS.match(head[: 8 << 10])) or _calls(head)


def _calls(head: bytes) -> bool:
    """Whether it is a pickle without a header that names something of a module."""
    calls = False
    try:
        for number, (opcode, argument, _) in enumerate(pickletools.genops(head)):
            named = opcode.name in ("GLOBAL", "INST") and _NAMED.fullmatch(str(argument))
            calls = calls or opcode.name in _CALLS or bool(named)
            if opcode.name == "STOP" or number > _MOST_OPCODES:
                return calls
    except (ValueError, OverflowError) as error:
        # What is longer than its beginning may continue.
        cut = len(head) >= _MEMBER_HEAD and "unknown" not in str(error)
        return calls and cut
    return False


def _unpacked(head: bytes) -> bytes:
    """The beginning of what is compressed in `head`; empty for anything else."""
    found: list[tuple[bytes, Unpack]] = [
        (b"\x1f\x8b", lambda h: zlib.decompressobj(31).decompress(h, _MEMBER_HEAD)),
        (b"x", lambda h: zlib.decompressobj().decompress(h, _MEMBER_HEAD)),
        (b"BZh", lambda h: bz2.BZ2Decompressor().decompress(h, _MEMBER_HEAD)),
        (b"\xfd7zXZ", lambda h: lzma.LZMADecompressor().decompress(h, _MEMBER_HEAD)),
        (b"]\x00\x00", lambda h: lzma.LZMADecompressor().decompress(h, _MEMBER_HEAD)),
    ]
    for mark, unpack in found:
        if head.startswith(mark):
            try:
                return unpack(head)
            except (zlib.error, OSError, EOFError, lzma.LZMAError, MemoryError):
                return b""
    return b""


def _is_tar(head: bytes) -> bool:
    return head[257:262] == b"ustar"


def _tar_members(handle: int, size: int) -> Iterator[tuple[str, bytes]]:
    place = 0
    for _ in range(_MOST_MEMBERS):
        block = os.pread(handle, 512, place)
        if len(block) < 512 or not _is_tar(block):
            return
        digits = block[124:136].strip(b" \0")
        if not digits.isdigit():
            return
        length = int(digits, 8) if not digits.strip(b"01234567") else size
        name = block[:100].split(b"\0")[0].decode("utf-8", "replace")
        yield name, os.pread(handle, min(_MEMBER_HEAD, length), place + 512)
        place += 512 + -(-length // 512) * 512


def _zip_members(handle: int, size: int) -> Iterator[tuple[str, bytes]]:
    tail_at = max(0, size - _END.size - 0xFFFF)
    tail = os.pread(handle, size - tail_at, tail_at)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        return
    # Its place is counted back from the end, since there may be something before the archive.
    end, length, offset = tail_at + at, *_END.unpack_from(tail, at)[5:7]
    if tail[max(0, at - 20) : at].startswith(b"PK\x06\x07"):
        end -= 20 + 56
        record = os.pread(handle, 56, max(0, end))
        length, offset = struct.unpack_from("<2Q", record, 40) if len(record) == 56 else (0, 0)
    start = max(0, end - length)
    directory = os.pread(handle, max(0, min(end - start, _MOST_DIRECTORY)), start)
    yield from _listed(handle, directory, start - offset)


def _listed(handle: int, directory: bytes, prefix: int) -> Iterator[tuple[str, bytes]]:
    at = 0
    for _ in range(_MOST_MEMBERS):
        at = directory.find(b"PK\x01\x02", at)
        if at < 0 or at + _ENTRY.size > len(directory):
            return
        fields = _ENTRY.unpack_from(directory, at)
        named = directory[at + _ENTRY.size : at + _ENTRY.size + fields[10]]
        start = _member_head(handle, fields[4], prefix + fields[16])
        yield named.decode("utf-8", "replace"), start
        at += _ENTRY.size


def _member_head(handle: int, method: int, offset: int) -> bytes:
    header = os.pread(handle, 30, offset) if 0 <= offset < 2**62 else b""
    if len(header) < 30 or not header.startswith(b"PK\x03\x04"):
        return b""
    named, extra = struct.unpack_from("<2H", header, 26)
    packed = os.pread(handle, _MEMBER_HEAD, offset + 30 + named + extra)
    if method == 0:
        return packed
    try:
        return zlib.decompressobj(-15).decompress(packed, _MEMBER_HEAD) if method == 8 else b""
    except zlib.error:
        return b""
