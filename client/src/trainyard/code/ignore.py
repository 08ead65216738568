"""Which paths `.gitignore`, `.git/info/exclude` and `.trainyardignore` leave out.

`pathspec` reads a line as a pattern. What Git adds is here: the files of every folder above count,
the nearest first and the last matching line of each; and what lies in a folder that is left out is
not looked at, so that no pattern brings it back. `.trainyardignore` decides before `.gitignore`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pathspec.patterns.gitignore.base import GitIgnorePatternError
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

GIT_IGNORE, OWN_IGNORE = ".gitignore", ".trainyardignore"
_FOLDER_MARK = "(?P<ps_d>/)"
"""What pathspec makes of a line that names every folder."""
_MOST_BYTES = 1 << 20
"""A larger file is no list of patterns."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line of a file of patterns."""

    source: str
    """Where it stands, such as `.gitignore:3`."""
    matches: Callable[[str], bool]
    """Whether it names a path itself; folders end with `/`. What lies in them is not asked."""
    leaves_out: bool
    """False for a line that begins with `!`."""


@dataclass(frozen=True, slots=True)
class PatternFile:
    """The patterns of one file, for the paths below its folder."""

    folder: str
    """Its folder as a prefix: empty, or ending with `/`."""
    patterns: tuple[Pattern, ...]

    def decision(self, path: str) -> Pattern | None:
        """The last pattern that names `path`, a path from where `folder` counts."""
        if not path.startswith(self.folder):
            return None
        below = path[len(self.folder) :]
        return next((p for p in reversed(self.patterns) if p.matches(below)), None)


@dataclass(frozen=True, slots=True)
class Rules:
    """The files of patterns that count in one folder, the strongest first."""

    own: tuple[PatternFile, ...] = ()
    git: tuple[PatternFile, ...] = ()

    def left_out_by(self, path: str) -> Pattern | None:
        """The pattern that leaves `path` out; None if it stays. Folders end with `/`."""
        for file in (*self.own, *self.git):
            found = file.decision(path)
            if found is not None:
                return found if found.leaves_out else None
        return None

    def inside(self, place: Path, folder: str) -> Rules:
        """The rules in the folder at `place`, whose prefix is `folder`. Raises OSError."""
        own = _read(place / OWN_IGNORE, folder, f"{folder}{OWN_IGNORE}")
        git = _read(place / GIT_IGNORE, folder, f"{folder}{GIT_IGNORE}")
        return Rules((*own, *self.own), (*git, *self.git))


def rules_above(folder: Path) -> tuple[Rules, str]:
    """The rules from the folders above `folder` in its Git repository, and its prefix there.

    Without a repository there are none. Raises OSError.
    """
    top = next((p for p in (folder, *folder.parents) if (p / ".git").exists()), None)
    if top is None:
        return Rules(), ""
    found = Rules(git=_read(_git_folder(top) / "info" / "exclude", "", ".git/info/exclude"))
    place, prefix = top, ""
    for part in folder.relative_to(top).parts:
        found = found.inside(place, prefix)
        place, prefix = place / part, f"{prefix}{part}/"
        if found.left_out_by(prefix) is not None:
            # The folder itself is left out in its repository: nothing from there is meant for it.
            return Rules(), ""
    return found, prefix


def _git_folder(top: Path) -> Path:
    """The folder of a repository's settings; a worktree and a submodule name it in a file."""
    given = top / ".git"
    if not given.is_file():
        return given
    named = given.read_text(errors="replace").partition("gitdir:")[2].strip()
    folder = top / named
    common = folder / "commondir"
    if common.is_file():
        return folder / common.read_text(errors="replace").strip()
    return folder


def _read(path: Path, folder: str, source: str) -> tuple[PatternFile, ...]:
    # As Git: what is no regular file holds no patterns.
    if path.is_symlink() or not path.is_file():
        return ()
    with path.open("rb") as file:
        text = file.read(_MOST_BYTES).decode("utf-8-sig", "surrogateescape")
    patterns = _patterns(text.split("\n"), source)
    return (PatternFile(folder, patterns),) if patterns else ()


def _patterns(lines: Sequence[str], source: str) -> tuple[Pattern, ...]:
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            pattern = GitIgnoreSpecPattern(line)
        except (GitIgnorePatternError, re.error):
            # As Git: a line that is no pattern names nothing.
            continue
        if pattern.include is not None and pattern.regex is not None:
            matches = _matcher(pattern.regex, line.rstrip())
            found.append(Pattern(f"{source}:{number}", matches, pattern.include))
    return tuple(found)


def _matcher(expression: re.Pattern[str], line: str) -> Callable[[str], bool]:
    """What a line names: pathspec's expression without what only lies in a folder that it names."""
    if expression.pattern == ".":
        return lambda _path: True
    if expression.pattern == _FOLDER_MARK:
        return lambda path: path.endswith("/")

    def inside(path: str) -> bool:
        found = expression.search(path)
        return found is not None and found.end() < len(path)

    if line.endswith("/**/"):
        return lambda path: path.endswith("/") and inside(path)
    if not expression.groups and expression.pattern.endswith("/"):
        return inside
    return lambda path: expression.fullmatch(path) is not None
