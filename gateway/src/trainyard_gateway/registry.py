"""Datasets and models: files on the volume, rows in the database. The row comes last; what has no row does not exist."""

from __future__ import annotations

import asyncio
import os
import re
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, Row, delete, func, insert, select

from trainyard_api import contract
from trainyard_api.model import Status
from trainyard_api.names import is_artifact_name
from trainyard_api.report import ModelReport
from trainyard_gateway import clock
from trainyard_gateway.errors import AlreadyThere, BadRequest, NotFound
from trainyard_gateway.files import safetensors
from trainyard_gateway.files.atomic import CHUNK, Received, Store
from trainyard_gateway.files.inspect import DatasetDetails, format_of, inspect
from trainyard_gateway.store.database import Database
from trainyard_gateway.store.tables import datasets, models


class DatasetInfo(Status):
    """A registered dataset."""

    name: str
    format: str
    """csv, parquet, npz, npy, jsonl, text or images."""
    sha256: str
    size_bytes: int
    created: str
    file: str
    """Path below the datasets folder."""
    details: DatasetDetails


class ModelInfo(Status):
    """One version of a model."""

    name: str
    version: int
    sha256: str
    size_bytes: int
    created: str
    session_uid: str | None = None
    """The session that trained it, None for uploads."""
    card: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Upload:
    """What was asked of an upload besides its bytes."""

    name: str
    filename: str
    declared: int | None


class Datasets:
    """The dataset registry."""

    def __init__(self, store: Store, database: Database) -> None:
        self._store, self._database = store, database

    async def all(self) -> list[DatasetInfo]:
        """Every dataset by name."""
        rows = await self._database.read(
            lambda c: c.execute(select(datasets).order_by(datasets.c.name)).all()
        )
        return [_dataset(r) for r in rows]

    async def get(self, name: str) -> DatasetInfo:
        """One dataset. Raises NotFound."""
        found = await self.find(name)
        if found is None:
            raise NotFound(
                f"there is no dataset {name!r}; upload it with POST /api/v1/datasets?name={name}"
            )
        return found

    async def find(self, name: str) -> DatasetInfo | None:
        """One dataset or None."""
        row = await self._database.read(
            lambda c: c.execute(select(datasets).where(datasets.c.name == name)).one_or_none()
        )
        return _dataset(row) if row is not None else None

    async def add(self, upload: Upload, chunks: AsyncIterator[bytes]) -> tuple[DatasetInfo, bool]:
        """Receive and register; False beside an equal one that was there. Raises AlreadyThere for other content of that name."""
        _check_name("dataset", upload.name)
        file_format = format_of(upload.filename)
        received = await self._store.receive(chunks, upload.declared)
        try:
            known = await self.find(upload.name)
            if known is not None:
                return _same(known, received), False
            details = await asyncio.to_thread(inspect, received.path, file_format)
            identity = uuid.uuid4().hex
            file = _safe_filename(upload.filename)
            await asyncio.to_thread(self._store.keep, received, identity, file)
            row = {
                "id": identity,
                "name": upload.name,
                "file": f"{identity}/{file}",
                "format": file_format,
                "sha256": received.sha256,
                "size_bytes": received.size_bytes,
                "created": clock.now(),
                "details": details.model_dump_json(by_alias=True, exclude_none=True),
            }
            winner = await self._database.write(lambda c: _insert_dataset(c, row))
            if winner.sha256 != received.sha256 or winner.file != row["file"]:
                # Someone else registered the name in the meantime.
                self._store.remove(identity)
                return _same(winner, received), False
            return winner, True
        finally:
            self._store.discard(received)

    async def remove(self, name: str) -> None:
        """Delete row and file. Raises NotFound."""
        found = await self.get(name)
        await self._database.write(
            lambda c: c.execute(delete(datasets).where(datasets.c.name == name))
        )
        await asyncio.to_thread(self._store.remove, found.file.partition("/")[0])


