"""The files of versions, as artifacts. Links to files are those files; other links are left out."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from pathlib import Path

from anyio import to_thread

from trainyard_api.visible_text import visible
from trainyard_gateway.auth.keys import Scope
from trainyard_gateway.errors import NotFound
from trainyard_gateway.mlflow.registry import finding
from trainyard_gateway.mlflow.visitor import Visitor
from trainyard_gateway.mlflow.wire import listing
from trainyard_gateway.mlflow.wire.answers import Json
from trainyard_gateway.mlflow.wire.places import Place
from trainyard_gateway.store.database import Connection, Database
from trainyard_gateway.store.registry import models
from trainyard_gateway.store.registry.models import ModelRow
from trainyard_gateway.trees.stored import Entry, StoredTree, StoredTrees

MOST_HOPS = 40
"""Links of links that are followed."""


class VersionFiles:
    """Reads the files of versions."""

    def __init__(self, root: Path, database: Database) -> None:
        """`root`: the folder of models."""
        self._stored, self._database = StoredTrees(root), database

    async def list(self, place: Place, visitor: Visitor) -> list[Json]:
        """What a folder of a version holds. Raises NotFound and NotPermitted."""
        tree = await self._tree(place, visitor)
        found = await to_thread.run_sync(lambda: list(_sizes(tree, place.path)))
        return listing.listed(found, place.path)

    async def file(self, place: Place, visitor: Visitor) -> tuple[str, Path]:
        """Hash of a file of a version, and where it is. Raises NotFound and NotPermitted."""
        tree = await self._tree(place, visitor)
        entry = resolved(tree, tree.find(place.path))
        if entry is None:
            raise NotFound(f"No such artifact: '{visible(place.path)[:200]}'")
        return entry.sha256, tree.content(entry)

    async def _tree(self, place: Place, visitor: Visitor) -> StoredTree:
        visitor.require(Scope.MODELS_READ)

        def find(connection: Connection) -> ModelRow:
            found = finding.version_of(connection, place.owner, place.version or 0, visitor.user)
            row = models.find(connection, found.name, found.version)
            if row is None:
                raise _gone()
            return row

        row = await self._database.read(find, applied=False)
        try:
            return await to_thread.run_sync(self._stored.read, row)
        except FileNotFoundError as error:
            raise _gone() from error


def resolved(tree: StoredTree, entry: Entry | None) -> Entry | None:
    """The file that an entry is or leads to; None for others. Pure."""
    for _ in range(MOST_HOPS):
        if entry is None or entry.kind != "link":
            break
        target = posixpath.normpath(posixpath.join(posixpath.dirname(entry.path), entry.target))
        entry = tree.find(target)
    return entry if entry is not None and entry.kind == "file" else None


def _sizes(tree: StoredTree, folder: str) -> Iterator[tuple[str, int]]:
    for _, entry in tree.below(folder):
        if (file := resolved(tree, entry)) is not None:
            yield entry.path, file.size


def _gone() -> NotFound:
    return NotFound("the version was deleted meanwhile")
