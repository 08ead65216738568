"""Removes a folder with memory that does not grow with the number of its files."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import islice
from pathlib import Path

AT_ONCE = 500
"""Names that are read at a time; `shutil.rmtree` holds all of a folder."""


def drop(place: Path) -> None:
    """Remove a folder or file, as far as that is possible; links are not followed."""
    if place.is_dir() and not place.is_symlink():
        _drop_folder(str(place))
    else:
        _removed(os.unlink, str(place))


def _drop_folder(top: str) -> None:
    above, stuck = [top], set[str]()
    while above:
        folder = above[-1]
        below = _emptied(folder, stuck)
        if below is not None:
            above.append(below)
            continue
        above.pop()
        if not _removed(os.rmdir, folder):
            stuck.add(folder)


def _emptied(folder: str, stuck: set[str]) -> str | None:
    """Remove the files in a folder; a folder in it that is to be emptied first, None for none."""
    while True:
        try:
            with os.scandir(folder) as entries:
                names = [
                    (f"{folder}/{e.name}", e.is_dir(follow_symlinks=False))
                    for e in islice(entries, AT_ONCE)
                ]
        except OSError:
            return None
        progress = False
        for path, is_folder in names:
            if not is_folder:
                progress = _removed(os.unlink, path) or progress
            elif path not in stuck:
                return path
        if not progress:
            return None


def _removed(remove: Callable[[str], None], path: str) -> bool:
    try:
        remove(path)
    except OSError:
        return False
    return True
