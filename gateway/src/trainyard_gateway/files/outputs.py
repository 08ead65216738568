"""Reads files that the program of a session has written.

Guarantees:

- No file outside of the folder is read: each part of the path is opened without following links.
- Only a regular file of the announced size is read.
- The event loop never waits for the volume.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from trainyard_gateway.errors import BadRequest
from trainyard_gateway.files.file_store import CHUNK

_FOLDER = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY
# O_NONBLOCK: to open a pipe would wait for a writer, without end.
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


async def read_inside(root: Path, parts: Sequence[str], size: int) -> AsyncIterator[bytes]:
    """The file at `root/parts…` in pieces.

    Raises BadRequest if it is missing, is not a regular file, or does not have `size` bytes.
    """
    handle = await asyncio.to_thread(open_inside, root, parts)
    try:
        _check(handle, size)
        left = size
        while left and (chunk := await asyncio.to_thread(os.read, handle, min(CHUNK, left))):
            left -= len(chunk)
            yield chunk
    finally:
        os.close(handle)


def open_inside(root: Path, parts: Sequence[str]) -> int:
    """A handle of the file at `root/parts…`. Raises BadRequest."""
    if any(part in ("", ".", "..") or "/" in part or "\0" in part for part in parts):
        raise BadRequest("the run left no model file")
    try:
        with folder_inside(root, parts[:-1]) as folder:
            # The last part may be anything; what it is, is asked of the handle.
            return os.open(parts[-1], FILE, dir_fd=folder)
    except OSError as error:
        raise BadRequest(f"the run left no model file: {error.strerror}") from error


@contextmanager
def folder_inside(root: Path, parts: Sequence[str]) -> Iterator[int]:
    """A handle of the folder at `root/parts…`. Raises OSError if a part is not a folder."""
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in parts:
            inner = os.open(part, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


def _check(handle: int, size: int) -> None:
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        raise BadRequest("the run left no model file: what is there is no regular file")
    if found.st_size != size:
        raise BadRequest(f"the model's file has {found.st_size} bytes, not {size}")
