"""The folder on this computer that files of a session are written into.

Names come from a gateway, and from a program behind it: neither is trusted.

Guarantees:

- Nothing is written outside of the folder: each name becomes one part of a path, and a link in the
  folder is not followed.
- What is there with other content stays. A file that is not complete lies in `PARTS`, and is
  continued by the next call.
"""

from __future__ import annotations

import errno
import filecmp
import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from trainyard.errors import BadAnswer
from trainyard.files.answers import RunFile
from trainyard.transfer import Progress, no_progress
from trainyard_api import timestamps
from trainyard_api.files.names import parts_of, portable
from trainyard_api.visible_text import visible

PARTS = ".trainyard-parts"
"""Folder with files that are not complete; it is removed when nothing is in it."""

PATIENCE_SECONDS = 10.0
"""How long a whole call waits for files that were written just before they were read."""
LONGEST_NAME = 255
"""Bytes of a name, as file systems have it."""
_IMPOSSIBLE_NAME = (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)


@dataclass
class Fetched:
    """What has become of the files of a folder."""

    files: int = 0
    """Files that are here now as the session had them."""
    size_bytes: int = 0
    renamed: list[str] = field(default_factory=list)
    """Files and folders that have another name here, each as a sentence."""
    left_out: list[str] = field(default_factory=list)
    """What was left out on purpose, such as links, each as a sentence."""
    not_whole: list[str] = field(default_factory=list)
    """What is not here as the session has it, each as a sentence."""


class Place(NamedTuple):
    """Where a file goes, and its path in the session's folder."""

    parts: tuple[str, ...]
    target: Path


class Tree:
    """A folder that is filled. Everything blocks."""

    def __init__(
        self, folder: Path, windows: bool = os.name == "nt", progress: Progress = no_progress
    ) -> None:
        """Raises OSError if `folder` cannot be made."""
        self.folder, self._windows, self._progress = folder, windows, progress
        folder.mkdir(parents=True, exist_ok=True)
        self.fetched = Fetched()
        self._patience = PATIENCE_SECONDS

    def may_wait(self, seconds: float) -> bool:
        """Whether there is patience left for this wait, which is then used up."""
        enough = self._patience >= seconds
        self._patience -= seconds if enough else 0.0
        return enough

    def place(self, below: Sequence[str]) -> Place | None:
        """Where something goes whose path has these parts; its folders are made.

        None, and a sentence, where something else is in the way.
        """
        path, names = self.folder, [portable(part, self._windows) for part in below]
        if any(len(os.fsencode(name)) > LONGEST_NAME for name in names):
            self.fetched.not_whole.append(f"{shown(below)}: its name would be too long here")
            return None
        *above, last = names
        for name in above:
            path = path / name
            if not self._is_folder(path, below):
                return None
        if len(below) == 1 and last == PARTS:
            self.fetched.left_out.append(f"{shown(below)}: files on their way here have that name")
            return None
        if last != below[-1]:
            self.fetched.renamed.append(f"{shown(below)} is {last} here")
        return Place(tuple(below), path / last)

    def make_folder(self, below: Sequence[str]) -> bool:
        """Make a folder; whether it is there now."""
        place = self.place(below)
        return place is not None and self._is_folder(place.target, below)

    def _is_folder(self, path: Path, below: Sequence[str]) -> bool:
        try:
            path.mkdir()
        except FileExistsError:
            if not path.is_symlink() and path.is_dir():
                return True
            self.fetched.not_whole.append(f"{shown(below)}: {path} is there and no folder")
        except OSError as error:
            self._require_name_alone(error, below)
        else:
            return True
        return False

    def _require_name_alone(self, error: OSError, below: Sequence[str]) -> None:
        """Raises the error again unless only this name is impossible here."""
        if error.errno not in _IMPOSSIBLE_NAME:
            raise error
        self.fetched.not_whole.append(f"{shown(below)} cannot be written here: {error.strerror}")

    def part_of(self, path: str) -> Path:
        """Where a file is written until it is complete; it is found again by its path."""
        parts = self.folder / PARTS
        parts.mkdir(exist_ok=True)
        return parts / hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()[:32]

    def keep(self, place: Place, part: Path, now: RunFile | None, wrong: str) -> None:
        """Give what was downloaded its name.

        `now`: the session's file, None if it is gone; `wrong`: why this is not it.
        """
        if now is None:
            part.unlink(missing_ok=True)
        elif not self._put(part, place):
            return
        if now is None or wrong:
            self.fetched.not_whole.append(f"{shown(place.parts)} {wrong}")
        else:
            self._set_time(place.target, now)
            self.count(now)

    def _put(self, part: Path, place: Place) -> bool:
        """Whether the content is at its place now."""
        target = place.target
        if not os.path.lexists(target):
            try:
                part.rename(target)
            except OSError as error:
                self._require_name_alone(error, place.parts)
                part.unlink()
                return False
            return True
        there = not target.is_symlink() and target.is_file()
        same = there and filecmp.cmp(part, target, shallow=False)
        part.unlink()
        if not same:
            self.fetched.not_whole.append(f"{target} is there with other content, which stays")
        return same

    def is_one_less(self, folder: str, whole: str, why: str) -> bool:
        """Note a folder that is gone; False for the one that was asked for."""
        if folder == whole:
            return False
        self.fetched.not_whole.append(
            f"{shown(parts_of(folder))} is gone or cannot be read ({why})"
        )
        return True

    def moved(self, done: int, total: int | None) -> None:  # noqa: ARG002  of one file
        """Bytes of the file that is on its way."""
        self._progress(self.fetched.size_bytes + done, None)

    def count(self, file: RunFile) -> None:
        """Count a file that is here."""
        self.fetched.files += 1
        self.fetched.size_bytes += file.size_bytes

    def leave_out(self, below: Sequence[str], file: RunFile) -> None:
        """Say that something is not fetched that is no file."""
        what = "a link" if file.kind == "link" else "a pipe, a socket or a device"
        to = f" to {file.target}" if file.target else ""
        self.fetched.left_out.append(f"{shown(below)} is {what}{to}")

    def close(self) -> None:
        """Remove the folder of parts where nothing is left in it."""
        with suppress(OSError):
            (self.folder / PARTS).rmdir()

    @staticmethod
    def _set_time(target: Path, file: RunFile) -> None:
        time = timestamps.parse(file.modified)
        if time is not None:
            nanoseconds = timestamps.to_micros(time) * 1000
            os.utime(target, ns=(nanoseconds, nanoseconds))


def is_here(target: Path, file: RunFile) -> bool:
    """Whether an earlier call has written this file: its size and its time are the same."""
    try:
        found = target.lstat()
    except FileNotFoundError:
        return False
    time = timestamps.parse(file.modified)
    micros = found.st_mtime_ns // 1000
    return (
        not target.is_symlink()
        and found.st_size == file.size_bytes
        and time is not None
        and micros == timestamps.to_micros(time)
    )


def below(file: RunFile, folder: str, base: str) -> tuple[str, ...]:
    """The parts of a file's path below `base`; it was listed in `folder`. Pure.

    Raises BadAnswer for a path that is not one of that folder.
    """
    try:
        parts = parts_of(file.place)
        above, start = parts_of(folder), parts_of(base)
    except ValueError as error:
        raise BadAnswer(f"the gateway listed {visible(file.path)[:200]}: {error}") from error
    if parts[:-1] != above or len(parts) <= len(start):
        raise BadAnswer(f"the gateway listed {visible(file.path)[:200]} in another folder")
    return parts[len(start) :]


def shown(parts: Sequence[str]) -> str:
    """A path for people."""
    return visible("/".join(parts))
