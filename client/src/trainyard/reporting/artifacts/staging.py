"""Copies a file or folder beside its place in the run folder, with the manifest of the tree.

Guarantees:

- The manifest says what lies in the copy, also if a program writes meanwhile: each hash is made of
  the bytes that are written.
- Files of which two halves may come from two times are named.
- What is staged is durable before its name is known.

A copy is a hard link where the caller says that no program runs any more: gigabytes are then
neither written again nor counted twice. While a program runs, files are copied: it may write into a
file again, and a linked one would change with it.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Callable, Collection, Iterable
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from trainyard.reporting.artifacts.walk import Found, LeftOut, TooManyNames, Walk
from trainyard_api import contract
from trainyard_api.files.durability import make_durable
from trainyard_api.files.hashing import sha256_of
from trainyard_api.files.paths import path_problem, shown

TRIES = 3
"""How often a file that changes is copied."""
_CHUNK = 256 << 10
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
_FULL = (errno.ENOSPC, errno.EDQUOT)
_NO_FILE = (errno.ELOOP, errno.ENXIO)
"""What opening a link or a socket answers."""


class CannotStage(Exception):
    """Nothing was staged; the message is a sentence without its subject."""


class VolumeIsFull(CannotStage):
    """Nothing was staged, since the volume or its quota has no space left."""


class StagingStopped(Exception):
    """A stop signal arrived meanwhile."""


class Tree(NamedTuple):
    """A tree that is staged."""

    sha256: str
    """Hash of its manifest, which is its name."""
    files: int
    size_bytes: int
    notes: tuple[str, ...] = ()
    """Sentences on what was left out, and on what changed meanwhile."""


class _Copied(NamedTuple):
    sha256: str
    size: int
    executable: bool
    changed: bool


class _Manifest:
    """Writes the canonical form of a list of files (`trainyard_api.code`), entry by entry."""

    def __init__(self, file: BinaryIO, most_entries: int) -> None:
        self._file, self._digest = file, sha256_of(0)
        self._most = most_entries
        self.entries = self.size = 0
        self._write(b'{"entries":[')

    def add(self, **entry: Any) -> None:
        """Add what comes next in the order of paths. Raises CannotStage."""
        text = json.dumps(entry, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        self._write(b"," * (self.entries > 0) + text.encode())
        self.entries += 1
        if self.entries > self._most:
            raise CannotStage(f"it holds more than {self._most:,} files and links")
        if self.size > contract.MAX_TREE_MANIFEST_BYTES:
            raise CannotStage(f"the list of its files has more than {self.size >> 20} MiB")

    def ended(self) -> str:
        """The hash of the whole."""
        self._write(b"]}")
        return str(self._digest.hexdigest())

    def _write(self, text: bytes) -> None:
        self._file.write(text)
        self._digest.update(text)
        self.size += len(text)


class Stager:
    """Stages one tree into a folder that is there and empty."""

    def __init__(
        self,
        place: Path,
        *,
        linked: bool,
        stopped: Callable[[], bool] = lambda: False,
        most_entries: int = contract.MAX_TREE_ENTRIES,
    ) -> None:
        """`linked`: files are hard links where that is possible."""
        self._most = most_entries
        self._files, self._place = place / contract.TREE_FILES, place
        self._linked, self._stopped = linked, stopped
        self._left_out = LeftOut()
        self._changed = LeftOut()
        self._number = self._bytes = 0
        self._made = ""
        self._buffer = bytearray(_CHUNK)

    def stage(self, source: Path, without: Collection[Path] = (), called: str = "") -> Tree:
        """Stage a folder but for the folders `without`, or a file as a tree of one.

        `source` is a real path; a file is called `called` in its tree, by default as it is.
        Raises CannotStage, of that VolumeIsFull, and StagingStopped.
        """
        try:
            return self._staged(source, without, called or source.name)
        except TooManyNames as error:
            raise CannotStage(str(error)) from error
        except OSError as error:
            kind = VolumeIsFull if is_full(error) else CannotStage
            raise kind(reason(error)) from error

    def _staged(self, source: Path, without: Collection[Path], called: str) -> Tree:
        is_folder = source.is_dir()
        found: Iterable[Found]
        found = Walk(source, without, self._left_out) if is_folder else [Found(_checked(called))]
        self._files.mkdir()
        with (self._place / contract.TREE_MANIFEST).open("wb") as file:
            manifest = _Manifest(file, self._most)
            for entry in found:
                self._check_stop()
                self._add(manifest, source / entry.path if is_folder else source, entry)
            sha256 = manifest.ended()
        if not manifest.entries:
            said = self._left_out.sentence()
            raise CannotStage("nothing is in it" + (f" ({said})" if said else ""))
        make_durable(self._place)
        return Tree(sha256, self._number, self._bytes, self._notes())

    def _notes(self) -> tuple[str, ...]:
        out, changed = self._left_out.sentence(), self._changed.sentence()
        return (
            *([f"left out: {out}"] if out else []),
            *(
                [f"changed while they were copied, and may be half old: {changed}"]
                if changed
                else []
            ),
        )

    def _add(self, manifest: _Manifest, place: Path, entry: Found) -> None:
        if entry.target:
            manifest.add(path=entry.path, target=entry.target)
        elif entry.is_folder:
            manifest.add(path=entry.path, folder=True)
        elif (copied := self._file(place, entry.path)) is not None:
            mode = {"executable": True} if copied.executable else {}
            manifest.add(path=entry.path, sha256=copied.sha256, size=copied.size, **mode)
            self._number += 1
            self._bytes += copied.size
            if copied.changed:
                self._changed.add(entry.path, "")

    def _file(self, source: Path, path: str) -> _Copied | None:
        """Stage one file; None if it is left out."""
        target = self._files / path
        above = path.rpartition("/")[0]
        if above != self._made:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._made = above
        try:
            copied = self._staged_file(source, target)
        except FileNotFoundError:
            # Removed meanwhile.
            return None
        except PermissionError as error:
            self._left_out.add(path, f"cannot be read: {error.strerror}")
            return None
        except OSError as error:
            if error.errno not in _NO_FILE:
                raise
            copied = None
        if copied is None:
            self._left_out.add(path, "is no regular file")
        return copied

    def _staged_file(self, source: Path, target: Path) -> _Copied | None:
        if self._linked and (linked := self._link(source, target)) is not None:
            return linked
        for _ in range(TRIES):
            copied = self._copy(source, target)
            if copied is None or not copied.changed:
                break
        return copied

    def _link(self, source: Path, target: Path) -> _Copied | None:
        """Link and hash; None if it has to be copied."""
        try:
            os.link(source, target, follow_symlinks=False)
        except FileNotFoundError:
            raise
        except OSError:
            # Another file system, one without links, too many of them, or another owner's file.
            return None
        try:
            handle = os.open(target, _READ)
        except OSError:
            target.unlink()
            raise
        with os.fdopen(handle, "rb", buffering=0) as old:
            before = os.fstat(handle)
            copied = self._read(old, before, None) if stat.S_ISREG(before.st_mode) else None
        if copied is None or copied.changed:
            # Another worker still writes it.
            target.unlink()
            return None
        return copied

    def _copy(self, source: Path, target: Path) -> _Copied | None:
        """Copy and hash; None if it is no regular file."""
        with os.fdopen(os.open(source, _READ), "rb", buffering=0) as old:
            before = os.fstat(old.fileno())
            if not stat.S_ISREG(before.st_mode):
                return None
            mode = 0o755 if before.st_mode & stat.S_IXUSR else 0o644
            with os.fdopen(os.open(target, _WRITE, mode), "wb", buffering=0) as new:
                return self._read(old, before, new)

    def _read(self, old: FileIO, before: os.stat_result, new: FileIO | None) -> _Copied:
        """Hash as many bytes as the file had, and write them to `new`; zeros become holes."""
        digest, size = sha256_of(before.st_size), 0
        view = memoryview(self._buffer)
        while size < before.st_size:
            number = old.readinto(view[: before.st_size - size])
            if not number:
                break
            self._check_stop()
            digest.update(view[:number])
            if new is not None:
                _write(new, self._buffer, number)
            size += number
        if new is not None:
            new.truncate(size)
        after = os.fstat(old.fileno())
        changed = (after.st_mtime_ns, after.st_size) != (before.st_mtime_ns, size)
        return _Copied(digest.hexdigest(), size, bool(before.st_mode & stat.S_IXUSR), changed)

    def _check_stop(self) -> None:
        if self._stopped():
            raise StagingStopped


def is_full(error: Exception) -> bool:
    """Whether there was no space: another time there may be. Pure."""
    return isinstance(error, VolumeIsFull) or getattr(error, "errno", None) in _FULL


def reason(error: Exception) -> str:
    """Why something could not be staged, in words. Pure."""
    if not isinstance(error, OSError):
        return str(error)
    if is_full(error):
        return "the data volume is full"
    if error.errno == errno.EFBIG:
        return "a file of it is larger than the data volume or a limit of the pod allows"
    return f"it cannot be staged ({error})"


def _checked(name: str) -> str:
    """The name of a file as a path of its tree. Raises CannotStage."""
    wrong = path_problem(name)
    if wrong is not None:
        raise CannotStage(f"{shown(name)}: {wrong}")
    return name


def _write(new: FileIO, buffer: bytearray, number: int) -> None:
    """Write the first bytes of a buffer; zeros alone become a hole."""
    if not buffer[0] and buffer.count(0, 0, number) == number:
        new.seek(number, os.SEEK_CUR)
        return
    view = memoryview(buffer)[:number]
    while view:
        view = view[new.write(view) :]
