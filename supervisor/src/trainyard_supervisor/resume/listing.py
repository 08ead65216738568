"""Lists the files of a run folder that can be checkpoints, within limits."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from heapq import nlargest
from itertools import takewhile
from pathlib import Path

from trainyard_api import contract
from trainyard_supervisor.resume.candidates import Entry, is_of_interest

MOST_NAMES = 100_000
"""Names that are looked at."""
MOST_KEPT = 20_000
MOST_OF_FOLDER = 2000
"""Files of one folder that are kept: the newest."""
MOST_DEPTH = 16
SECONDS = 20.0
_NOT_ENTERED = frozenset(
    {"__pycache__", "node_modules", "site-packages", "wandb", "mlruns", "tensorboard"}
)


class Listing:
    """Files that can be checkpoints; `cut_off` says why there may be more."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.cut_off = ""


def listing(
    root: Path,
    interesting: Callable[[str], bool] = is_of_interest,
    since: int = -1,
    clock: Callable[[], float] = time.monotonic,
    start: str = "",
) -> Listing:
    """The files below `root` that changed after `since` (nanoseconds), folder by folder.

    `start` is the folder below `root` with which it begins; paths stay relative to `root`.

    Links are not followed: what they lead to is found where it lies, or is not of this folder.
    Files and folders may vanish meanwhile.
    """
    found = Listing()
    limit = _Limit(clock, clock() + SECONDS)
    waiting = deque([(start, start.count("/") + 1 if start else 0)])
    while waiting and not limit.reached:
        folder, depth = waiting.popleft()
        files: list[Entry] = []
        for entry in takewhile(limit.allows, _children(root / folder)):
            path = f"{folder}/{entry.name}" if folder else entry.name
            if _is_folder(entry):
                if depth < MOST_DEPTH and _is_entered(entry.name, depth):
                    waiting.append((path, depth + 1))
            elif interesting(entry.name):
                files += (file for file in _file(entry, path) if file.changed > since)
        found.entries += nlargest(MOST_OF_FOLDER, files, key=lambda file: file.changed)
        if len(found.entries) > MOST_KEPT:
            found.entries = nlargest(MOST_KEPT, found.entries, key=lambda file: file.changed)
    if limit.reached:
        found.cut_off = f"the run folder has more than {limit.seen} files, or is slow"
    return found


class _Limit:
    def __init__(self, clock: Callable[[], float], until: float) -> None:
        self.clock, self.until = clock, until
        self.seen, self.reached = 0, False

    def allows(self, _: object) -> bool:
        """Whether one more name may be looked at."""
        self.reached = self.seen >= MOST_NAMES or self.clock() > self.until
        self.seen += not self.reached
        return not self.reached


def _children(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            # What cannot be written as text cannot be passed on in JSON.
            yield from (entry for entry in entries if entry.name.isprintable())
    except OSError:
        return


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _file(entry: os.DirEntry[str], path: str) -> Iterator[Entry]:
    """The file, if it is one and still there."""
    with suppress(OSError):
        if entry.is_file(follow_symlinks=False):
            about = entry.stat(follow_symlinks=False)
            yield Entry(path, about.st_size, about.st_mtime_ns)


def _is_entered(name: str, depth: int) -> bool:
    if name.startswith(".") or name in _NOT_ENTERED:
        return False
    return depth > 0 or name != contract.SPOOL
