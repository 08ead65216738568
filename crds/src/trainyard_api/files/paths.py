"""Which paths and links a list of files may hold, as bundles of code and trees have it. Pure.

Guarantees:

- A path that is not refused is relative, stays below its folder, and can be shown on any machine.
- No link that stays inside leads out, not even by way of another link.

Standard library only: programs' pods use it, too.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Final

from trainyard_api.visible_text import visible

MAX_PATH_BYTES: Final = 1000
"""Bytes of a path in UTF-8."""
MAX_PART_BYTES: Final = 255
"""Bytes of one name in a path, as filesystems have it."""
GIT: Final = ".git"


def path_problem(path: str) -> str | None:
    """Why a path cannot be in a bundle; None if it can."""
    parts = path.split("/")
    if not is_text(path):
        return "its name is not UTF-8; rename it"
    if "\\" in path or any(unicodedata.category(c) == "Cc" for c in path):
        return "its name holds a backslash or a control character; rename it"
    if any(part in ("", ".", "..") for part in parts):
        return "a path is relative, with single / between names that are not . or .."
    if any(part.casefold() == GIT for part in parts):
        return f"what is below {GIT} is never part of a bundle"
    if len(path.encode()) > MAX_PATH_BYTES:
        return f"its path is longer than {MAX_PATH_BYTES} bytes"
    if any(len(part.encode()) > MAX_PART_BYTES for part in parts):
        return f"a name in its path is longer than {MAX_PART_BYTES} bytes"
    return None


def stays_inside(path: str, target: str) -> bool:
    """Whether a link at `path` leads to a place below the folder, with any links beside it.

    `..` may stand at the beginning only: behind a name, which may be a link, it leads anywhere.
    """
    parts = target.split("/")
    up = next((n for n, part in enumerate(parts) if part != ".."), len(parts))
    below = parts[up:]
    if not is_text(target) or "\0" in target or "\\" in target:
        return False
    if any(part in ("", "..") for part in below) or any(p.casefold() == GIT for p in below):
        return False
    return up <= path.count("/")


def parents(path: str) -> Iterable[str]:
    """The folders above a path, the nearest one first."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def is_text(name: str) -> bool:
    """Whether a name of the file system is UTF-8."""
    return not any("\ud800" <= c <= "\udfff" for c in name)


def shown(path: str, longest: int = 200) -> str:
    """A path as one line for people, its beginning cut off where it is long."""
    text = visible(path)
    return text if len(text) <= longest else f"…{text[-longest + 1 :]}"
