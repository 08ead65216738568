"""Uploads in parts, for files that take longer than a connection lasts.

Guarantees:

- A part is complete or absent, and survives restarts. The same part again replaces it.
- `complete` gives the file to its registry exactly once, also if the gateway dies meanwhile and the
  request is repeated.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated

import structlog
from pydantic import AfterValidator, Field, StrictInt

from trainyard_api import timestamps
from trainyard_api.datasets.choices import SchemaChoices
from trainyard_api.model import ClosedModel, OpenModel
from trainyard_api.rights.owner import Owner, User, Visibility
from trainyard_api.visible_text import checked_name
from trainyard_gateway.errors import AlreadyThere, BadRequest, NotFound, OutOfSpace, TooLarge
from trainyard_gateway.files.file_store import CHUNK, FileStore
from trainyard_gateway.files.inspect import format_of
from trainyard_gateway.registry.dataset_schema import stored
from trainyard_gateway.registry.naming import check_name
from trainyard_gateway.registry.quota import Quota
from trainyard_gateway.store.access import owners
from trainyard_gateway.store.access.owners import Kind
from trainyard_gateway.store.database import Connection, Database
from trainyard_gateway.store.errors import DatabaseError
from trainyard_gateway.store.registry import uploads, usage
from trainyard_gateway.store.registry.uploads import EVERYBODY, UploadRow

KEPT_DAYS = 7
"""Days after which an incomplete upload is removed."""
EXPIRE_SECONDS = 3600.0
"""Seconds between two looks for such uploads."""
MOST_BEGUN = 100
"""Uploads of a kind that may be incomplete at a time."""
MOST_OF_OWNER = 25
"""Of these, those that keys of one name began: no user takes the place of all others."""
MOST_PARTS = 10_000


_log = structlog.get_logger()


def _checked_filename(name: str) -> str:
    return checked_name(name) if name else name


class NewUpload(ClosedModel):
    """What is to come."""

    name: str = Field(min_length=1, max_length=128)
    """Name of the dataset or model."""
    filename: Annotated[str, Field(max_length=256), AfterValidator(_checked_filename)] = ""
    """Name of the file, without control and invisible characters. Its ending gives the format of
    a dataset."""
    size_bytes: StrictInt = Field(ge=1, le=2**50)
    """Size of the whole file."""
    part_bytes: StrictInt = Field(default=64 << 20, ge=1 << 10, le=5 << 30)
    """Size of every part but the last."""
    choices: SchemaChoices = SchemaChoices()
    """How a dataset is read, where the reader shall not guess."""
    team: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    """One of the caller's teams. Default: the first one."""
    visibility: Visibility = Visibility.TEAM
    """Who sees it: its user (`private`), its team (`team`) or every user (`all`)."""


class UploadInfo(OpenModel):
    """An upload that is not complete."""

    id: str
    """Its id."""
    name: str
    """Name of the dataset or model."""
    size_bytes: int
    """Size of the whole file."""
    part_bytes: int
    """Size of every part but the last."""
    parts: int
    """Number of parts; they are counted from 1."""
    missing: list[int]
    """Parts that are not there yet."""
    created: str
    """When it began."""


class UploadSummary(OpenModel):
    """An upload that is not complete, in a list."""

    id: str
    """Its id."""
    name: str
    """Name of the dataset or model."""
    size_bytes: int
    """Size of the whole file."""
    parts: int
    """Number of parts."""
    received: int
    """Number of parts that are there."""
    created: str
    """When it began; it is removed a week later."""
    owner: str
    """Name of the key that began it; empty if an earlier version did not note it."""


