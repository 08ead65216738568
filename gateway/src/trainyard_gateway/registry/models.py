"""The model registry: versions by number, files checked by their header and never unpickled."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from trainyard_api import contract, timestamps
from trainyard_api.names import is_artifact_name
from trainyard_api.report import ModelReport
from trainyard_api.rights.owner import Owner, User
from trainyard_gateway.errors import BadRequest, NotFound, NotPermitted, Unprocessable
from trainyard_gateway.files import safetensors
from trainyard_gateway.files.file_store import FileStore, Received
from trainyard_gateway.files.outputs import read_inside
from trainyard_gateway.registry.model_card import card_in
from trainyard_gateway.registry.model_info import ModelInfo, info_of, listed
from trainyard_gateway.registry.model_origin import ModelOrigin
from trainyard_gateway.registry.naming import check_name
from trainyard_gateway.registry.quota import Quota
from trainyard_gateway.rights.asking import require_next_version
from trainyard_gateway.store.database import Connection, Database
from trainyard_gateway.store.registry import models
from trainyard_gateway.store.registry.models import ModelRow

MOST_OUTPUTS_SHOWN = 64
"""Trees of a session that its status names."""


@dataclass(frozen=True, slots=True)
class Uploader:
    """Who uploads a model."""

    user: User
    owner: Owner
    """Of a model that is new."""


class Models:
    """The model registry."""

    def __init__(self, store: FileStore, runs: Path, database: Database, quota: Quota) -> None:
        self._store, self._runs, self._database = store, runs, database
        self._quota = quota
        self._checking = asyncio.Semaphore(1)
        """Headers are read one at a time: each may hold hundreds of thousands of names."""

    async def newest(self, user: User, after: str | None = None) -> tuple[list[ModelInfo], bool]:
        """A page of the newest version of every model that `user` sees; whether there are more."""
        rows, more = await self._database.read(
            lambda c: models.read_newest(c, user, after), applied=False
        )
        return [listed(row) for row in rows], more

    async def versions(self, name: str, after: int = 0) -> tuple[list[ModelInfo], bool]:
        """A page of the versions of a model after `after`, oldest first; whether there are more.

        Raises NotFound.
        """
        await self._require(name)
        rows, more = await self._database.read(
            lambda c: models.read_versions(c, name, after), applied=False
        )
        return [listed(row) for row in rows], more

    async def row(self, name: str, version: int | None = None) -> ModelRow:
        """A version, the newest by default. Raises NotFound."""
        if not is_artifact_name(name):
            raise absent(name)
        row = await self._database.read(lambda c: models.find(c, name, version), applied=False)
        if row is None:
            raise absent(name, version)
        return row

    async def get(self, name: str, version: int | None = None) -> ModelInfo:
        """A version, the newest by default. Raises NotFound."""
        return info_of(await self.row(name, version))

    async def file(self, name: str, version: int | None = None) -> tuple[ModelInfo, Path]:
        """A version that is a file, and where it is. Raises NotFound, Unprocessable for a tree."""
        row = await self.row(name, version)
        if row.kind == models.TREE:
            place = f"/api/v1/models/{name}/versions/{row.version}"
            raise Unprocessable(
                f"version {row.version} of {name!r} is a tree of {row.files} files, not one file; "
                f"`trainyard models get {name}` downloads it, {place}/files lists its files, and "
                f"{place}/archive packs them"
            )
        return info_of(row), self._store.root / row.file

    async def of_session(self, uid: str) -> ModelInfo | None:
        """The newest model that a session has left."""
        row = await self._database.read(lambda c: models.find_by_session(c, uid), applied=False)
        return info_of(row) if row is not None else None

    async def outputs_of(self, uid: str) -> list[ModelInfo]:
        """The trees that a session has registered, without cards; of each name the newest."""
        rows = await self._database.read(
            lambda c: models.trees_of_session(c, uid, MOST_OUTPUTS_SHOWN), applied=False
        )
        return [info_of(row) for row in rows]

    async def upload(
        self,
        name: str,
        chunks: AsyncIterator[bytes],
        declared: int | None,
        uploader: Uploader,
        identity: str | None = None,
    ) -> ModelInfo:
        """Receive a safetensors file and register it as the next version.

        The same `identity` again gives the same version. Raises NotPermitted for a model to which
        the user may not add versions, also if it came while the file was received.
        """
        check_name("model", name)
        if identity is not None:
            row = await self._database.read(lambda c: models.find_by_id(c, identity), applied=False)
            if row is not None:
                return info_of(row)
        bounded = self._quota.bounded(self._database, chunks, declared)
        received = await self._store.receive(bounded, declared)
        return await self._register(name, received, {}, uploader, identity)

    async def adopt(self, report: ModelReport, origin: ModelOrigin) -> ModelInfo:
        """Register the model that a session has left in its folder.

        The same report again gives the same version. Raises NotPermitted for another name than the
        session's, and for a model to which the session's user may not add versions.
        """
        check_name("model", report.name)
        if report.name != origin.model_name:
            raise NotPermitted(
                f"session {origin.session.name!r} registers its model as {origin.model_name!r} only"
                " (spec.outputModel, or else the session's name)"
            )
        await self._database.read(
            lambda c: require_next_version(c, origin.user, report.name), applied=False
        )
        known = await self.of_session(report.session_uid)
        if known is not None and known.sha256 == report.sha256 and known.name == report.name:
            return known
        place = (report.session_uid, contract.OUTPUT, contract.MODEL_FILE)
        chunks = read_inside(self._runs, place, report.size_bytes)
        bounded = self._quota.bounded(self._database, chunks, report.size_bytes)
        received = await self._store.receive(bounded, report.size_bytes)
        if received.sha256 != report.sha256:
            self._store.discard(received)
            # The hash of the file is not shown: the file may not be the session's.
            raise BadRequest("the model's file has another hash than the one that was reported")
        return await self._register(report.name, received, report.card, origin)

    async def remove(self, name: str) -> None:
        """Delete a model with all its versions: rows and files. Raises NotFound."""
        known = is_artifact_name(name)
        ids = await self._database.write(lambda c: models.remove(c, name)) if known else None
        if ids is None:
            raise absent(name)
        for id in ids:
            await asyncio.to_thread(self._store.remove, id)

    async def remove_version(self, name: str, version: int) -> None:
        """Delete one version: row and files. Raises NotFound."""
        if not is_artifact_name(name):
            raise absent(name)
        id = await self._database.write(lambda c: models.remove_version(c, name, version))
        if id is None:
            raise absent(name, version)
        await asyncio.to_thread(self._store.remove, id)

    async def _require(self, name: str) -> None:
        if not is_artifact_name(name) or not await self._database.read(
            lambda c: models.exists(c, name), applied=False
        ):
            raise absent(name)

    async def _register(
        self,
        name: str,
        received: Received,
        card: dict[str, Any],
        maker: ModelOrigin | Uploader,
        given: str | None = None,
    ) -> ModelInfo:
        origin = maker if isinstance(maker, ModelOrigin) else None
        identity = given or uuid.uuid4().hex
        try:
            async with self._checking:
                metadata = await asyncio.to_thread(_check_file, received.path)
            card = card or card_in(metadata)
            row = ModelRow(
                id=identity,
                name=name,
                version=0,  # set when it is inserted
                file=f"{identity}/{contract.MODEL_FILE}",
                sha256=received.sha256,
                size_bytes=received.size_bytes,
                created=timestamps.now_text(),
                session_uid=origin.session.uid if origin is not None else None,
                kind=models.FILE,
                files=1,
                flags="",
                card=_card_text(card if origin is None else origin.stated_in(card)),
            )
            await asyncio.to_thread(self._store.keep, received, identity, contract.MODEL_FILE)
            add = partial(_add_within_quota, row=row, quota=self._quota, maker=maker)
            added = await self._database.write(add)
            if added.id != identity:  # The same report, sent twice, was registered meanwhile.
                self._store.remove(identity)
            return info_of(added)
        except BaseException:
            if identity not in await self.identities():
                self._store.remove(identity)
            raise
        finally:
            self._store.discard(received)

    async def identities(self) -> set[str]:
        """The folders that belong to a version of a model."""
        return await self._database.read(models.ids, applied=False)


def absent(name: str, version: int | None = None) -> NotFound:
    """The answer where there is no such model, or none that the caller may see."""
    which = f" version {version}" if version is not None else ""
    return NotFound(f"there is no model {name[:140]!r}{which}; GET /api/v1/models lists them")


def _add_within_quota(
    connection: Connection, row: ModelRow, quota: Quota, maker: ModelOrigin | Uploader
) -> ModelRow:
    """Insert as the next version, unless its session's newest model is the same.

    Raises NotPermitted, TooLarge and OutOfSpace.
    """
    if row.session_uid is not None:
        known = models.find_by_session(connection, row.session_uid)
        if known is not None and (known.name, known.sha256) == (row.name, row.sha256):
            return known
    require_next_version(connection, maker.user, row.name)
    quota.check(connection, row.size_bytes)
    owner = maker.owner if isinstance(maker, Uploader) else None
    return models.add_next_version(connection, row, owner)


def _card_text(card: dict[str, Any]) -> str:
    try:
        return orjson.dumps(card).decode()
    except TypeError as error:
        raise BadRequest(f"the model card cannot be stored: {error}") from error


def _check_file(path: Path) -> dict[str, Any]:
    handle = os.open(path, os.O_RDONLY)
    try:
        return safetensors.check(handle)
    finally:
        os.close(handle)
