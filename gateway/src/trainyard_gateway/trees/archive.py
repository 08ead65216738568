"""A folder of a tree as a ZIP archive, made while it is sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from trainyard_api.files.names import portable
from trainyard_gateway.run_files.zip_stream import CHUNK, ZipStream
from trainyard_gateway.trees.stored import Entry, StoredTree


class TreeArchive(ZipStream):
    """The archive of a folder of a tree; links are named in its notes. Everything blocks."""

    def __init__(self, tree: StoredTree, path: str, top: str, modified: float) -> None:
        """`path`: the folder, "" for the whole; `modified`: seconds since the epoch."""
        super().__init__(top)
        self._tree, self._path, self._modified = tree, path, modified

    def members(self) -> Iterator[bytes]:
        """The bytes of what is in the folder."""
        skip = len(self._path) + 1 if self._path else 0
        for _, entry in self._tree.below(self._path):
            parts = tuple(entry.path[skip:].split("/"))
            name = "/".join((self._top, *(portable(part) for part in parts)))
            if entry.kind == "link":
                self.note(parts, f"left out: it is a link to {entry.target}")
            elif entry.kind == "folder":
                yield self.folder_entry(name, self._modified)
            else:
                yield from self._file(entry, name, parts)

    def _file(self, entry: Entry, name: str, shown: tuple[str, ...]) -> Iterator[bytes]:
        try:
            file = self._tree.content(entry).open("rb")
        except FileNotFoundError:
            self.note(shown, "was deleted meanwhile")
            return
        with file:
            yield from self.content(
                name, self._modified, lambda: _chunk(file), executable=entry.executable
            )


def _chunk(file: BinaryIO) -> bytes:
    return file.read(CHUNK)
