"""A ZIP archive that is made while it is sent, from files of any source.

Guarantees:

- Memory does not grow with files or bytes: the directory of the archive waits in a temporary file.
- What could not be packed as it was is said in a text at the end of the archive.
- A piece is made in a moment; `next_piece` ends with the moment.
"""

from __future__ import annotations

import tempfile
import time
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator

from trainyard_api.files.names import portable
from trainyard_api.visible_text import visible
from trainyard_gateway.run_files import zip_format
from trainyard_gateway.run_files.zip_format import Member

NOTES = "trainyard-notes.txt"
"""File of the archive with what is not in it as it was. It lies beside the folder."""
CHUNK = 256 << 10
_MOST_NOTES = 1000
_DIRECTORY_IN_MEMORY = 256 << 10
_STEP_SECONDS = 0.05
_STEP_BYTES = 512 << 10


class ZipStream(ABC):
    """An archive with one folder. Everything blocks."""

    def __init__(self, top: str) -> None:
        """`top`: the folder in the archive."""
        self._top = portable(top)
        self._directory = tempfile.SpooledTemporaryFile(_DIRECTORY_IN_MEMORY)  # noqa: SIM115  close closes it
        self._offset, self._count, self._size = 0, 0, 0
        self._notes: list[str] = []
        self._more_notes = 0

    def pieces(self) -> Generator[bytes, None, None]:
        """The bytes of the archive; an empty piece is a place to pause."""
        yield self.folder_entry(self._top, time.time())
        yield from self.members()
        yield from self._write_notes()
        yield from self._end()

    @abstractmethod
    def members(self) -> Iterator[bytes]:
        """The bytes of what is in the folder."""

    def close(self) -> None:
        """Give back what the archive holds; its pieces must be closed before."""
        self._directory.close()

    def content(
        self, name: str, modified: float, read: Callable[[], bytes], executable: bool = False
    ) -> Iterator[bytes]:
        """A file, read in chunks until an empty one."""
        raw, offset = name.encode(), self._offset
        crc, size, packed = 0, 0, 0
        pack = zlib.compressobj(0, zlib.DEFLATED, -zlib.MAX_WBITS)
        yield self._take(zip_format.local_header(raw, modified))
        while True:
            chunk = read()
            crc, size = zlib.crc32(chunk, crc), size + len(chunk)
            piece = pack.compress(chunk) if chunk else pack.flush()
            packed += len(piece)
            yield self._take(piece)
            if not chunk:
                break
        yield self._take(zip_format.descriptor(crc, packed, size))
        self._list(Member(raw, modified, offset, crc, size, packed, executable))

    def folder_entry(self, name: str, modified: float) -> bytes:
        """A folder."""
        raw = f"{name}/".encode()
        self._list(Member(raw, modified, self._offset))
        return self._take(zip_format.local_header(raw, modified))

    def note(self, shown: tuple[str, ...], what: str) -> None:
        """Say in the archive what is not in it as it was."""
        if len(self._notes) < _MOST_NOTES:
            self._notes.append(f"{visible('/'.join(shown))}: {what}")
        else:
            self._more_notes += 1

    def _write_notes(self) -> Iterator[bytes]:
        if not self._notes:
            return
        more = [f"and {self._more_notes} more"] if self._more_notes else []
        pieces = iter(["\n".join([*self._notes, *more, ""]).encode()])
        yield from self.content(NOTES, time.time(), lambda: next(pieces, b""))

    def _end(self) -> Iterator[bytes]:
        offset = self._offset
        self._directory.seek(0)
        while piece := self._directory.read(CHUNK):
            yield self._take(piece)
        yield self._take(zip_format.end(self._count, offset, self._size))

    def _take(self, piece: bytes) -> bytes:
        self._offset += len(piece)
        return piece

    def _list(self, member: Member) -> None:
        record = zip_format.central_record(member)
        self._directory.write(record)
        self._count += 1
        self._size += len(record)


def next_piece(pieces: Iterator[bytes]) -> bytes | None:
    """What the archive has to send after a moment of work; None after its end."""
    taken, deadline = bytearray(), time.monotonic() + _STEP_SECONDS
    for piece in pieces:
        taken += piece
        if len(taken) >= _STEP_BYTES or time.monotonic() >= deadline:
            return bytes(taken)
    return bytes(taken) or None
