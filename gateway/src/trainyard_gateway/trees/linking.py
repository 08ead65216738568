"""Makes a tree of contents that the gateway has already.

Its files never change and have their hashes as names. So each content gets a second name, a hard
link, and only where the file system has none it is copied.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from trainyard_api.code import CodeEntry, CodeManifest
from trainyard_gateway.run_files.opening import OpenFile
from trainyard_gateway.trees import layout
from trainyard_gateway.trees.copying import TreeCopy
from trainyard_gateway.trees.pickles import is_pickle


class TreeLinks(TreeCopy):
    """A tree whose contents lie on the volume of the gateway, each below its hash."""

    def __init__(
        self,
        manifest: CodeManifest,
        into: Path,
        content: Callable[[CodeEntry], Path],
        require: Callable[[int], None],
    ) -> None:
        """`content`: where the content of a file is; others as for TreeCopy."""
        place = {entry.path: content(entry) for entry in manifest.files}
        super().__init__(manifest, into, lambda path: _opened(place[path]), require)
        self._place = place

    def _one(self, entry: CodeEntry, target: Path) -> Iterator[None]:
        with suppress(OSError):
            os.link(self._place[entry.path], target)
        if not target.exists():
            yield from super()._one(entry, target)
            return
        with target.open("rb") as file:
            if is_pickle(file.fileno()):
                self.has_pickles = True
                target.rename(self._into / layout.PICKLES / target.name)
        yield


def _opened(path: Path) -> OpenFile:
    """Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    return OpenFile(handle, os.fstat(handle))
