"""A folder of a session as a ZIP archive, made while it is sent.

Guarantees:

- Memory does not grow with files or bytes: the directory of the archive waits in a temporary file.
- Links are not followed, and nothing but regular files is read.
- What could not be packed as it was is said in a text at the end of the archive: files that
  changed, shrank, grew or vanished meanwhile or changed just before, links, pipes, what cannot be
  read.
- Names in the archive are portable, below one folder, and each is there once.
"""

from __future__ import annotations

import os
import stat
import tempfile
import time
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import closing

from trainyard_api.files.names import portable
from trainyard_api.visible_text import visible
from trainyard_gateway.run_files import opening, zip_format
from trainyard_gateway.run_files.opening import NotAFileError, OpenFile
from trainyard_gateway.run_files.zip_format import Member

NOTES = "trainyard-notes.txt"
"""File of the archive with what is not in it as it was. It lies beside the folder."""
DEEPEST = 64
"""Folders in each other; each holds a handle while it is read."""
CHUNK = 256 << 10
_MOST_NOTES = 1000
_DIRECTORY_IN_MEMORY = 256 << 10
_STEP_SECONDS = 0.05
_STEP_BYTES = 512 << 10


class Archive:
    """The archive of one folder. Everything blocks."""

    def __init__(
        self, folder: int, top: str, is_top: bool, clock: Callable[[], float] = time.time
    ) -> None:
        """`folder`: a handle, which `close` closes; `top`: the folder in the archive.

        `is_top`: whether it is the folder of the session itself. `clock`: seconds since the epoch.
        """
        self._clock = clock
        self._folder, self._top, self._is_top = folder, portable(top), is_top
        self._directory = tempfile.SpooledTemporaryFile(_DIRECTORY_IN_MEMORY)  # noqa: SIM115  close closes it
        self._offset, self._count, self._size = 0, 0, 0
        self._notes: list[str] = []
        self._more_notes = 0

    def pieces(self) -> Generator[bytes, None, None]:
        """The bytes of the archive; an empty piece is a place to pause."""
        yield self._take(self._folder_entry(self._top, time.time()))
        yield from self._walk(self._folder, (self._top,), ())
        yield from self._write_notes()
        yield from self._end()

    def close(self) -> None:
        """Give back what the archive holds; its pieces must be closed before."""
        os.close(self._folder)
        self._directory.close()

    def _walk(self, folder: int, place: tuple[str, ...], shown: tuple[str, ...]) -> Iterator[bytes]:
        with os.scandir(folder) as entries:
            for entry in entries:
                yield b""
                name = entry.name
                if self._is_top and not shown and opening.is_hidden([name]):
                    continue
                inner = (*shown, name)
                try:
                    yield from self._one(folder, name, (*place, portable(name)), inner)
                except FileNotFoundError:
                    self._note(inner, "vanished before it was read")
                except NotAFileError as error:
                    what = "a link, which is not followed" if error.kind == opening.LINK else (
                        "a folder by now" if error.kind == opening.FOLDER else
                        "a pipe, a socket or a device"
                    )  # fmt: skip
                    self._note(inner, f"left out: it is {what}")
                except OSError as error:
                    self._note(inner, f"left out: it cannot be read ({error.strerror})")

    def _one(
        self, folder: int, name: str, place: tuple[str, ...], shown: tuple[str, ...]
    ) -> Iterator[bytes]:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISDIR(found.st_mode):
            with closing(opening.open_in(folder, name)) as file:
                yield from self._file(file, "/".join(place), shown)
        elif len(shown) > DEEPEST:
            self._note(shown, f"left out: it lies below {DEEPEST} folders")
        else:
            inner = os.open(name, opening.FOLDER_FLAGS, dir_fd=folder)
            try:
                yield self._take(self._folder_entry("/".join(place), found.st_mtime))
                yield from self._walk(inner, place, shown)
            finally:
                os.close(inner)

    def _file(self, file: OpenFile, name: str, shown: tuple[str, ...]) -> Iterator[bytes]:
        before, size, failed = file.stat, 0, ""
        settled = opening.is_settled(before, self._clock())

        def read() -> bytes:
            nonlocal size, failed
            try:
                chunk = os.read(file.handle, min(CHUNK, before.st_size - size))
            except OSError as error:
                # The rest of the archive is sound all the same.
                failed, chunk = error.strerror or "unknown", b""
            size += len(chunk)
            return chunk

        yield from self._content(name, before.st_mtime, read)
        if failed:
            self._note(shown, f"could be read up to byte {size} only ({failed})")
        elif change := change_of(before, os.fstat(file.handle), size):
            self._note(shown, change)
        elif not settled:
            self._note(shown, "was written just before it was read: it may be half of a change")

    def _content(self, name: str, modified: float, read: Callable[[], bytes]) -> Iterator[bytes]:
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
        self._list(Member(raw, modified, offset, crc, size, packed))

    def _folder_entry(self, name: str, modified: float) -> bytes:
        raw = f"{name}/".encode()
        self._list(Member(raw, modified, self._offset))
        return zip_format.local_header(raw, modified)

    def _note(self, shown: tuple[str, ...], what: str) -> None:
        if len(self._notes) < _MOST_NOTES:
            self._notes.append(f"{visible('/'.join(shown))}: {what}")
        else:
            self._more_notes += 1

    def _write_notes(self) -> Iterator[bytes]:
        if not self._notes:
            return
        more = [f"and {self._more_notes} more"] if self._more_notes else []
        pieces = iter(["\n".join([*self._notes, *more, ""]).encode()])
        yield from self._content(NOTES, time.time(), lambda: next(pieces, b""))

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


def change_of(before: os.stat_result, after: os.stat_result, size: int) -> str | None:
    """What happened to a file while its first `size` bytes were read. Pure."""
    if size < before.st_size:
        return f"shrank while it was read: {size} bytes are here"
    if after.st_size > before.st_size:
        return f"grew while it was read: its first {size} bytes are here"
    # A name that is removed or added changes the second time, and not the content.
    named = after.st_nlink != before.st_nlink
    if after.st_mtime_ns != before.st_mtime_ns or (
        after.st_ctime_ns != before.st_ctime_ns and not named
    ):
        return "changed while it was read: parts of two states may be here"
    return None


def next_piece(pieces: Iterator[bytes]) -> bytes | None:
    """What the archive has to send after a moment of work; None after its end."""
    taken, deadline = bytearray(), time.monotonic() + _STEP_SECONDS
    for piece in pieces:
        taken += piece
        if len(taken) >= _STEP_BYTES or time.monotonic() >= deadline:
            return bytes(taken)
    return bytes(taken) or None
