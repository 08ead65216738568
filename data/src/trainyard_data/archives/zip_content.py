"""The content of a zip's members: stored, deflated, or packed by bzip2 or lzma."""

from __future__ import annotations

import bz2
import io
import lzma
import struct
import zlib
from typing import BinaryIO, Protocol

from trainyard_data.archives.broken import sound
from trainyard_data.archives.limits import Budget
from trainyard_data.archives.zip_directory import Entry
from trainyard_data.errors import BadData

_LOCAL = struct.Struct("<4s5H3L2H")
_CHUNK = 256 << 10
_LZMA_MEMORY = 128 << 20
_ENCRYPTED = 1
_OTHER_METHODS = {
    1: "Shrink", 6: "Implode", 9: "Deflate64, which Windows uses for large files", 93: "zstd",
    20: "zstd", 94: "MP3", 95: "xz", 96: "JPEG", 97: "WavPack", 98: "PPMd", 99: "AES",
}  # fmt: skip


class _Decompressor(Protocol):
    """Keeps the packed bytes that it has not used yet, and asks for more by `wants`."""

    @property
    def wants(self) -> bool: ...

    def unpack(self, packed: bytes, most: int, /) -> bytes: ...


def start_of(file: BinaryIO, entry: Entry) -> int:
    """Position of the first packed byte. Raises BadData without the member's name."""
    if entry.flags & _ENCRYPTED:
        raise BadData("is encrypted", hint="pack it without a password")
    file.seek(entry.offset)
    raw = file.read(_LOCAL.size)
    if len(raw) < _LOCAL.size or not raw.startswith(b"PK\x03\x04"):
        raise BadData("is not where the archive's directory says")
    name_length, extra_length = struct.unpack("<2H", raw[-4:])
    if file.read(name_length) != entry.raw_name:
        raise BadData("has another name in the archive's directory than at its place")
    return int(entry.offset + _LOCAL.size + name_length + extra_length)


def read(file: BinaryIO, entry: Entry, budget: Budget) -> bytes:
    """The whole content, checked. Raises BadData, whose message the member's name begins."""
    most = budget.limits.member_bytes
    if entry.size > most:
        raise BadData(f"has {entry.size} bytes; at most {most} are read")
    content = io.BytesIO()
    stream = Content(file, entry, budget)
    while piece := stream.read(_CHUNK):
        content.write(piece)
    return content.getvalue()


class Content:
    """The unpacked bytes of a member as a stream; its size and checksum are verified at the end."""

    def __init__(self, file: BinaryIO, entry: Entry, budget: Budget) -> None:
        self._file, self._entry, self._budget = file, entry, budget
        self._place = start_of(file, entry)
        self._left = entry.packed
        self._unpacking = _decompressor(entry.method)
        self._crc, self._size = 0, 0
        self._ended = False

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end. Raises BadData for what is damaged."""
        with sound("is damaged in the archive"):
            while not self._ended:
                if piece := self._piece(size):
                    self._count(piece)
                    return piece
        return b""

    def _piece(self, size: int) -> bytes:
        """The next unpacked bytes. None of them may mean that more packed ones are needed."""
        packed = b""
        if self._unpacking.wants and self._left:
            self._file.seek(self._place)
            packed = self._file.read(min(_CHUNK, self._left))
            if not packed:
                raise EOFError("the archive ends within it")
            self._place += len(packed)
            self._left -= len(packed)
        piece = self._unpacking.unpack(packed, size)
        if not piece and not packed and not (self._left and self._unpacking.wants):
            # Its end was reached, with or without bytes behind it.
            self._finish()
        return piece

    def _count(self, piece: bytes) -> None:
        self._budget.unpacked(len(piece))
        self._size += len(piece)
        self._crc = zlib.crc32(piece, self._crc)
        if self._size > self._entry.size:
            raise BadData(f"is larger than the {self._entry.size} bytes that it declares")

    def _finish(self) -> None:
        self._ended = True
        if self._size != self._entry.size:
            raise BadData(f"has {self._size} bytes instead of {self._entry.size}")
        if self._crc != self._entry.crc:
            raise BadData("is damaged in the archive: its checksum is another one")


def _decompressor(method: int) -> _Decompressor:
    match method:
        case 0:
            return _Stored()
        case 8:
            return _Deflated()
        case 12:
            return _Buffered(bz2.BZ2Decompressor())
        case 14:
            return _Lzma()
    name = _OTHER_METHODS.get(method, f"the method {method}")
    raise BadData(
        f"is packed with {name}, which is not read here", hint="pack it with deflate, as `zip` does"
    )


class _Stored:
    def __init__(self) -> None:
        self._kept = b""

    @property
    def wants(self) -> bool:
        return not self._kept

    def unpack(self, packed: bytes, most: int, /) -> bytes:
        packed = self._kept + packed
        self._kept = packed[most:]
        return packed[:most]


class _Deflated:
    def __init__(self) -> None:
        self._inner = zlib.decompressobj(-15)

    @property
    def wants(self) -> bool:
        return not self._inner.unconsumed_tail

    def unpack(self, packed: bytes, most: int, /) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + packed, most)


class _Buffered:
    """bz2's and lzma's, which keep the unused bytes themselves."""

    def __init__(self, inner: bz2.BZ2Decompressor | lzma.LZMADecompressor) -> None:
        self._inner = inner

    @property
    def wants(self) -> bool:
        return self._inner.needs_input

    def unpack(self, packed: bytes, most: int, /) -> bytes:
        return b"" if self._inner.eof else self._inner.decompress(packed, most)


class _Lzma:
    """lzma as zip writes it: two bytes of version, two of length, then the properties."""

    def __init__(self) -> None:
        self._inner: _Buffered | None = None
        self._head = b""

    @property
    def wants(self) -> bool:
        return self._inner is None or self._inner.wants

    def unpack(self, packed: bytes, most: int, /) -> bytes:
        if self._inner is None:
            self._head += packed
            if len(self._head) < 9:
                return b""
            if self._head[2:4] != b"\x05\x00":
                raise BadData("is damaged in the archive: its lzma properties are not known")
            inner = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_LZMA_MEMORY)
            # A size of ones is an unknown one: the end is found by its mark or by the input.
            packed = self._head[4:9] + b"\xff" * 8 + self._head[9:]
            self._inner = _Buffered(inner)
        return self._inner.unpack(packed, most)
