"""Artifacts of runs and logged models: files on the volume by their hash, found in the database.

Guarantees:

- A file is there whole or not at all; the same path again replaces it.
- Nothing that a caller sends becomes a path on the volume.
- The reserve of the volume stays free, an owner has at most `MOST_FILES` files, and bytes have the
  bounds of `ArtifactQuota`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from weakref import WeakValueDictionary

from trainyard_api.visible_text import visible
from trainyard_gateway.auth.keys import Scope
from trainyard_gateway.errors import BadRequest, NotFound, NotPermitted, Problem
from trainyard_gateway.files.file_store import FileStore, Received
from trainyard_gateway.mlflow.artifact_quota import ArtifactQuota, UsedBytes
from trainyard_gateway.mlflow.finding import active_run, run_of
from trainyard_gateway.mlflow.logged import logged_models
from trainyard_gateway.mlflow.registry.files import VersionFiles
from trainyard_gateway.mlflow.visitor import Visitor
from trainyard_gateway.mlflow.wire import answers, listing
from trainyard_gateway.mlflow.wire.answers import Json
from trainyard_gateway.mlflow.wire.places import Place
from trainyard_gateway.store.database import Connection, Database
from trainyard_gateway.store.runs import artifacts
from trainyard_gateway.store.runs import logged_models as rows
from trainyard_gateway.store.runs.artifacts import ArtifactRow

MOST_FILES = 100_000
"""Files of one run or one logged model."""
MOST_LISTED = 100_000
"""Files that a listing reads."""


class Artifacts:
    """The files of runs and logged models."""

    def __init__(
        self, store: FileStore, database: Database, versions: VersionFiles, quota: ArtifactQuota
    ) -> None:
        """`store`: a folder for each owner, with its contents by hash."""
        self._store, self._database, self._versions = store, database, versions
        self._quota = quota
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def put(
        self, place: Place, chunks: AsyncIterator[bytes], declared: int | None, visitor: Visitor
    ) -> None:
        """Receive a file. Raises NotFound, BadRequest, NotPermitted, TooLarge and OutOfSpace."""

        def admit(connection: Connection) -> UsedBytes:
            _require_room(connection, place, visitor)
            return self._quota.check(connection, place, declared or 0)

        def put(connection: Connection) -> str | None:
            self._quota.check(connection, place, received.size_bytes)
            return _put(connection, place, received, visitor)

        visitor.require(Scope.SESSIONS_WRITE)
        if place.version is not None:
            raise NotPermitted("A version of a registered model stays as it is")
        if not place.path:
            raise BadRequest("Invalid path: a file needs a name below artifacts/")
        used = await self._database.read(admit, applied=False)
        received = await self._store.receive(self._quota.bounded(chunks, used), declared)
        try:
            async with self._turn(place.owner):
                # Kept first: a row without a file would be wrong.
                await asyncio.to_thread(self._store.keep, received, place.owner, received.sha256)
                try:
                    unused = await self._database.write(put)
                except Problem:
                    await self._remove_unused(place.owner, received.sha256)
                    raise
                await asyncio.to_thread(
                    self._store.remove_files, place.owner, lambda name: name == unused
                )
        finally:
            self._store.discard(received)

    async def _remove_unused(self, owner: str, sha256: str) -> None:
        """Remove a content that no file has, when it is the turn of `owner`."""
        if not await self._database.read(lambda c: artifacts.has_content(c, owner, sha256)):
            await asyncio.to_thread(self._store.remove_files, owner, lambda name: name == sha256)

    async def file(self, place: Place, visitor: Visitor) -> tuple[str, Path]:
        """Hash of a file, and where it is. Raises NotFound and NotPermitted."""
        if place.version is not None:
            return await self._versions.file(place, visitor)
        visitor.require(Scope.SESSIONS_READ)

        def find(connection: Connection) -> ArtifactRow:
            require_owner(connection, place, visitor)
            row = artifacts.find(connection, place.owner, place.path)
            if row is None:
                raise NotFound(f"No such artifact: '{visible(place.path)[:200]}'")
            return row

        row = await self._database.read(find, applied=False)
        return row.sha256, self._store.root / row.owner / row.sha256

    async def list(self, place: Place, visitor: Visitor) -> list[Json]:
        """What a folder holds; nothing where there is none. A file's own path lists that file."""
        if place.version is not None:
            return await self._versions.list(place, visitor)
        visitor.require(Scope.SESSIONS_READ)

        def read(connection: Connection) -> list[Json]:
            require_owner(connection, place, visitor)
            found = artifacts.below(connection, place.owner, place.path, MOST_LISTED)
            return listing.listed(((row.path, row.size_bytes) for row in found), place.path)

        return await self._database.read(read, applied=False)

    async def list_of_run(self, place: Place, visitor: Visitor) -> Json:
        """What a folder of a run holds, with paths from the run's first folder on."""
        run = await self._database.read(lambda c: run_of(c, place.owner, visitor), applied=False)
        found = await self.list(place, visitor)
        prefix = f"{place.path}/" if place.path else ""
        shown = [each | {"path": prefix + each["path"]} for each in found]
        return {"root_uri": answers.artifact_uri(run), "files": shown}

    async def delete(self, place: Place, visitor: Visitor) -> None:
        """Remove a file or a folder; contents that no other file has go too."""

        def change(connection: Connection) -> list[str]:
            _require_active(connection, place, visitor)
            hashes = _hashes(connection, place)
            artifacts.remove(connection, place.owner, place.path)
            return [h for h in hashes if not artifacts.has_content(connection, place.owner, h)]

        visitor.require(Scope.SESSIONS_WRITE)
        if place.version is not None:
            raise NotPermitted("A version of a registered model stays as it is")
        async with self._turn(place.owner):
            unused = frozenset(await self._database.write(change))
            await asyncio.to_thread(
                self._store.remove_files, place.owner, lambda name: name in unused
            )

    async def delete_model(self, id: str, visitor: Visitor) -> None:
        """Remove a logged model with its files; versions that were made of it stay."""

        def change(connection: Connection) -> None:
            logged_models.changeable_model(connection, id, visitor)
            artifacts.remove(connection, id, "")
            rows.remove(connection, id)

        async with self._turn(id):
            await self._database.write(change)
            await asyncio.to_thread(self._store.remove, id)

    def _turn(self, owner: str) -> asyncio.Lock:
        """One change at a time: a content must not go while a file with it comes."""
        return self._turns.setdefault(owner, asyncio.Lock())


