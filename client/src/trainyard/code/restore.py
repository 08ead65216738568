"""A bundle as a folder again: files with their content, links, empty folders.

Guarantees: the folder is there when it is whole, and not before; nothing is written outside of it,
since links are made last and no path leads through one.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO

from trainyard.code.refusals import CannotRestore
from trainyard_api.code import CodeEntry, CodeManifest, bundle_name, problem
from trainyard_api.files.paths import shown


class Restore:
    """Writes one bundle into a new folder beside `folder`, which then takes its name."""

    def __init__(self, name: str, manifest: CodeManifest, folder: Path) -> None:
        """Raises CannotRestore for an unsound manifest, and a folder that is in the way."""
        wrong = problem(manifest)
        if wrong is not None or bundle_name(manifest.text()) != name:
            raise CannotRestore(
                f"the gateway's list of files is not that of the bundle {name[:12]}…"
                f"{f': {wrong}' if wrong else ''}; it was changed or damaged"
            )
        require_free(folder)
        self._folder, self._manifest = folder, manifest
        self._paths: dict[str, list[CodeEntry]] = {}
        for entry in manifest.files:
            self._paths.setdefault(str(entry.sha256), []).append(entry)
        folder.parent.mkdir(parents=True, exist_ok=True)
        self._part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        self._file: BinaryIO | None = None
        self._written: set[str] = set()

    def take(self, sha256: str, size: int, piece: bytes) -> None:
        """The next bytes of a content; a content begins with empty bytes. Raises CannotRestore."""
        if not piece:
            self._close()
            entries = self._paths.get(sha256)
            if entries is None or entries[0].size != size:
                raise CannotRestore(f"the gateway sent a content that the bundle lacks: {sha256}")
            self._file = self._create(entries[0])
            self._written.add(sha256)
        elif self._file is not None:
            self._file.write(piece)

    def finish(self) -> None:
        """Make the rest and give the folder its name. Raises CannotRestore and OSError."""
        self._close()
        lacking = self._paths.keys() - self._written
        if lacking:
            raise CannotRestore(f"the gateway sent {len(lacking)} contents too few; try again")
        for first, *others in self._paths.values():
            self._set_mode(first)
            for entry in others:
                self._create(entry).close()
                shutil.copyfile(self._part / first.path, self._part / entry.path)
                self._set_mode(entry)
        for entry in self._manifest.entries:
            if entry.folder:
                (self._part / entry.path).mkdir(parents=True, exist_ok=True)
        for entry in self._manifest.entries:
            if entry.target is not None:
                (self._part / entry.path).parent.mkdir(parents=True, exist_ok=True)
                (self._part / entry.path).symlink_to(entry.target)
        self._part.chmod(0o777 & ~_umask())
        self._part.rename(self._folder)

    def abandon(self) -> None:
        """Remove what was written; nothing happens after `finish`."""
        self._close()
        shutil.rmtree(self._part, ignore_errors=True)

    def _create(self, entry: CodeEntry) -> BinaryIO:
        path = self._part / entry.path
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return path.open("xb")
        except FileExistsError as error:
            raise CannotRestore(
                f"{shown(entry.path)} is there already: this disk does not tell capital from small "
                "letters, and the bundle has files that differ by them alone; use another disk"
            ) from error

    def _set_mode(self, entry: CodeEntry) -> None:
        if entry.executable:
            path = self._part / entry.path
            path.chmod(0o777 & ~_umask())

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def require_free(folder: Path) -> None:
    """Raises CannotRestore unless `folder` is absent or empty."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise CannotRestore(f"{shown(str(folder))} is no folder; give the name of a new one")
    if folder.is_dir() and any(folder.iterdir()):
        raise CannotRestore(f"the folder {shown(str(folder))} is not empty; give a new one")


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
