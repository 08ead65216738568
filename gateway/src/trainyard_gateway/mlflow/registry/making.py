"""Makes versions of registered models: files of runs become the next version in the registry.

Guarantees:

- The files of a version are its own: deleting the run changes no version, and the other way round.
- Quotas, hashes and the flag of pickles are those of every tree of the registry.
- A client that asks again since no answer came joins what is under way.
- The same files under the same name are one version of a session, however often its program asks.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from anyio import CapacityLimiter, to_thread

from trainyard_gateway.errors import BadRequest, NotFound, of_volume
from trainyard_gateway.files.file_store import FileStore, remove_anything
from trainyard_gateway.mlflow import texts
from trainyard_gateway.mlflow.finding import run_of
from trainyard_gateway.mlflow.registry import contents, finding, rights, sources
from trainyard_gateway.mlflow.registry.contents import Contents, Origin
from trainyard_gateway.mlflow.registry.requests import CreateVersion
from trainyard_gateway.mlflow.visitor import Visitor
from trainyard_gateway.mlflow.wire.answers import Json
from trainyard_gateway.registry.model_origin import ModelOrigin, Session
from trainyard_gateway.registry.quota import Quota
from trainyard_gateway.store.database import Connection
from trainyard_gateway.store.registry import models, registered, version_notes
from trainyard_gateway.store.registry.models import ModelRow
from trainyard_gateway.store.registry.version_notes import NoteRow
from trainyard_gateway.store.sql.text import escape_nul
from trainyard_gateway.store.store import Store
from trainyard_gateway.trees.copying import advance
from trainyard_gateway.trees.linking import TreeLinks
from trainyard_gateway.trees.registering import register, row_of
from trainyard_gateway.trees.stored import StoredTrees

_AT_ONCE = 2
"""Versions that are made at a time."""
Key = tuple[str | None, str, str]
Add = Callable[[Connection, ModelRow], ModelRow]


class Sessions(Protocol):
    """What is known of sessions."""

    async def find(self, name_or_uid: str) -> Session:
        """A session, also one that was deleted. Raises NotFound."""

    def attempt_of(self, uid: str) -> int:
        """Its current attempt."""


@dataclass(frozen=True, slots=True)
class RegistryPlaces:
    """Where versions come from and where they go."""

    store: FileStore
    """The folder of models."""
    artifacts: Path
    """The folder of artifacts."""
    database: Store
    quota: Quota
    sessions: Sessions
    on_registered: Callable[[str], None]
    """Called with the UID of a session whose run has become a version."""


class VersionMaking:
    """Makes versions."""

    def __init__(self, places: RegistryPlaces) -> None:
        self._places, self._database = places, places.database
        self._stored = StoredTrees(places.store.root)
        self._under_way: dict[Key, asyncio.Task[Json]] = {}
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._threads = CapacityLimiter(_AT_ONCE)

    async def create(self, asked: CreateVersion, visitor: Visitor) -> Json:
        """Make the next version of a model. Raises Problem."""
        key = (visitor.session_uid, visitor.name, asked.model_dump_json())
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.ensure_future(self._create(asked, visitor))
            self._under_way[key] = task
            task.add_done_callback(lambda done: self._ended(key, done))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Stop what is being made; what is incomplete is removed."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, key: Key, task: asyncio.Task[Json]) -> None:
        self._under_way.pop(key, None)
        if not task.cancelled():
            # Also where the caller is gone, who would have heard of it.
            task.exception()

    async def _create(self, asked: CreateVersion, visitor: Visitor) -> Json:
        source = sources.source_of(asked.source)
        session = await self._session(visitor.session_uid)
        spec, name = (session.spec, session.name) if session is not None else ({}, "")

        def look(connection: Connection) -> Origin:
            finding.model_of(connection, asked.name, visitor.user)
            rights.require_version(connection, asked.name, spec, name, visitor)
            if asked.run_id is not None:
                run_of(connection, asked.run_id, visitor)
            return contents.origin_of(connection, source, visitor)

        # The files of a run are found once its reports are applied.
        origin = await self._database.read(look)
        card = await self._card(asked, origin)

        def add(connection: Connection, row: ModelRow) -> ModelRow:
            rights.require_version(connection, asked.name, spec, name, visitor)
            return _added(connection, row, asked, origin, self._places.quota, visitor)

        async with self._turns:
            try:
                row = await self._made(asked.name, origin, card, add)
            except FileNotFoundError as error:
                raise BadRequest("the files of the source were deleted meanwhile") from error
            except OSError as error:
                raise of_volume(error) or error from error
        if origin.session_uid is not None:
            self._places.on_registered(origin.session_uid)
        return await self._database.read(
            lambda c: finding.version_shown(
                c, finding.version_of(c, row.name, row.version, visitor.user)
            ),
            applied=False,
        )

    async def _made(self, name: str, origin: Origin, card: dict[str, Any], add: Add) -> ModelRow:
        store = self._places.store
        found = await to_thread.run_sync(self._contents, origin, limiter=self._threads)
        await self._places.quota.admit(self._database, found.manifest.size_bytes)
        made = await asyncio.to_thread(store.new_folder)
        try:
            copy = TreeLinks(found.manifest, made, found.place, store.require)
            steps = copy.steps()
            # A thread that works is waited for: it writes to the folder.
            while await to_thread.run_sync(advance, steps, limiter=self._threads):
                pass
            row = row_of(name, copy, found.manifest, origin.session_uid, card)
            return await register(store, self._database, made, row, add)
        finally:
            await asyncio.to_thread(remove_anything, made)

    def _contents(self, origin: Origin) -> Contents:
        if origin.row is None:
            return contents.of_files(origin.files, self._places.artifacts)
        return contents.of_tree(self._stored.read(origin.row), origin.folder)

    async def _session(self, uid: str | None) -> Session | None:
        if uid is None:
            return None
        try:
            found = await self._places.sessions.find(uid)
        except NotFound:
            return None
        return found if found.uid == uid else None

    async def _card(self, asked: CreateVersion, origin: Origin) -> dict[str, Any]:
        said = {
            "source": asked.source,
            "run": asked.run_id or origin.run_id,
            "loggedModel": asked.model_id or origin.model_id,
        }
        card: dict[str, Any] = {"mlflow": {key: value for key, value in said.items() if value}}
        session = await self._session(origin.session_uid)
        if session is not None:
            attempt = self._places.sessions.attempt_of(session.uid)
            card = ModelOrigin(session, attempt).stated_in(card)
        return {**card, "name": asked.name}


def _added(
    connection: Connection,
    row: ModelRow,
    asked: CreateVersion,
    origin: Origin,
    quota: Quota,
    visitor: Visitor,
) -> ModelRow:
    """Insert the next version and what the protocol says of it. Raises Problem."""
    finding.model_of(connection, asked.name, visitor.user)
    if visitor.session_uid is not None and row.session_uid is not None:
        known = models.find_tree(connection, row.session_uid, row.name, row.sha256)
        if known is not None:
            return known
    quota.check(connection, row.size_bytes)
    added = models.add_next_version(connection, row)
    now = int(time.time() * 1000)
    tags: Mapping[str, str] = {tag.key: tag.value for tag in asked.tags}
    note = NoteRow(
        name=added.name,
        version=added.version,
        source=escape_nul(asked.source),
        run_id=asked.run_id or origin.run_id,
        model_id=asked.model_id or origin.model_id,
        description=escape_nul(asked.description or ""),
        updated=now,
        tags=texts.packed(tags),
        run_link=escape_nul(asked.run_link),
    )
    version_notes.put(connection, note)
    registered.change(connection, added.name, updated=now)
    return added
