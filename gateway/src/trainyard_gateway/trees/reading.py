"""Versions of models as trees: lists their files, finds one, packs a folder."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from anyio import CapacityLimiter, to_thread

from trainyard_api import timestamps
from trainyard_api.files.names import address
from trainyard_api.model import OpenModel
from trainyard_api.visible_text import visible
from trainyard_gateway.errors import NotFound, Unprocessable
from trainyard_gateway.registry.models import Models
from trainyard_gateway.run_files.sending import ArchiveSlots, ArchiveStream
from trainyard_gateway.store.registry.models import ModelRow
from trainyard_gateway.trees.archive import TreeArchive
from trainyard_gateway.trees.pickles import PICKLE, has_name_of_pickle
from trainyard_gateway.trees.stored import Entry, StoredTree, StoredTrees

MOST_ENTRIES = 5000
"""Entries of one page."""
_THREADS = 2
_LONGEST_SHOWN = 200


class TreeFile(OpenModel):
    """A file, a link or an empty folder of a version."""

    name: str
    """Its path for people: invisible characters are shown as escapes."""
    path: str
    """Its path in the version, percent-encoded: as it stands in URLs, also in `?path=`."""
    kind: Literal["file", "link", "folder"]
    """`folder` is an empty one; others are in the paths of their files."""
    size_bytes: int = 0
    """Bytes of a file."""
    sha256: str | None = None
    """Hash of a file, which is also its ETag."""
    executable: bool = False
    """Whether a file may be executed."""
    target: str | None = None
    """Where a link leads, relative to its folder; it stays in the version."""
    flags: list[str] = []
    """`pickle`: it runs code when Python loads it."""


@dataclass(frozen=True, slots=True)
class TreePage:
    """A part of the list of a version's files."""

    files: list[TreeFile]
    places: list[int]
    """Their numbers in the version, from 0."""
    more: bool


class TreeReading:
    """The versions of models, as trees."""

    def __init__(self, models: Models, stored: StoredTrees, slots: ArchiveSlots) -> None:
        self._models, self._stored, self._slots = models, stored, slots
        self._threads = CapacityLimiter(_THREADS)

    async def page(
        self, name: str, version: int, path: str, start: int, most: int
    ) -> tuple[ModelRow, TreePage]:
        """Up to `most` entries below a folder, from number `start` on. Raises Problem."""
        row, tree = await self._tree(name, version)
        return row, await to_thread.run_sync(_page, row, tree, path, start, most)

    async def file(self, name: str, version: int, path: str) -> tuple[Entry, Path]:
        """A file and where it is. Raises Problem."""
        row, tree = await self._tree(name, version)
        entry = tree.find(path)
        if entry is not None and entry.kind == "file":
            return entry, tree.content(entry)
        if entry is not None and entry.kind == "link":
            raise Unprocessable(
                f"{_shown(path)!r} is a link to {_shown(entry.target)!r}; ask for that file"
            )
        if entry is not None or tree.is_folder(path):
            raise Unprocessable(f"{_shown(path)!r} is a folder; list it, or ask for its archive")
        raise _nothing(row, path)

    async def archive(self, name: str, version: int, path: str, key: str) -> ArchiveStream:
        """A folder as an archive, which the caller closes. Raises Problem."""
        row, tree = await self._tree(name, version)
        if path and not tree.is_folder(path):
            raise _nothing(row, path)
        top = path.rpartition("/")[2] or f"{row.name}-{row.version}"
        modified = timestamps.parse(row.created)
        seconds = modified.timestamp() if modified is not None else 0.0
        self._slots.take(key)
        archive = TreeArchive(tree, path, top, seconds)
        return ArchiveStream(top, archive, self._threads, lambda: self._slots.give_back(key))

    async def _tree(self, name: str, version: int) -> tuple[ModelRow, StoredTree]:
        row = await self._models.row(name, version)
        try:
            return row, await to_thread.run_sync(self._stored.read, row, limiter=self._threads)
        except FileNotFoundError as error:
            raise NotFound(f"version {version} of {name!r} was deleted meanwhile") from error


def _page(row: ModelRow, tree: StoredTree, path: str, start: int, most: int) -> TreePage:
    """Raises NotFound."""
    path = path.removesuffix("/")
    only = tree.find(path) if path else None
    if only is not None and only.kind != "folder":
        return TreePage([listed(only, tree.pickles)], [0], False)
    if path and only is None and not tree.is_folder(path):
        raise _nothing(row, path)
    found = list(islice(tree.below(path, start), most + 1))
    shown = found[:most]
    files = [listed(entry, tree.pickles) for _, entry in shown]
    return TreePage(files, [place for place, _ in shown], len(found) > most)


def listed(entry: Entry, pickles: frozenset[str]) -> TreeFile:
    """An entry as lists show it. Pure."""
    flagged = entry.sha256 in pickles or (entry.kind == "file" and has_name_of_pickle(entry.path))
    return TreeFile(
        name=visible(entry.path),
        path=address(entry.path),
        kind=entry.kind,
        size_bytes=entry.size,
        sha256=entry.sha256 or None,
        executable=entry.executable,
        target=entry.target or None,
        flags=[PICKLE] if flagged else [],
    )


def _shown(path: str) -> str:
    return visible(path)[-_LONGEST_SHOWN:]


def _nothing(row: ModelRow, path: str) -> NotFound:
    return NotFound(
        f"version {row.version} of {row.name!r} has no file or folder {_shown(path)!r}; "
        f"`trainyard models files {row.name}` lists what it has"
    )
