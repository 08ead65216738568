"""Finds the event files and tables below a run folder, within limits."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from trainyard_api import contract

MOST_NAMES = 100_000
"""Names that are looked at."""
MOST_DEPTH = 16
MOST_FILES = 500
"""Files that are followed at a time: those that changed last."""
_MARK = "tfevents"
"""TensorBoard, too, knows event files by it."""
TABLES = frozenset(
    {"metrics.csv", "results.csv", "progress.csv", "summary.csv", "history.csv", "training.log"}
)
"""Names under which programs write tables of metrics."""
_NOT_ENTERED = frozenset({"__pycache__", "node_modules", "site-packages", "wandb", "mlruns"})


class Found(NamedTuple):
    """An event file, or what may be a table."""

    path: str
    """Relative to the run folder."""
    inode: int
    size: int
    changed: int
    """Nanoseconds since 1970."""


def is_table(path: str) -> bool:
    """Whether a file of this name may be a table."""
    name = path.rpartition("/")[2].lower()
    return _MARK not in name and (name.endswith(".csv") or name in TABLES)


def event_files(root: Path, most_names: int = MOST_NAMES) -> tuple[list[Found], bool]:
    """The event files and tables below `root`, and whether all names were looked at.

    Links are not followed: what they lead to is found where it lies, or is not of this folder.
    Files and folders may vanish meanwhile.
    """
    found: list[Found] = []
    seen = 0
    waiting = deque([("", 0)])
    while waiting:
        folder, depth = waiting.popleft()
        for entry in _children(root / folder):
            seen += 1
            if seen > most_names:
                return found, False
            path = f"{folder}/{entry.name}" if folder else entry.name
            if _MARK in entry.name or is_table(entry.name):
                found += _file(entry, path)
            elif depth < MOST_DEPTH and _is_entered(entry, depth):
                waiting.append((path, depth + 1))
    return found, True


def newest(found: Iterable[Found]) -> list[Found]:
    """The files that are followed: tables first, each kind by the time of its last change."""
    return sorted(found, key=lambda one: (not is_table(one.path), one.changed))[-MOST_FILES:]


def _children(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            # What cannot be written as text cannot be remembered in JSON.
            yield from (entry for entry in entries if entry.name.isprintable())
    except OSError:
        return


def _file(entry: os.DirEntry[str], path: str) -> Iterator[Found]:
    try:
        if entry.is_file(follow_symlinks=False):
            about = entry.stat(follow_symlinks=False)
            yield Found(path, about.st_ino, about.st_size, about.st_mtime_ns)
    except OSError:
        return


def _is_entered(entry: os.DirEntry[str], depth: int) -> bool:
    name = entry.name
    if name.startswith(".") or name in _NOT_ENTERED or (depth == 0 and name == contract.SPOOL):
        return False
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False
