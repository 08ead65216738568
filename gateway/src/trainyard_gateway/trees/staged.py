"""Reads what a session staged to be registered, in `runs/<session UID>/.trainyard/artifacts`.

Guarantees:

- Nothing outside of the session's folder is read or removed: each part of a path is opened below
  the one before it, without following links.
- Only regular files are read; a manifest and a report have bounds.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from trainyard_api import contract
from trainyard_api.files.paths import shown
from trainyard_gateway.errors import BadRequest
from trainyard_gateway.files.outputs import folder_inside
from trainyard_gateway.run_files import opening
from trainyard_gateway.run_files.opening import NotAFileError, OpenFile

MAX_REPORT_BYTES = 64 << 10
AT_ONCE = 100
"""Reports of one look; a program may have left more than fits into memory."""
UNFINISHED_SECONDS = 3600.0
"""How long an incomplete folder must be unchanged to count as abandoned."""
_PLACE = tuple(contract.ARTIFACTS.split("/"))
_TREE = re.compile(r"[0-9a-f]{64}")
_REPORT = re.compile(rf"{re.escape(contract.TREE_REPORT_PREFIX)}[A-Za-z0-9._-]{{1,200}}\.json")


@dataclass(frozen=True, slots=True, order=True)
class PendingReport:
    """The report of a tree that was not delivered."""

    tree: str
    file: str


class StagedTrees:
    """The staged trees of all sessions. Everything blocks."""

    def __init__(self, runs: Path) -> None:
        self._runs = runs

    def manifest(self, uid: str, tree: str) -> bytes:
        """The manifest of a tree as it lies there. Raises BadRequest."""
        file = self._open((uid, *_PLACE, tree, contract.TREE_MANIFEST), "the manifest of the tree")
        with closing(file):
            found = _read(file, contract.MAX_TREE_MANIFEST_BYTES)
        if found is None:
            raise BadRequest(
                f"the manifest of the tree has {file.stat.st_size} bytes, and "
                f"{contract.MAX_TREE_MANIFEST_BYTES} are accepted; register a part of it"
            )
        return found

    def file(self, uid: str, tree: str, path: str) -> OpenFile:
        """A file of a tree, which the caller closes. Raises BadRequest."""
        place = (uid, *_PLACE, tree, contract.TREE_FILES, *path.split("/"))
        return self._open(place, f"the file {shown(path)!r} of the tree")

    def pending(self, uid: str) -> list[PendingReport]:
        """The first `AT_ONCE` reports that a session has left. Raises OSError."""
        reports = (
            PendingReport(tree, name)
            for tree in self._names((uid, *_PLACE))
            if _TREE.fullmatch(tree)
            for name in self._names((uid, *_PLACE, tree))
            if _REPORT.fullmatch(name)
        )
        return sorted(islice(reports, AT_ONCE))

    def report(self, uid: str, pending: PendingReport) -> bytes | None:
        """The text of a report; None if it is no regular file or too large. Raises OSError."""
        try:
            file = opening.open_file(self._runs, (uid, *_PLACE, pending.tree, pending.file))
        except NotAFileError:
            return None
        with closing(file):
            return _read(file, MAX_REPORT_BYTES)

    def remove_report(self, uid: str, pending: PendingReport) -> None:
        """Remove a report, and its tree if no other report names it. Raises OSError."""
        place = (uid, *_PLACE, pending.tree)
        with suppress(FileNotFoundError, NotADirectoryError), folder_inside(self._runs, place) as f:
            _remove(f, pending.file)
        if not any(_REPORT.fullmatch(name) for name in self._names(place)):
            self._remove_tree(uid, pending.tree)

    def remove_abandoned(self, uid: str, now: float | None = None) -> bool:
        """Remove what has no report and was not changed for an hour; whether nothing is left.

        For sessions that have ended. Raises OSError.
        """
        before = (time.time() if now is None else now) - UNFINISHED_SECONDS
        left = False
        for name in list(islice(self._names((uid, *_PLACE)), AT_ONCE)):
            with suppress(FileNotFoundError), folder_inside(self._runs, (uid, *_PLACE)) as folder:
                found = os.stat(name, dir_fd=folder, follow_symlinks=False)
                named = self._names((uid, *_PLACE, name)) if _TREE.fullmatch(name) else ()
                if any(_REPORT.fullmatch(inner) for inner in named) or found.st_mtime > before:
                    left = True
                else:
                    _remove(folder, name)
        return not left

    def _remove_tree(self, uid: str, tree: str) -> None:
        with (
            suppress(FileNotFoundError, NotADirectoryError),
            folder_inside(self._runs, (uid, *_PLACE)) as folder,
        ):
            _remove(folder, tree)

    def _open(self, parts: tuple[str, ...], what: str) -> OpenFile:
        if any(part in ("", ".", "..") or "/" in part or "\0" in part for part in parts):
            raise BadRequest(f"{what} has no place in the session's folder")
        try:
            return opening.open_file(self._runs, parts)
        except NotAFileError as error:
            raise BadRequest(f"{what} is no regular file") from error
        except OSError as error:
            raise BadRequest(f"{what} cannot be read: {error.strerror}") from error

    def _names(self, place: tuple[str, ...]) -> Iterator[str]:
        with (
            suppress(FileNotFoundError, NotADirectoryError),
            folder_inside(self._runs, place) as folder,
            os.scandir(folder) as entries,
        ):
            yield from (entry.name for entry in entries)


def _read(file: OpenFile, most: int) -> bytes | None:
    """The whole content; None if it has more bytes."""
    if file.stat.st_size > most:
        return None
    pieces, left = [], most + 1
    while left and (piece := os.read(file.handle, min(left, 1 << 20))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces) if left else None


def _remove(folder: int, name: str) -> None:
    """Remove a name from an open folder, with what is below it; no link is followed."""
    try:
        os.unlink(name, dir_fd=folder)
    except IsADirectoryError:
        shutil.rmtree(name, dir_fd=folder)
