"""The folder on this computer that a version of a model is restored into.

Guarantees, beside those of `trainyard.files.tree`:

- The list of files is the one that the version is named by, and every file has its hash.
- A link stays inside of the folder. Links are made last, so that nothing is written through one.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

import httpx

from trainyard.errors import BadAnswer
from trainyard.files.answers import RunFile
from trainyard.files.tree import Place, Tree, shown
from trainyard.transfer import Download, Progress, hash_of
from trainyard.trees.answers import VersionFile
from trainyard_api.code import CodeManifest, bundle_name, problem


class ContentDownload(Download):
    """A download of one file of a version."""

    def __init__(self, target: Path, sha256: str, progress: Progress) -> None:
        super().__init__(target, progress)
        self._wanted = sha256

    def begin(self, response: httpx.Response) -> None:
        """Read the headers. Raises BadAnswer where they are of another file."""
        super().begin(response)
        if self._expected != self._wanted:
            raise BadAnswer("the gateway sent another file than the one in its list")


class VersionFolder(Tree):
    """A folder that is filled with a version. Everything blocks."""

    def free_place(self, file: VersionFile) -> Place | None:
        """Where a file has to be written; None if it is there, or something else is."""
        place = self.place(file.place.split("/"))
        if place is None:
            return None
        if _is_file(place.target, file):
            self._done(place, file)
            return None
        return place

    def keep_file(self, place: Place, part: Path, file: VersionFile) -> None:
        """Give a complete file its name."""
        if self._put(part, place):
            self._done(place, file)

    def finish(self, files: Sequence[VersionFile]) -> None:
        """Make empty folders and links."""
        for file in files:
            parts = file.place.split("/")
            if file.kind == "folder":
                self.make_folder(parts)
        for file in files:
            if file.kind == "link" and file.target is not None:
                self._link(file.place.split("/"), file.target)
        self.close()

    def _link(self, parts: Sequence[str], target: str) -> None:
        place = self.place(parts)
        if place is None:
            return
        if os.path.lexists(place.target):
            same = place.target.is_symlink() and str(place.target.readlink()) == target
            if not same:
                self.fetched.not_whole.append(f"{shown(parts)}: {place.target} is there, no link")
            return
        try:
            place.target.symlink_to(target)
        except OSError as error:
            self.fetched.left_out.append(f"{shown(parts)} is a link to {target} ({error.strerror})")

    def _done(self, place: Place, file: VersionFile) -> None:
        if file.executable:
            mode = stat.S_IMODE(place.target.stat().st_mode)
            place.target.chmod(mode | (mode & 0o444) >> 2)
        self.count(RunFile(name=file.name, path=file.path, kind="file", size_bytes=file.size_bytes))


def check_list(files: Sequence[VersionFile], kind: str, sha256: str) -> None:
    """Whether these are the files of the version with that hash. Raises BadAnswer. Pure."""
    wrong: str | None = None
    try:
        manifest = CodeManifest(entries=[file.entry for file in files])
        wrong = problem(manifest)
        name = bundle_name(manifest.text()) if kind == "tree" else files[0].sha256
    except (ValueError, IndexError) as error:
        wrong, name = str(error)[:200], ""
    if wrong is not None or name != sha256:
        raise BadAnswer(
            f"the gateway's list of files is not that of the version {sha256[:12]}…"
            f"{f': {wrong}' if wrong else ''}; it was changed or damaged"
        )


def _is_file(target: Path, file: VersionFile) -> bool:
    """Whether a file is there with this content."""
    try:
        found = target.lstat()
    except OSError:
        return False
    regular = stat.S_ISREG(found.st_mode) and found.st_size == file.size_bytes
    return regular and hash_of(target) == file.sha256
