"""Files on the volume, each complete or absent.

Guarantees:

- No file is visible under its final name before it is complete, hashed and durable (file and folder
  fsynced).
- Incomplete files are in `.incoming` and are removed at the next start.
- A start moves folders that no row names to `.lost`, since the database may be the wrong one.
- Memory does not grow with the size of files. The reserve of free space stays free.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import re
import shutil
import time
import uuid
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from trainyard_gateway.errors import OutOfSpace

FOLDER_MODE = 0o2770
CHUNK = 1 << 20
LOST_SECONDS = 30 * 86_400.0
"""How long folders that no row names are kept aside."""
_IDENTITY = re.compile(r"[0-9a-f]{32}")
"""What folders of datasets and models are called."""


@dataclass(frozen=True, slots=True)
class Received:
    """A complete and durable temporary file."""

    path: Path
    sha256: str
    size_bytes: int


class FileStore:
    """A folder of folders with generated names, on one filesystem so that renames are atomic."""

    def __init__(self, root: Path, reserve_bytes: int) -> None:
        self.root = root
        self._incoming = root / ".incoming"
        self._lost = root / ".lost"
        self._reserve = reserve_bytes

    def open(self) -> None:
        """Make the folders of this store. Raises OSError."""
        make_folder(self.root)
        make_folder(self._incoming)

    def clean(self, known: Collection[str], older_than: float, aside: bool = True) -> list[str]:
        """Remove incomplete files. Move folders that are not `known` to `.lost`, or remove them.

        Only those that have not changed for `older_than` seconds: if several gateways share the
        volume, another one may be writing them. Folders in `.lost` are removed after LOST_SECONDS.
        Returns the names of the unknown folders.
        """
        limit = self.clean_incoming(older_than)
        orphans = [
            path.name
            for path in self.root.iterdir()
            if _IDENTITY.fullmatch(path.name)
            and path.name not in known
            and path.lstat().st_mtime <= limit
        ]
        for name in orphans:
            if aside:
                self._put_aside(name)
            else:
                self.remove(name)
        for path in self._lost.iterdir() if self._lost.is_dir() else ():
            if path.lstat().st_mtime <= time.time() - LOST_SECONDS:
                shutil.rmtree(path, ignore_errors=True)
        return orphans

    def clean_incoming(self, older_than: float) -> float:
        """Remove incomplete files that have not changed for `older_than` seconds.

        Returns the time before which they were changed, in seconds since the epoch.
        """
        limit = time.time() - older_than
        for path in self._incoming.iterdir():
            if path.lstat().st_mtime <= limit:
                remove_anything(path)
        return limit

    def _put_aside(self, folder: str) -> None:
        make_folder(self._lost)
        (self.root / folder).replace(self._lost / folder)
        os.utime(self._lost / folder)

    async def receive(self, chunks: AsyncIterator[bytes], declared: int | None = None) -> Received:
        """Write a stream to a temporary file. Raises OutOfSpace before the reserve is touched."""
        self.require(declared or 0)
        path = self._incoming / uuid.uuid4().hex
        digest, size = hashlib.sha256(), 0
        try:
            with path.open("xb") as file:
                async for chunk in chunks:
                    size += len(chunk)
                    self.require(len(chunk))
                    await asyncio.to_thread(_append, file, digest, chunk)
                await asyncio.to_thread(_sync_file, file)
        except BaseException as error:
            path.unlink(missing_ok=True)
            if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                raise OutOfSpace("the volume is full; delete datasets or models first") from error
            raise
        return Received(path, digest.hexdigest(), size)

    def keep(self, received: Received, folder: str, file: str) -> Path:
        """Move a received file to `<root>/<folder>/<file>` and make the move durable."""
        target = self.root / folder
        make_folder(target)
        received.path.chmod(0o640)
        received.path.replace(target / file)
        for path in (target, self.root):
            sync_folder(path)
        return target / file

    def new_folder(self) -> Path:
        """A new folder for what is not complete yet."""
        path = self._incoming / uuid.uuid4().hex
        make_folder(path)
        return path

    def keep_folder(self, made: Path, folder: str) -> None:
        """Move a folder whose content is durable to `<root>/<folder>`, and make that durable."""
        made.replace(self.root / folder)
        sync_folder(self.root)

    def discard(self, received: Received) -> None:
        """Remove a received file; a file that was kept or removed is ignored."""
        received.path.unlink(missing_ok=True)

    def remove(self, folder: str) -> None:
        """Remove a folder with its content; an absent folder is ignored."""
        shutil.rmtree(self.root / folder, ignore_errors=True)

    def remove_files(self, folder: str, unwanted: Callable[[str], bool]) -> None:
        """Remove the files of a folder whose names are unwanted."""
        for path in (self.root / folder).glob("*"):
            if unwanted(path.name):
                path.unlink(missing_ok=True)

    def require(self, more: int) -> None:
        """Whether `more` bytes leave the reserve free. Raises OutOfSpace."""
        if shutil.disk_usage(self.root).free - more < self._reserve:
            raise OutOfSpace(
                f"the volume has less than {self._reserve >> 20} MiB left over; delete datasets or models first"
            )


def remove_anything(path: Path) -> None:
    """Remove a file, or a folder with its content; fine when there is none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """Make a folder and its parents. The group may write them, and owns what is in them."""
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(exist_ok=True)
    # mkdir takes no setgid bit, and the umask the rest.
    path.chmod(FOLDER_MODE)


def _append(file: BinaryIO, digest: hashlib._Hash, chunk: bytes) -> None:
    file.write(chunk)
    digest.update(chunk)


def _sync_file(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
