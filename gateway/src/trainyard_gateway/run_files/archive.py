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
import time
from collections.abc import Callable, Iterator
from contextlib import closing

from trainyard_api.files.names import portable
from trainyard_gateway.run_files import opening
from trainyard_gateway.run_files.opening import NotAFileError, OpenFile
from trainyard_gateway.run_files.zip_stream import CHUNK, ZipStream

DEEPEST = 64
"""Folders in each other; each holds a handle while it is read."""


class Archive(ZipStream):
    """The archive of one folder. Everything blocks."""

    def __init__(
        self, folder: int, top: str, is_top: bool, clock: Callable[[], float] = time.time
    ) -> None:
        """`folder`: a handle, which `close` closes; `top`: the folder in the archive.

        `is_top`: whether it is the folder of the session itself. `clock`: seconds since the epoch.
        """
        super().__init__(top)
        self._clock = clock
        self._folder, self._is_top = folder, is_top

    def members(self) -> Iterator[bytes]:
        """The bytes of what is in the folder."""
        yield from self._walk(self._folder, (self._top,), ())

    def close(self) -> None:
        """Give back what the archive holds; its pieces must be closed before."""
        os.close(self._folder)
        super().close()

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
                    self.note(inner, "vanished before it was read")
                except NotAFileError as error:
                    what = "a link, which is not followed" if error.kind == opening.LINK else (
                        "a folder by now" if error.kind == opening.FOLDER else
                        "a pipe, a socket or a device"
                    )  # fmt: skip
                    self.note(inner, f"left out: it is {what}")
                except OSError as error:
                    self.note(inner, f"left out: it cannot be read ({error.strerror})")

    def _one(
        self, folder: int, name: str, place: tuple[str, ...], shown: tuple[str, ...]
    ) -> Iterator[bytes]:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISDIR(found.st_mode):
            with closing(opening.open_in(folder, name)) as file:
                yield from self._file(file, "/".join(place), shown)
        elif len(shown) > DEEPEST:
            self.note(shown, f"left out: it lies below {DEEPEST} folders")
        else:
            inner = os.open(name, opening.FOLDER_FLAGS, dir_fd=folder)
            try:
                yield self.folder_entry("/".join(place), found.st_mtime)
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

        yield from self.content(name, before.st_mtime, read)
        if failed:
            self.note(shown, f"could be read up to byte {size} only ({failed})")
        elif change := change_of(before, os.fstat(file.handle), size):
            self.note(shown, change)
        elif not settled:
            self.note(shown, "was written just before it was read: it may be half of a change")


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
