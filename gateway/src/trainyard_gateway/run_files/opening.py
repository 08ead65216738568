"""Opens what a program has left in its session's folder, and nothing else.

Guarantees:

- Each part of a path is opened below the one before it, without following links. A program that
  exchanges folders and links meanwhile leads nowhere else.
- Nothing but a regular file is opened for reading. What it is, is asked of a handle that reads
  nothing, so that no pipe wakes up and no device moves.
- Everything blocks; the event loop never waits for the volume.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trainyard_api import contract
from trainyard_gateway.files.outputs import folder_inside

SETTLED_SECONDS = 2.0
"""A file that changed later may change again within the same tick of the filesystem's clock."""
_HIDDEN = frozenset({contract.SPOOL, contract.ARTIFACTS.partition("/")[0]})
FOLDER, FILE, LINK, OTHER = "folder", "file", "link", "other"
FOLDER_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC


class NotAFileError(Exception):
    """What is there is no regular file; `kind` says what it is."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A regular file, open for reading; its user closes it."""

    handle: int
    stat: os.stat_result

    @property
    def path(self) -> str:
        """Where this process finds the file that is open, also when its name leads elsewhere."""
        return f"/proc/self/fd/{self.handle}"

    def close(self) -> None:
        """Close it."""
        os.close(self.handle)


def is_hidden(parts: Sequence[str]) -> bool:
    """Whether a path leads to what belongs to Trainyard: what is not delivered yet."""
    return bool(parts) and parts[0] in _HIDDEN


def open_file(root: Path, parts: Sequence[str]) -> OpenFile:
    """The file at `root/parts…`. Raises OSError and NotAFileError."""
    with folder_inside(root, parts[:-1]) as folder:
        return open_in(folder, parts[-1])


def open_in(folder: int, name: str) -> OpenFile:
    """A file of an open folder. Raises OSError and NotAFileError."""
    seen = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        kind = kind_of(os.fstat(seen))
        if kind != FILE:
            raise NotAFileError(kind)
        handle = os.open(f"/proc/self/fd/{seen}", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(seen)
    return OpenFile(handle, os.fstat(handle))


def kind_of(found: os.stat_result) -> str:
    """`folder`, `file`, `link` or `other`."""
    if stat.S_ISDIR(found.st_mode):
        return FOLDER
    if stat.S_ISREG(found.st_mode):
        return FILE
    return LINK if stat.S_ISLNK(found.st_mode) else OTHER


def is_settled(found: os.stat_result, now: float | None = None) -> bool:
    """Whether another change of the file would show in its times."""
    newest = max(found.st_mtime, found.st_ctime)
    return (time.time() if now is None else now) - newest >= SETTLED_SECONDS


def entity_tag(found: os.stat_result, now: float | None = None) -> str:
    """The ETag of a file's content, without reading it; a weak one while the file may change."""
    facts = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    weak = "" if is_settled(found, now) else "W/"
    return f'{weak}"{"-".join(f"{fact:x}" for fact in facts)}"'