class Uploads:
    """Uploads of one kind (`dataset` or `model`)."""

    def __init__(self, store: FileStore, database: Database, quota: Quota) -> None:
        self.kind, self._store, self._database = quota.kind, store, database
        self._quota = quota

    async def create(self, new: NewUpload, owner: Owner) -> UploadInfo:
        """Begin an upload; `owner`: of what it becomes.

        Raises BadRequest, TooLarge and OutOfSpace.
        """
        check_name(self.kind, new.name)
        if self.kind == "dataset":
            format_of(new.filename)
        elif new.choices != SchemaChoices():
            raise BadRequest("choices are for datasets; a model has none")
        if -(-new.size_bytes // new.part_bytes) > MOST_PARTS:
            raise BadRequest(f"more than {MOST_PARTS} parts; make partBytes larger")
        row = UploadRow(
            id=uuid.uuid4().hex,
            kind=self.kind,
            name=new.name,
            filename=new.filename,
            size_bytes=new.size_bytes,
            part_bytes=new.part_bytes,
            created=timestamps.now_text(),
            choices=stored(new.choices),
            owner=owner.user,
        )
        await self._database.write(lambda c: _add_within_quota(c, row, owner, self._quota))
        return await self.get(row.id)

    async def all(self, user: User = EVERYBODY) -> list[UploadSummary]:
        """Every upload that `user` sees and that is not complete, oldest first."""
        rows = await self._database.read(lambda c: uploads.read_all(c, self.kind, user))
        return [
            UploadSummary(
                id=row.id,
                name=row.name,
                size_bytes=row.size_bytes,
                parts=_count(row),
                received=received,
                created=row.created,
                owner=row.owner,
            )
            for row, received in rows
        ]

    async def run(self) -> None:
        """Remove old incomplete uploads without end."""
        while True:
            await asyncio.sleep(EXPIRE_SECONDS)
            try:
                await self.expire(datetime.now(UTC))
            except (DatabaseError, OSError) as error:
                _log.warning("old uploads not removed", error=str(error)[:200])

    async def expire(self, now: datetime) -> None:
        """Remove the uploads that are older than KEPT_DAYS at `now`, with their parts."""
        limit = timestamps.datetime_to_text(now - timedelta(days=KEPT_DAYS))
        for upload in await self.all():
            if upload.created < limit:
                await self._database.write(partial(uploads.remove, upload=upload.id))
                await asyncio.to_thread(self._store.remove, upload.id)
                _log.info("removed an old upload", upload=upload.id, name=upload.name)

    async def get(self, upload: str) -> UploadInfo:
        """How far it is. Raises NotFound."""
        row, there = await self._read(upload)
        count = _count(row)
        return UploadInfo(
            id=row.id,
            name=row.name,
            size_bytes=row.size_bytes,
            part_bytes=row.part_bytes,
            parts=count,
            missing=[n for n in range(1, count + 1) if n not in there],
            created=row.created,
        )

    async def put(
        self, upload: str, number: int, chunks: AsyncIterator[bytes], declared: int | None
    ) -> str:
        """Store a part. Returns its hash.

        Raises NotFound, TooLarge, and BadRequest for a part that is too short.
        """
        row, _ = await self._read(upload)
        if number > _count(row):
            raise NotFound(f"this upload has {_count(row)} parts")
        wanted = min(row.part_bytes, row.size_bytes - (number - 1) * row.part_bytes)
        if declared is not None and declared > wanted:
            raise TooLarge(f"part {number} has {wanted} bytes, not {declared}")
        await self._database.read(lambda c: self._quota.check_part(c, wanted))
        received = await self._store.receive(_bounded(chunks, wanted, number), declared)
        try:
            if received.size_bytes < wanted:
                raise BadRequest(
                    f"part {number} has {wanted} bytes, only {received.size_bytes} came; send it again"
                )
            await asyncio.to_thread(self._store.keep, received, upload, str(number))
            await self._database.write(
                lambda c: uploads.save_part(c, upload, number, received.sha256)
            )
        finally:
            self._store.discard(received)
        return received.sha256

    async def whole(self, upload: str) -> tuple[UploadRow, AsyncIterator[bytes]]:
        """The row of an upload and its bytes.

        Raises NotFound, and AlreadyThere while parts are missing.
        """
        found = await self.get(upload)
        if found.missing:
            raise AlreadyThere(
                f"{len(found.missing)} of {found.parts} parts are missing, the first is {found.missing[0]}"
            )
        row, _ = await self._read(upload)
        return row, _read_parts(self._store.root / upload, found.parts)

    async def remove(self, upload: str) -> None:
        """Forget an upload with its parts. Raises NotFound."""
        await self._read(upload)
        await self._database.write(lambda c: uploads.remove(c, upload))
        await asyncio.to_thread(self._store.remove, upload)

    async def clean(self) -> set[str]:
        """Remove old incomplete uploads. Returns the ids of the others."""
        limit = timestamps.datetime_to_text(datetime.now(UTC) - timedelta(days=KEPT_DAYS))
        await self._database.write(lambda c: uploads.remove_older(c, self.kind, limit))
        return await self._database.read(lambda c: uploads.ids(c, self.kind), applied=False)

    async def owner(self, upload: str) -> Owner:
        """The owner of what it becomes."""
        return await self._database.read(
            lambda c: owners.find(c, Kind.UPLOAD, upload), applied=False
        )

    async def _read(self, upload: str) -> tuple[UploadRow, set[int]]:
        # What is no id may hold what a database trips over.
        known = upload.isalnum() and upload.isascii()
        row, there = None, set[int]()
        if known:
            row, there = await self._database.read(
                lambda c: (uploads.find(c, self.kind, upload), uploads.part_numbers(c, upload)),
                applied=False,
            )
        if row is None:
            raise NotFound(f"there is no upload {upload[:40]!r} of a {self.kind}; begin a new one")
        return row, there


def _count(row: UploadRow) -> int:
    return -(-row.size_bytes // row.part_bytes)


def _add_within_quota(connection: Connection, row: UploadRow, owner: Owner, quota: Quota) -> None:
    begun = usage.uploading(connection, row.kind).count
    if begun >= MOST_BEGUN:
        raise OutOfSpace(
            f"{begun} uploads of {row.kind}s are incomplete, the most there may be; "
            f"complete or delete some: `trainyard uploads ls`, GET /api/v1/uploads/{row.kind}s"
        )
    own = uploads.count_of(connection, row.kind, row.owner)
    if own >= MOST_OF_OWNER:
        raise AlreadyThere(
            f"{own} uploads of {row.kind}s that {row.owner!r} began are incomplete, the most of one "
            f"user; complete or delete some: `trainyard uploads ls`, GET /api/v1/uploads/{row.kind}s"
        )
    # Uploads in progress count as what was received of them, and a little more.
    quota.check(connection, row.size_bytes, with_uploads=True)
    uploads.add(connection, row, owner)


async def _bounded(chunks: AsyncIterator[bytes], most: int, number: int) -> AsyncIterator[bytes]:
    seen = 0
    async for chunk in chunks:
        seen += len(chunk)
        if seen > most:
            raise TooLarge(f"part {number} has {most} bytes, more came")
        yield chunk


async def _read_parts(folder: Path, count: int) -> AsyncIterator[bytes]:
    for number in range(1, count + 1):
        with await asyncio.to_thread((folder / str(number)).open, "rb") as file:
            while chunk := await asyncio.to_thread(file.read, CHUNK):
                yield chunk
