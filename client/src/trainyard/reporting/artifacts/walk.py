"""What of a folder goes into a tree, in the order of its manifest.

Guarantees:

- Links are never followed, so that no loop is endless and nothing from outside comes in.
- Nothing is left out in silence, except what is gone before it is read.
- Memory grows with the names of one folder and the depth, not with the whole tree.
- The order is that of the paths' bytes, also while a program changes the folder.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from trainyard_api.files.links import target_inside
from trainyard_api.files.paths import path_problem, shown

MOST_NAMES = 1_000_000
"""Names that are looked at; a folder with more is refused."""
MOST_SHOWN = 10
_KINDS = {
    stat.S_IFREG: b"f",
    stat.S_IFDIR: b"d",
    stat.S_IFLNK: b"l",
    stat.S_IFSOCK: b"s",
    stat.S_IFIFO: b"p",
}
_SPECIAL = {b"s": "is a socket", b"p": "is a named pipe", b"x": "is a device"}
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class TooManyNames(Exception):
    """There is more in a folder than is looked at."""


class Found(NamedTuple):
    """A file, a link (`target`), or a folder (`is_folder`)."""

    path: str
    target: str = ""
    is_folder: bool = False


class LeftOut:
    """What does not go into a tree: sentences on the first ones, and how many there are."""

    def __init__(self) -> None:
        self.number = 0
        self._first: list[str] = []

    def add(self, path: str, why: str = "") -> None:
        """Remember that `path` is left out, and why."""
        self.number += 1
        if len(self._first) < MOST_SHOWN:
            self._first.append(f"{shown(path)} {why}".rstrip())

    def sentence(self) -> str:
        """All in one sentence; empty if nothing was left out."""
        more = self.number - len(self._first)
        return "; ".join([*self._first, *([f"and {more:,} more"] if more else [])])


class Walk:
    """Iterating yields files, links and the folders with nothing in them, sorted."""

    def __init__(self, top: Path, without: Collection[Path], left_out: LeftOut) -> None:
        """`top` and the folders `without`, which do not go in, are real paths."""
        self._top, self._without = top, frozenset(without)
        self._left_out = left_out
        self._looked_at = 0

    def __iter__(self) -> Iterator[Found]:
        """What goes in. Raises TooManyNames, and OSError if the folder itself cannot be read."""
        waiting = [self._listed("", self._names(""))]
        while waiting:
            found, descends = next(waiting[-1], (None, False))
            if found is None:
                waiting.pop()
            elif not descends:
                yield found
            elif (names := self._readable(found.path)) is not None:
                waiting.append(self._listed(f"{found.path}/", names))

    def _listed(self, above: str, names: list[bytes]) -> Iterator[tuple[Found, bool]]:
        """The entries of one folder, and whether what goes in lies below the entry."""
        names.sort()
        for key in names:
            name, _, kind = key.rpartition(b"\0")
            descends = name.endswith(b"/")
            path = f"{above}{os.fsdecode(name[:-1] if descends else name)}"
            found = self._taken(path, kind, self._left_out)
            if found is None:
                continue
            yield found, descends
            if found.is_folder and not descends:
                # Nothing of it goes in; what is left out of it is said.
                with contextlib.suppress(OSError):
                    self._holds(path, self._left_out)

    def _taken(self, path: str, kind: bytes, left_out: LeftOut | None) -> Found | None:
        """The entry; None if it is left out, which is added to `left_out`."""
        if kind == b"d" and self._top / path in self._without:
            return None
        wrong = _SPECIAL.get(kind)
        if (problem := path_problem(path)) is not None:
            wrong = f"({problem})"
        target = ""
        if wrong is None and kind == b"l":
            try:
                target = target_inside(self._top, path) or ""
                written = os.readlink(self._top / path)  # noqa: PTH115 # as it is written
            except OSError:
                return None
            wrong = None if target else f"is a link to {shown(written)}, which leads out of it"
        if wrong is None:
            return Found(path, target, kind == b"d")
        if left_out is not None:
            left_out.add(path, wrong)
        return None

    def _readable(self, path: str) -> list[bytes] | None:
        """The names in a folder; None if it is gone, or cannot be read, which is said."""
        try:
            return self._names(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._left_out.add(path, f"is a folder that cannot be read: {error.strerror}")
            return None

    def _names(self, path: str) -> list[bytes]:
        """What is in a folder, to be sorted: name, `/` if something lies below, NUL, kind."""
        found = []
        for name, kind in self._scanned(path):
            below = f"{path}/{name}" if path else name
            slash = b"/" if kind == b"d" and self._descends(below) else b""
            found.append(b"%b%b\0%b" % (os.fsencode(name), slash, kind))
        return found

    def _descends(self, path: str) -> bool:
        """Whether a folder is walked through, decided once: its place in the order depends on it.

        One that cannot be read is, so that it is said.
        """
        try:
            return self._holds(path, None)
        except OSError:
            return True

    def _holds(self, path: str, left_out: LeftOut | None) -> bool:
        """Whether anything goes in; with `left_out`, look at the whole folder. Raises OSError."""
        holds = False
        for name, kind in self._scanned(path):
            if self._taken(f"{path}/{name}", kind, left_out) is not None:
                holds = True
                if left_out is None:
                    break
        return holds

    def _scanned(self, path: str) -> Iterator[tuple[str, bytes]]:
        handle = os.open(self._top / path, _FOLDER)
        try:
            with os.scandir(handle) as listed:
                for entry in listed:
                    self._looked_at += 1
                    if self._looked_at > MOST_NAMES:
                        raise TooManyNames(f"it holds more than {MOST_NAMES:,} names")
                    if kind := _kind(entry):
                        yield entry.name, kind
        finally:
            os.close(handle)


def _kind(entry: os.DirEntry[str]) -> bytes:
    """What an entry is; empty if it is gone."""
    if entry.is_file(follow_symlinks=False):
        return b"f"
    try:
        return _KINDS.get(stat.S_IFMT(entry.stat(follow_symlinks=False).st_mode), b"x")
    except OSError:
        return b""
