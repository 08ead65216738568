"""Copies a staged tree into a folder of the gateway, and compares every hash.

A copy and no hard link: the pod could write to its inode. Each content is there once, however many
files have it.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from trainyard_api.code import CodeEntry, CodeManifest
from trainyard_api.files.paths import shown
from trainyard_gateway.errors import BadRequest
from trainyard_gateway.files.file_store import CHUNK, make_folder, sync_folder
from trainyard_gateway.run_files.opening import OpenFile
from trainyard_gateway.trees import layout
from trainyard_gateway.trees.pickles import has_name_of_pickle, is_pickle

_STEP_SECONDS = 0.1
_SYNCING = 8
"""Files that are made durable at a time: the disk writes them together."""
_SYNCED_AT_ONCE = 256


class TreeCopy:
    """One tree on its way into the folder `into`. Everything blocks."""

    def __init__(
        self,
        manifest: CodeManifest,
        into: Path,
        staged: Callable[[str], OpenFile],
        require: Callable[[int], None],
    ) -> None:
        """`staged`: opens a file by its path; `require`: raises where no more bytes fit."""
        self._manifest, self._into = manifest, into
        self._staged, self._require = staged, require
        self.has_pickles = any(has_name_of_pickle(entry.path) for entry in manifest.files)
        """Whether a file is a pickle, by its name or, after the copy, by its content."""

    def steps(self) -> Iterator[None]:
        """Copies; each step is a place to pause. Raises BadRequest, OutOfSpace and OSError."""
        (self._into / layout.MANIFEST).write_bytes(self._manifest.text())
        (self._into / layout.MANIFEST).chmod(0o640)
        for name in (layout.CONTENTS, layout.PICKLES):
            make_folder(self._into / name)
        first = {str(entry.sha256): entry for entry in reversed(self._manifest.files)}
        for sha256, entry in first.items():
            yield from self._one(entry, self._into / layout.CONTENTS / sha256)
        yield from self._make_durable()

    def _one(self, entry: CodeEntry, target: Path) -> Iterator[None]:
        digest, left = hashlib.sha256(), entry.size or 0
        with closing(self._staged(entry.path)) as file, target.open("xb+") as copy:
            if file.stat.st_size != left:
                raise BadRequest(
                    f"{shown(entry.path)!r} has {file.stat.st_size} bytes, and the manifest says "
                    f"{left}; stage it again"
                )
            while left and (chunk := os.read(file.handle, min(CHUNK, left))):
                if chunk.count(0) == len(chunk):
                    # What may be a hole of a sparse file becomes one.
                    copy.seek(len(chunk), os.SEEK_CUR)
                else:
                    self._require(len(chunk))
                    copy.write(chunk)
                digest.update(chunk)
                left -= len(chunk)
                yield
            copy.truncate()
            copy.flush()
            if digest.hexdigest() != entry.sha256:
                # The hash of the file is not shown: the file may not be the session's.
                raise BadRequest(
                    f"{shown(entry.path)!r} has another hash than the manifest says; stage it again"
                )
            os.fchmod(copy.fileno(), 0o640)
            if is_pickle(copy.fileno()):
                self.has_pickles = True
                target.rename(self._into / layout.PICKLES / target.name)
        yield

    def _make_durable(self) -> Iterator[None]:
        folders = [self._into / layout.CONTENTS, self._into / layout.PICKLES]
        waiting: list[Path] = [self._into / layout.MANIFEST]
        with ThreadPoolExecutor(_SYNCING) as pool:
            for folder in folders:
                for path in folder.iterdir():
                    waiting.append(path)
                    if len(waiting) >= _SYNCED_AT_ONCE:
                        list(pool.map(sync_folder, waiting))
                        waiting.clear()
                        yield
            list(pool.map(sync_folder, [*waiting, *folders, self._into]))


def advance(steps: Iterator[None]) -> bool:
    """Work for a moment; whether there is more to do."""
    deadline = time.monotonic() + _STEP_SECONDS
    return any(time.monotonic() >= deadline for _ in steps)