def require_owner(connection: Connection, place: Place, visitor: Visitor) -> None:
    """Whether the run or the logged model is there for the caller. Raises NotFound."""
    if place.is_model:
        logged_models.model_of(connection, place.owner, visitor)
    else:
        run_of(connection, place.owner, visitor)


def _require_active(connection: Connection, place: Place, visitor: Visitor) -> None:
    if place.is_model:
        logged_models.changeable_model(connection, place.owner, visitor)
    else:
        active_run(connection, place.owner, visitor)


def _require_room(connection: Connection, place: Place, visitor: Visitor) -> None:
    _require_active(connection, place, visitor)
    if artifacts.count(connection, place.owner) >= MOST_FILES:
        raise BadRequest(f"{place.owner} has {MOST_FILES} artifacts; pack files into an archive")
    folders = place.path.split("/")[:-1]
    for depth in range(1, len(folders) + 1):
        folder = "/".join(folders[:depth])
        if artifacts.find(connection, place.owner, folder) is not None:
            raise BadRequest(f"'{visible(folder)[:200]}' is a file; nothing lies below it")
    if artifacts.below(connection, place.owner, place.path, 1):
        raise BadRequest(f"'{visible(place.path)[:200]}' is a folder; give the file another name")


def _put(connection: Connection, place: Place, received: Received, visitor: Visitor) -> str | None:
    """Returns the hash of a content that no file has any more."""
    _require_active(connection, place, visitor)
    before = artifacts.find(connection, place.owner, place.path)
    now = int(time.time() * 1000)
    row = ArtifactRow(place.owner, place.path, received.sha256, received.size_bytes, now)
    artifacts.put(connection, row)
    if before is None or artifacts.has_content(connection, place.owner, before.sha256):
        return None
    return before.sha256


def _hashes(connection: Connection, place: Place) -> set[str]:
    found = {row.sha256 for row in artifacts.below(connection, place.owner, place.path, MOST_FILES)}
    one = artifacts.find(connection, place.owner, place.path)
    return found | ({one.sha256} if one is not None else set())
