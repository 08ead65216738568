"""Trees of the registry as they are read: their entries, and where contents are. Blocks.

A version that is one file is read as a tree with that file.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Literal, NamedTuple

import orjson

from trainyard_api import contract
from trainyard_gateway.store.registry import models
from trainyard_gateway.store.registry.models import ModelRow
from trainyard_gateway.trees import layout

MOST_CACHED = contract.MAX_TREE_ENTRIES
"""Entries of all trees together that are kept in memory: 40 MB."""


class Entry(NamedTuple):
    """A file, a link or an empty folder."""

    path: str
    sha256: str = ""
    size: int = 0
    executable: bool = False
    target: str = ""

    @property
    def kind(self) -> Literal["file", "link", "folder"]:
        """What it is."""
        if self.sha256:
            return "file"
        return "link" if self.target else "folder"


@dataclass(frozen=True, slots=True)
class StoredTree:
    """One version: its entries by path."""

    folder: Path
    entries: Sequence[Entry]
    pickles: frozenset[str]
    """Hashes of contents that are pickles."""
    file: Path | None = None
    """Where the content is of a version that is one file."""

    def find(self, path: str) -> Entry | None:
        """The entry at a path."""
        at = self._place(path)
        found = self.entries[at] if at < len(self.entries) else None
        return found if found is not None and found.path == path else None

    def is_folder(self, path: str) -> bool:
        """Whether there is something below a path."""
        return next(self.below(path), None) is not None

    def below(self, path: str, start: int = 0) -> Iterator[tuple[int, Entry]]:
        """The entries below a folder and their places, from place `start` on; "" is the whole."""
        prefix = f"{path}/" if path else ""
        for at in range(max(start, self._place(prefix)), len(self.entries)):
            if not self.entries[at].path.startswith(prefix):
                return
            yield at, self.entries[at]

    def content(self, entry: Entry) -> Path:
        """Where the content of a file is."""
        return self.file or layout.content(self.folder, entry.sha256)

    def _place(self, path: str) -> int:
        return bisect_left(self.entries, path, key=lambda entry: entry.path)


class StoredTrees:
    """Reads trees from the folder of models; the last ones stay in memory: they do not change."""

    def __init__(self, root: Path, most: int = MOST_CACHED) -> None:
        self._root, self._most = root, most
        self._cached: OrderedDict[str, StoredTree] = OrderedDict()
        self._lock = Lock()

    def read(self, row: ModelRow) -> StoredTree:
        """The tree of a version. Raises OSError."""
        if row.kind != models.TREE:
            path = self._root / row.file
            return StoredTree(path.parent, _only(row), frozenset(), path)
        with self._lock:
            found = self._cached.get(row.id)
            if found is not None:
                self._cached.move_to_end(row.id)
                return found
            found = _read(self._root / row.file)
            self._keep(row.id, found)
            return found

    def _keep(self, id: str, tree: StoredTree) -> None:
        self._cached[id] = tree
        while sum(len(t.entries) for t in self._cached.values()) > self._most:
            self._cached.popitem(last=False)


def _only(row: ModelRow) -> list[Entry]:
    return [Entry(contract.MODEL_FILE, row.sha256, row.size_bytes)]


def _read(manifest: Path) -> StoredTree:
    listed = orjson.loads(manifest.read_bytes())["entries"]
    entries = [
        Entry(
            each["path"],
            each.get("sha256", ""),
            each.get("size", 0),
            each.get("executable", False),
            each.get("target", ""),
        )
        for each in listed
    ]
    return StoredTree(manifest.parent, entries, layout.pickles(manifest.parent))
