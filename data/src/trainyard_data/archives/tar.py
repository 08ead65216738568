"""The members of a tar archive, plain or packed, read as a stream with constant memory."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

from trainyard_data.archives.broken import sound
from trainyard_data.archives.limits import Budget
from trainyard_data.archives.member import Kind, Member, decoded
from trainyard_data.archives.packed import BLOCK, Unpacked
from trainyard_data.errors import BadData


class NotTar(BadData):
    """The first block is no header of a tar archive."""


def members(path: Path, budget: Budget) -> Iterator[Member]:
    """The members in their order.

    Raises BadData, and what tarfile and the decompressors raise for broken archives.
    """
    with path.open("rb") as file:
        yield from _walk(Unpacked(file, path.stat().st_size, budget), budget)


def _walk(stream: Unpacked, budget: Budget) -> Iterator[Member]:
    extended = _Extensions()
    while block := _block(stream):
        if not any(block):
            stream.expect_end()
            return
        header = _header(block, first=stream.unpacked == BLOCK)
        budget.member()
        if extended.read(header, stream):
            continue
        size = header.size if extended.size is None else extended.size
        content = _Content(stream, size, budget)
        name, utf8 = decoded((extended.name or header.name).encode("utf-8", "surrogateescape"))
        yield Member(name, _kind(header), size, utf8, content.read)
        if _kind(header) is Kind.FILE:
            content.skip()
        content.passed = True
        extended = _Extensions()
    if stream.unpacked == 0:
        raise tarfile.ReadError("empty file")


def _block(stream: Unpacked) -> bytes:
    """The next block. Raises NotTar where the file is shorter than one."""
    try:
        return stream.block()
    except EOFError as error:
        if stream.unpacked < BLOCK:
            raise NotTar("neither a zip nor a tar archive: it ends within a header") from error
        raise


def _header(block: bytes, first: bool) -> tarfile.TarInfo:
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError as error:
        if first:
            raise NotTar(f"neither a zip nor a tar archive: {error}") from error
        raise


def _kind(header: tarfile.TarInfo) -> Kind:
    if header.type == tarfile.GNUTYPE_SPARSE:
        raise BadData("the archive holds a sparse file", hint="pack it without --sparse")
    if header.isreg():
        return Kind.FILE
    if header.isdir():
        return Kind.FOLDER
    return Kind.LINK if header.issym() or header.islnk() else Kind.DEVICE


class _Content:
    """The content of the member at which the stream stands."""

    def __init__(self, stream: Unpacked, size: int, budget: Budget) -> None:
        self._stream, self._size, self._budget = stream, size, budget
        self.passed = False

    def read(self) -> bytes:
        """Read it all. Raises BadData if it is too large or was passed."""
        most = self._budget.limits.member_bytes
        if not 0 <= self._size <= most:
            raise BadData(f"has {self._size} bytes; at most {most} are read")
        if self.passed:
            raise RuntimeError("a member is read before the next one is asked for, and once")
        self.passed = True
        with sound("is damaged in the archive"):
            return self._stream.content(self._size)

    def skip(self) -> None:
        """Pass it unless it was read."""
        if not self.passed:
            self._stream.skip(self._size)


class _Extensions:
    """What extension headers say of the member that follows them."""

    def __init__(self) -> None:
        self.name: str | None = None
        self.size: int | None = None

    def read(self, header: tarfile.TarInfo, stream: Unpacked) -> bool:
        """Read an extension's content. Returns False if `header` is that of a member."""
        if header.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE):
            records = _records(stream.extension(header.size))
            self.name = records.get("path", self.name)
            self.size = int(records["size"]) if "size" in records else self.size
        elif header.type == tarfile.XGLTYPE:
            if {"path", "size"} & _records(stream.extension(header.size)).keys():
                raise BadData("the archive names its members by a global header")
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
            raise BadData("the archive holds a sparse file", hint="pack it without --sparse")
        found[keyword] = value
    return found
