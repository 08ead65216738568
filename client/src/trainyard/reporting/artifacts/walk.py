"""What of a folder goes into a tree, in the order of its manifest.

Guarantees:

- Links are never followed, so that no loop is endless and nothing from outside comes in.
- Nothing is left out in silence, except what is gone before it is read.
- Memory grows with the depth alone: of one folder a bounded number of names is held.
- The order is that of the paths' bytes, also while a program changes the folder.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from trainyard.reporting.artifacts.least import Least
from trainyard_api.files.links import target_inside
from trainyard_api.files.paths import path_problem, shown

MOST_NAMES = 1_000_000
"""Names that are looked at; a folder with more is refused."""
MOST_SHOWN = 10
AT_ONCE = 4096
"""Names of one folder that are sorted at a time; a larger one is read several times."""
_KINDS = {stat.S_IFREG: b"f", stat.S_IFSOCK: b"s", stat.S_IFIFO: b"p"}
_SPECIAL = {b"s": "is a socket", b"p": "is a named pipe", b"x": "is a device"}
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class TooManyNames(Exception):
    """There is more in a folder than is looked at."""


class Found(NamedTuple):
    """A file, a link (`target`), or a folder (`is_folder`)."""

    path: str
    target: str = ""
    is_folder: bool = False


class _Names(NamedTuple):
    """Some of the names in a folder, in order."""

    keys: list[bytes]
    """Name, `/` if something lies below, NUL, kind."""
    last: bytes
    more: bool
    """Whether others come behind `last`."""
    passed: frozenset[bytes]
    """Names up to `last` whose key would come behind it, were it a folder with files now."""


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

    def __init__(
        self, top: Path, without: Collection[Path], left_out: LeftOut, at_once: int = AT_ONCE
    ) -> None:
        """`top` and the folders `without`, which do not go in, are real paths.

        Of one folder, `at_once` names are held.
        """
        self._at_once = at_once
        self._top, self._without = top, frozenset(without)
        self._left_out = left_out
        self._looked_at = 0
        self._counts = True
        """Whether names are looked at for the first time."""

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
                waiting.append(self._listed(found.path, names))

    def _listed(self, folder: str, first: _Names) -> Iterator[tuple[Found, bool]]:
        """The entries of one folder, and whether what goes in lies below the entry."""
        names: _Names | None = first
        while names is not None:
            for key in names.keys:
                yield from self._entry(folder, key)
            names = self._readable(folder, names) if names.more else None

    def _entry(self, folder: str, key: bytes) -> Iterator[tuple[Found, bool]]:
        name, _, kind = key.rpartition(b"\0")
        descends = name.endswith(b"/")
        own = os.fsdecode(name[:-1] if descends else name)
        path = f"{folder}/{own}" if folder else own
        found = self._taken(path, kind, self._left_out)
        if found is None:
            return
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

    def _readable(self, path: str, before: _Names | None = None) -> _Names | None:
        """The next names in a folder; None if it is gone, or cannot be read, which is said."""
        try:
            return self._names(path, before)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._left_out.add(path, f"is a folder that cannot be read: {error.strerror}")
            return None

    def _names(self, path: str, before: _Names | None = None) -> _Names:
        """The first names in a folder that come behind those of `before`. Raises OSError."""
        least = Least(before.last if before else b"", self._at_once)
        passed = before.passed if before else frozenset[bytes]()
        self._counts = before is None
        for name, kind in self._scanned(path):
            plain = os.fsencode(name)
            if kind != b"d":
                least.add(b"%b\0%b" % (plain, kind))
            elif least.may_take(b"%b\0d" % plain, b"%b/\0d" % plain) and plain not in passed:
                slash = b"/" if self._descends(f"{path}/{name}" if path else name) else b""
                least.add(b"%b%b\0d" % (plain, slash))
        keys, last = least.sorted(), least.last
        own = (key.rpartition(b"\0")[0] for key in keys)
        kept = {name for name in (*passed, *own) if last.startswith(name)}
        return _Names(keys, last, least.more, frozenset(kept))

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
                    self._looked_at += self._counts
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
    if entry.is_dir(follow_symlinks=False):
        return b"d"
    if entry.is_symlink():
        return b"l"
    try:
        return _KINDS.get(stat.S_IFMT(entry.stat(follow_symlinks=False).st_mode), b"x")
    except OSError:
        return b""