class Models:
    """The model registry."""

    def __init__(self, store: Store, runs: Path, database: Database) -> None:
        self._store, self._runs, self._database = store, runs, database

    async def all(self) -> list[ModelInfo]:
        """The newest version of every model by name."""
        newest = (
            select(models.c.name, func.max(models.c.version).label("v"))
            .group_by(models.c.name)
            .subquery()
        )
        query = select(models).join(
            newest, (models.c.name == newest.c.name) & (models.c.version == newest.c.v)
        )
        rows = await self._database.read(lambda c: c.execute(query.order_by(models.c.name)).all())
        return [_model(r) for r in rows]

    async def versions(self, name: str) -> list[ModelInfo]:
        """Every version of a model, oldest first. Raises NotFound."""
        query = select(models).where(models.c.name == name).order_by(models.c.version)
        rows = await self._database.read(lambda c: c.execute(query).all())
        if not rows:
            raise NotFound(f"there is no model {name!r}")
        return [_model(r) for r in rows]

    async def get(self, name: str, version: int | None = None) -> tuple[ModelInfo, Path]:
        """A version (the newest by default) and its file. Raises NotFound."""
        query = select(models).where(models.c.name == name)
        if version is not None:
            query = query.where(models.c.version == version)
        row = await self._database.read(
            lambda c: c.execute(query.order_by(models.c.version.desc()).limit(1)).one_or_none()
        )
        if row is None:
            which = f" version {version}" if version is not None else ""
            raise NotFound(f"there is no model {name!r}{which}")
        return _model(row), self._store.root / row.file

    async def of_session(self, uid: str) -> ModelInfo | None:
        """The newest model that a session has left."""
        query = select(models).where(models.c.session_uid == uid).order_by(models.c.version.desc())
        row = await self._database.read(lambda c: c.execute(query.limit(1)).one_or_none())
        return _model(row) if row is not None else None

    async def upload(
        self, name: str, chunks: AsyncIterator[bytes], declared: int | None
    ) -> ModelInfo:
        """Receive a safetensors file and register it as the next version."""
        _check_name("model", name)
        received = await self._store.receive(chunks, declared)
        return await self._register(name, received, {}, None)

    async def adopt(self, report: ModelReport) -> ModelInfo:
        """Take over the model that a session has left in its run folder. The same report again gives the same version."""
        _check_name("model", report.name)
        known = await self.of_session(report.session_uid)
        if known is not None and known.sha256 == report.sha256 and known.name == report.name:
            return known
        source = self._runs / report.session_uid / contract.OUTPUT / contract.MODEL_FILE
        received = await self._store.receive(_read(source))
        if received.sha256 != report.sha256:
            self._store.discard(received)
            raise BadRequest(
                f"the model's file has the hash {received.sha256}, not {report.sha256}"
            )
        return await self._register(report.name, received, report.card, report.session_uid)

    async def remove(self, name: str) -> None:
        """Delete all versions: rows and files. Raises NotFound."""
        await self.versions(name)
        rows = await self._database.write(
            lambda c: c.execute(
                delete(models).where(models.c.name == name).returning(models.c.id)
            ).all()
        )
        for row in rows:
            await asyncio.to_thread(self._store.remove, row.id)

    async def _register(
        self, name: str, received: Received, card: dict[str, Any], session_uid: str | None
    ) -> ModelInfo:
        try:
            metadata = await asyncio.to_thread(_check_file, received.path)
            identity = uuid.uuid4().hex
            await asyncio.to_thread(self._store.keep, received, identity, contract.MODEL_FILE)
        finally:
            self._store.discard(received)
        row = {
            "id": identity,
            "name": name,
            "file": f"{identity}/{contract.MODEL_FILE}",
            "sha256": received.sha256,
            "size_bytes": received.size_bytes,
            "created": clock.now(),
            "session_uid": session_uid,
            "card": orjson.dumps(card or _card(metadata)).decode(),
        }
        return await self._database.write(lambda c: _insert_model(c, row))


def _insert_dataset(connection: Connection, row: dict[str, Any]) -> DatasetInfo:
    """Insert unless the name is taken; whoever has it."""
    query = select(datasets).where(datasets.c.name == row["name"])
    if connection.execute(query).one_or_none() is None:
        connection.execute(insert(datasets).values(row))
    return _dataset(connection.execute(query).one())


def _insert_model(connection: Connection, row: dict[str, Any]) -> ModelInfo:
    """Insert as the next version; numbers are given by the one writer."""
    newest = select(func.coalesce(func.max(models.c.version), 0)).where(
        models.c.name == row["name"]
    )
    version = connection.execute(newest).scalar_one() + 1
    connection.execute(insert(models).values(**row, version=version))
    return _model(connection.execute(select(models).where(models.c.id == row["id"])).one())


def _same(known: DatasetInfo, received: Received) -> DatasetInfo:
    if known.sha256 != received.sha256:
        raise AlreadyThere(
            f"a dataset {known.name!r} with other content is there; delete it first or use another name"
        )
    return known


def _check_name(kind: str, name: str) -> None:
    if not is_artifact_name(name):
        raise BadRequest(
            f"a {kind} cannot be called {name[:140]!r}: use letters, digits, '-', '_' and '.', at most 128, "
            "with a letter or digit at both ends"
        )


def _safe_filename(filename: str) -> str:
    """A name of our own with the ending of theirs: the trainer reads the format, nobody reads the rest."""
    return "data" + re.sub(r"[^a-z0-9.]", "", "." + filename.lower().partition(".")[2])[:32]


async def _read(source: Path) -> AsyncIterator[bytes]:
    """Chunks of a file that a session owns: a link in its place is refused, not followed."""
    try:
        handle = os.open(source, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as error:
        raise BadRequest(f"the run left no model file: {error.strerror}") from error
    try:
        while chunk := await asyncio.to_thread(os.read, handle, CHUNK):
            yield chunk
    finally:
        os.close(handle)


def _check_file(path: Path) -> dict[str, Any]:
    handle = os.open(path, os.O_RDONLY)
    try:
        return safetensors.check(handle)
    finally:
        os.close(handle)


def _card(metadata: dict[str, Any]) -> dict[str, Any]:
    """The card inside a model that Trainyard trained and somebody uploads again."""
    try:
        card = orjson.loads(metadata.get("trainyard", "{}"))
    except orjson.JSONDecodeError:
        return {}
    return card if isinstance(card, dict) else {}


def _dataset(row: Row[Any]) -> DatasetInfo:
    return DatasetInfo(
        name=row.name,
        format=row.format,
        sha256=row.sha256,
        size_bytes=row.size_bytes,
        created=row.created,
        file=row.file,
        details=DatasetDetails.model_validate_json(row.details),
    )


def _model(row: Row[Any]) -> ModelInfo:
    return ModelInfo(
        name=row.name,
        version=row.version,
        sha256=row.sha256,
        size_bytes=row.size_bytes,
        created=row.created,
        session_uid=row.session_uid,
        card=orjson.loads(row.card),
    )
