"""The members of a tar archive, plain or packed, read as a stream with constant memory.

Guarantees, for archives of any origin:

- Extension headers (pax records, GNU long names) of more than `MOST_EXTENSION_BYTES` are refused
  before they are read. tarfile reads the size that a header declares, into memory.
- An archive that unpacks to more than `MOST_RATIO` times its size is refused while it is unpacked,
  and so is one that takes longer than its deadline.
- Nothing is kept of members that were passed.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from trainyard_gateway.errors import BadRequest

MOST_EXTENSION_BYTES = 64 << 10
MOST_RATIO = 200
"""Unpacked bytes for each packed byte; bombs have a thousand and more."""
FREE_BYTES = 64 << 20
"""Unpacked bytes that are never too many."""
SECONDS = 60.0
SECONDS_PER_BYTE = 1 / 4_000_000
"""The deadline of an archive: `SECONDS`, and this for each of its bytes."""
_XZ_MEMORY = 128 << 20
_BLOCK = 512
_CHUNK = 256 << 10
_MOST_PADDING = 1 << 20
"""Bytes after the last member at most; tar itself writes 10 KiB."""


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an archive."""

    name: str
    is_file: bool
    is_folder: bool


def members(path: Path) -> Iterator[Member]:
    """The members in their order.

    Raises BadRequest, and what tarfile and the decompressors raise for broken archives.
    """
    with path.open("rb") as file:
        yield from _walk(_Unpacked(file, path.stat().st_size))


def _walk(stream: _Unpacked) -> Iterator[Member]:
    extended = _Extensions()
    while block := stream.block():
        if not any(block):
            stream.expect_end()
            return
        header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        if extended.read(header, stream):
            continue
        is_file = header.isreg() and header.type != tarfile.GNUTYPE_SPARSE
        yield Member(extended.name or header.name, is_file, header.isdir())
        if is_file:
            stream.skip(header.size if extended.size is None else extended.size)
        extended = _Extensions()
    if stream.unpacked == 0:
        raise tarfile.ReadError("empty file")


class _Extensions:
    """What extension headers say of the member that follows them."""

    def __init__(self) -> None:
        self.name: str | None = None
        self.size: int | None = None

    def read(self, header: tarfile.TarInfo, stream: _Unpacked) -> bool:
        """Read an extension's content. Returns False if `header` is that of a member."""
        if header.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE):
            records = _records(stream.extension(header.size))
            self.name = records.get("path", self.name)
            self.size = int(records["size"]) if "size" in records else self.size
        elif header.type == tarfile.XGLTYPE:
            if {"path", "size"} & _records(stream.extension(header.size)).keys():
                raise BadRequest("the archive names its members by a global header")
        elif header.type == tarfile.GNUTYPE_LONGNAME:
            content = stream.extension(header.size).rstrip(b"\0")
            self.name = content.decode("utf-8", "surrogateescape")
        elif header.type == tarfile.GNUTYPE_LONGLINK:
            stream.extension(header.size)
        else:
            return False
        return True


def _records(raw: bytes) -> dict[str, str]:
    """Keyword and value of each pax record: `<length> <keyword>=<value>\\n`."""
    found = {}
    while raw.strip(b"\0"):
        digits, _, _ = raw.partition(b" ")
        if not digits.isdigit() or len(digits) > 8 or not len(digits) + 2 < int(digits) <= len(raw):
            raise tarfile.ReadError("a broken pax header")
        record, raw = raw[len(digits) + 1 : int(digits) - 1], raw[int(digits) :]
        keyword, _, value = record.decode("utf-8", "surrogateescape").partition("=")
        if keyword.startswith("GNU.sparse."):
            raise BadRequest("the archive holds a sparse file; pack it without --sparse")
        found[keyword] = value
    return found


class _Reader(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Unpacked:
    """The unpacked bytes of an archive, bounded in number and time."""

    def __init__(self, file: BinaryIO, packed: int) -> None:
        self._plain, self._packed = file, packed
        self._file = _unpacking(file)
        self._is_packed = self._file is not file
        self._most = MOST_RATIO * packed + FREE_BYTES
        self._deadline = time.monotonic() + SECONDS + packed * SECONDS_PER_BYTE
        self.unpacked = 0
        """Bytes read until now."""

    def block(self) -> bytes:
        """The next block of a header; empty at the end. Raises EOFError within a block."""
        block = self._read(_BLOCK)
        if block and len(block) < _BLOCK:
            raise EOFError("the archive ends within a header")
        return block

    def extension(self, size: int) -> bytes:
        """The content of an extension header. Raises BadRequest if it is too large."""
        if not 0 <= size <= MOST_EXTENSION_BYTES:
            raise BadRequest(
                f"the archive has a header of {size} bytes; at most {MOST_EXTENSION_BYTES}"
                " are accepted"
            )
        content = self._read(_padded(size))
        if len(content) < size:
            raise EOFError("the archive ends within a header")
        return content[:size]

    def skip(self, size: int) -> None:
        """Pass the content of a member. Raises EOFError if the archive ends before."""
        if size < 0:
            raise tarfile.ReadError("a member of negative size")
        left = _padded(size)
        if not self._is_packed:
            if self._plain.tell() + size > self._packed:
                raise EOFError("the archive ends within a member")
            self._plain.seek(left, os.SEEK_CUR)
            return
        while left:
            if not (piece := self._read(min(_CHUNK, left))):
                raise EOFError("the archive ends within a member")
            left -= len(piece)

    def expect_end(self) -> None:
        """Read the padding. It shows whether a packed archive is complete."""
        padding = 0
        while piece := self._read(_CHUNK):
            padding += len(piece)
            if padding > _MOST_PADDING:
                raise BadRequest("bytes follow the end of the tar archive")

    def _read(self, size: int) -> bytes:
        pieces: list[bytes] = []
        while size and (piece := self._file.read(size)):
            pieces.append(piece)
            size -= len(piece)
            self.unpacked += len(piece)
        if self._is_packed and self.unpacked > self._most:
            raise BadRequest(f"the archive unpacks to more than {MOST_RATIO} times its size")
        if time.monotonic() > self._deadline:
            raise BadRequest("the archive takes too long to unpack; pack it as .tar or .zip")
        return b"".join(pieces)


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _unpacking(file: BinaryIO) -> _Reader:
    """A reader of the unpacked bytes, by the first bytes of the file."""
    start = file.read(6)
    file.seek(0)
    if start.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=file)
    if start.startswith(b"BZh"):
        return bz2.BZ2File(file)
    if start.startswith((b"\xfd7zXZ", b"\x5d\x00\x00")):
        return _Xz(file)
    return file


class _Xz:
    """Like lzma.LZMAFile, with a bound of the memory that an archive's dictionary takes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decompressor = lzma.LZMADecompressor(memlimit=_XZ_MEMORY)

    def read(self, size: int, /) -> bytes:
        while not self._decompressor.eof:
            packed = b""
            if self._decompressor.needs_input and not (packed := self._file.read(_CHUNK)):
                raise EOFError("the archive ends within its packed bytes")
            if unpacked := self._decompressor.decompress(packed, size):
                return unpacked
        return b""
