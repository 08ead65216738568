"""The unpacked bytes of a tar archive, bounded in number and time."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import tarfile
from typing import BinaryIO, Protocol

from trainyard_data.archives.limits import Budget
from trainyard_data.errors import BadData

BLOCK = 512
MOST_EXTENSION_BYTES = 64 << 10
"""Of a pax header or a GNU long name. tarfile reads what a header declares, into memory."""
_XZ_MEMORY = 128 << 20
_CHUNK = 256 << 10
_MOST_PADDING = 1 << 20
"""Zero bytes after the last member at most; tar itself writes 10 KiB."""


class _Reader(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Unpacked:
    """A stream of unpacked bytes."""

    def __init__(self, file: BinaryIO, packed: int, budget: Budget) -> None:
        self._plain, self._packed, self._budget = file, packed, budget
        self._file = _unpacking(file)
        self._is_packed = self._file is not file
        self.unpacked = 0
        """Bytes read until now."""

    def block(self) -> bytes:
        """The next block of a header; empty at the end. Raises EOFError within a block."""
        block = self._read(BLOCK)
        if block and len(block) < BLOCK:
            raise EOFError("the archive ends within a header")
        return block

    def extension(self, size: int) -> bytes:
        """The content of an extension header. Raises BadData if it is too large."""
        if not 0 <= size <= MOST_EXTENSION_BYTES:
            raise BadData(
                f"the archive has a header of {size} bytes; at most {MOST_EXTENSION_BYTES}"
                " are accepted"
            )
        return self.content(size, "header")

    def content(self, size: int, of: str = "member") -> bytes:
        """`size` bytes and their padding. Raises EOFError if the archive ends before."""
        content = self._read(_padded(size))
        if len(content) < size:
            raise EOFError(f"the archive ends within a {of}")
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
            if padding > _MOST_PADDING or piece.count(0) != len(piece):
                raise BadData(
                    "bytes follow the end of the tar archive",
                    hint="if archives were joined, pack their members again as one archive",
                )

    def _read(self, size: int) -> bytes:
        pieces: list[bytes] = []
        while size and (piece := self._file.read(size)):
            pieces.append(piece)
            size -= len(piece)
            self.unpacked += len(piece)
            if self._is_packed:
                self._budget.unpacked(len(piece))
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


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
