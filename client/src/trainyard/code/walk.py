"""What of a folder goes into a bundle, before any content is read.

Guarantees:

- Links are never followed, so that no loop is endless and nothing from outside comes in.
- Nothing is left out in silence: what no pattern leaves out and cannot travel is in `left_out`.
- Memory grows with the number of paths, at most `MOST_PATHS`, not with the bytes of files.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from trainyard.code.ignore import Pattern, Rules, rules_above
from trainyard.code.refusals import CannotBundle
from trainyard_api.files.links import target_inside
from trainyard_api.files.paths import GIT, path_problem, shown

MOST_PATHS = 1_000_000
"""Paths that are looked at; a folder with more is refused."""
_SPECIAL = {
    stat.S_IFSOCK: "a socket",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file of the folder."""

    path: str
    size: int
    executable: bool


@dataclass(slots=True)
class Contents:
    """What a folder holds."""

    top: Path
    files: list[FoundFile] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    """Targets by path."""
    folders: list[str] = field(default_factory=list)
    """Folders with nothing in them that goes into the bundle."""
    left_out: list[str] = field(default_factory=list)
    """Sentences on what cannot travel."""
    rules: Rules = Rules()
    """The rules of the folder itself."""
    prefix: str = ""
    """Prefix of its paths in its Git repository."""
    by_pattern: int = 0
    """Files and folders that a pattern left out."""
    looked_at: int = 0

    def left_out_by(self, path: str) -> Pattern | None:
        """The pattern that leaves a path out, or a folder above it; None if none does.

        Raises OSError.
        """
        rules, place, parts = self.rules, self.top, path.rstrip("/").split("/")
        prefix = self.prefix
        for number, part in enumerate(parts):
            place = place / part
            is_folder = place.is_dir() and not place.is_symlink()
            here = f"{prefix}{part}/" if is_folder else f"{prefix}{part}"
            found = rules.left_out_by(here)
            if found is not None or number == len(parts) - 1:
                return found
            prefix, rules = here, rules.inside(place, here)
        return None


def walk(folder: Path) -> Contents:
    """Look through a folder. Raises CannotBundle, naming the path that stands in the way."""
    top = Path(os.path.realpath(folder))
    if not top.is_dir():
        raise CannotBundle(f"{shown(str(folder))} is no folder; give the folder with your program")
    rules, prefix = rules_above(top)
    found = Contents(top, rules=rules.inside(top, prefix), prefix=prefix)
    _look(found, "", found.rules)
    found.files.sort(key=lambda f: os.fsencode(f.path))
    return found


def _look(found: Contents, path: str, rules: Rules) -> bool:
    """Look through one folder. Returns whether anything of it goes into the bundle."""
    place = found.top / path
    try:
        with os.scandir(place) as listed:
            entries = sorted(listed, key=lambda e: e.name)
    except PermissionError as error:
        raise _unreadable(path, "folder") from error
    except FileNotFoundError:
        # Removed meanwhile.
        return False
    kept = False
    for entry in entries:
        found.looked_at += 1
        if found.looked_at > MOST_PATHS:
            raise CannotBundle(
                f"the folder holds more than {MOST_PATHS} paths; list what the program does not "
                "need in .trainyardignore, such as data folders and environments"
            )
        kept |= entry.name != GIT and _take(found, path, entry, rules)
    return kept


def _take(found: Contents, folder: str, entry: os.DirEntry[str], rules: Rules) -> bool:
    path = f"{folder}{entry.name}"
    is_folder = entry.is_dir(follow_symlinks=False)
    in_repository = f"{found.prefix}{path}/" if is_folder else f"{found.prefix}{path}"
    if rules.left_out_by(in_repository) is not None:
        found.by_pattern += 1
        return False
    try:
        about = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return False
    special = _SPECIAL.get(stat.S_IFMT(about.st_mode))
    if special is not None:
        found.left_out.append(f"{shown(path)} is {special}, which cannot travel")
        return False
    _require_name(path)
    if is_folder:
        try:
            inside = rules.inside(found.top / path, in_repository)
        except PermissionError as error:
            raise _unreadable(path, "folder") from error
        return _take_folder(found, path, inside)
    if entry.is_symlink():
        return _take_link(found, path)
    executable = bool(about.st_mode & stat.S_IXUSR)
    found.files.append(FoundFile(path, about.st_size, executable))
    return True


def _take_folder(found: Contents, path: str, rules: Rules) -> bool:
    # A program may write into a folder that is empty, or whose files a pattern leaves out.
    if not _look(found, f"{path}/", rules):
        found.folders.append(path)
    return True


def _take_link(found: Contents, path: str) -> bool:
    target = target_inside(found.top, path)
    if target is None:
        written = shown(str((found.top / path).readlink()))
        found.left_out.append(
            f"{shown(path)} is a link to {written}, which leads out of the folder"
        )
        return False
    found.links[path] = target
    return True


def _require_name(path: str) -> None:
    wrong = path_problem(path)
    if wrong is not None:
        raise CannotBundle(f"{shown(path)}: {wrong}, or list it in .trainyardignore")


def _unreadable(path: str, kind: str) -> CannotBundle:
    return CannotBundle(
        f"the {kind} {shown(path.rstrip('/')) or '.'} cannot be read; make it readable "
        "(`chmod u+rX`) or list it in .trainyardignore"
    )
