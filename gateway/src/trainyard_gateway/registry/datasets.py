"""The dataset registry."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from trainyard_api import timestamps
from trainyard_api.model import OpenModel
from trainyard_api.names import is_artifact_name
from trainyard_gateway.errors import AlreadyThere, NotFound
from trainyard_gateway.files.details import DatasetDetails
from trainyard_gateway.files.file_store import FileStore, Received
from trainyard_gateway.files.inspect import format_of, inspect_in_pool
from trainyard_gateway.registry.naming import check_name, safe_filename
from trainyard_gateway.registry.quota import Quota
from trainyard_gateway.store.database import Connection, Database
from trainyard_gateway.store.registry import datasets
from trainyard_gateway.store.registry.datasets import DatasetRow


class DatasetInfo(OpenModel):
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


@dataclass(frozen=True, slots=True)
class Upload:
    """What was asked of an upload besides its bytes."""

    name: str
    filename: str
    declared: int | None


class Datasets:
    """The dataset registry."""

    def __init__(self, store: FileStore, database: Database, quota: Quota) -> None:
        self._store, self._database, self._quota = store, database, quota

    async def all(self) -> list[DatasetInfo]:
        """Every dataset by name."""
        return [_dataset(row) for row in await self._database.read(datasets.read_all)]

    async def get(self, name: str) -> DatasetInfo:
        """One dataset. Raises NotFound."""
        found = await self.find(name)
        if found is None:
            raise NotFound(
                f"there is no dataset {name[:140]!r}; upload it with POST /api/v1/datasets?name=…&filename=…"
            )
        return found

    async def find(self, name: str) -> DatasetInfo | None:
        """One dataset or None."""
        if not is_artifact_name(name):
            return None
        row = await self._database.read(lambda c: datasets.find(c, name))
        return _dataset(row) if row is not None else None

    async def admit(self, name: str, declared: int | None) -> None:
        """Whether an upload of that size may come, before its body is read.

        Raises BadRequest, TooLarge and OutOfSpace.
        """
        check_name("dataset", name)
        if await self.find(name) is None:
            await self._quota.admit(self._database, declared or 0)
        self._store.require(declared or 0)

    async def add(self, upload: Upload, chunks: AsyncIterator[bytes]) -> tuple[DatasetInfo, bool]:
        """Receive and register; False beside an equal one that was there.

        Raises AlreadyThere for other content of that name, TooLarge and OutOfSpace.
        """
        check_name("dataset", upload.name)
        file_format = format_of(upload.filename)
        # An upload of an existing dataset takes no space, so that no quota refuses it.
        if await self.find(upload.name) is None:
            chunks = self._quota.bounded(self._database, chunks, upload.declared)
        received = await self._store.receive(chunks, upload.declared)
        try:
            known = await self.find(upload.name)
            if known is not None:
                return _same(known, received), False
            details = await inspect_in_pool(received.path, file_format)
            return await self._keep(upload, received, file_format, details)
        finally:
            self._store.discard(received)

    async def _keep(
        self, upload: Upload, received: Received, file_format: str, details: DatasetDetails
    ) -> tuple[DatasetInfo, bool]:
        identity, file = uuid.uuid4().hex, safe_filename(upload.filename)
        row = DatasetRow(
            id=identity,
            name=upload.name,
            file=f"{identity}/{file}",
            format=file_format,
            sha256=received.sha256,
            size_bytes=received.size_bytes,
            created=timestamps.now_text(),
            details=details.model_dump_json(by_alias=True, exclude_none=True),
        )
        try:
            await asyncio.to_thread(self._store.keep, received, identity, file)
            winner = await self._database.write(lambda c: _add_if_absent(c, row, self._quota))
        except BaseException:
            await self._forget_unless_registered(identity)
            raise
        if winner.file != row.file:
            # Another upload has registered the name in the meantime.
            self._store.remove(identity)
            return _same(winner, received), False
        return winner, True

    async def _forget_unless_registered(self, identity: str) -> None:
        """After an error; where not even that can be asked, the next start cleans up."""
        if identity not in await self.identities():
            self._store.remove(identity)

    async def identities(self) -> set[str]:
        """The folders that belong to a dataset."""
        return await self._database.read(datasets.ids)

    async def remove(self, name: str, needed_by: Sequence[str]) -> None:
        """Delete row and file.

        Raises NotFound, and AlreadyThere while sessions (`needed_by`) will read it.
        """
        found = await self.get(name)
        if needed_by:
            listed = ", ".join(repr(n) for n in needed_by[:5])
            raise AlreadyThere(
                f"dataset {name!r} is needed by {listed}"
                f"{f' and {len(needed_by) - 5} more' if len(needed_by) > 5 else ''}; stop or cancel them first"
            )
        await self._database.write(lambda c: datasets.remove(c, name))
        await asyncio.to_thread(self._store.remove, found.file.partition("/")[0])


def _add_if_absent(connection: Connection, row: DatasetRow, quota: Quota) -> DatasetInfo:
    """Insert unless the name is taken. Returns the dataset that has the name.

    Raises TooLarge and OutOfSpace.
    """
    known = datasets.find(connection, row.name)
    if known is None:
        quota.check(connection, row.size_bytes)
        datasets.add(connection, row)
    return _dataset(known or row)


def _same(known: DatasetInfo, received: Received) -> DatasetInfo:
    if known.sha256 != received.sha256:
        raise AlreadyThere(
            f"a dataset {known.name!r} with other content is there; delete it first or use another name"
        )
    return known


def _dataset(row: DatasetRow) -> DatasetInfo:
    return DatasetInfo(
        name=row.name,
        format=row.format,
        sha256=row.sha256,
        size_bytes=row.size_bytes,
        created=row.created,
        file=row.file,
        details=DatasetDetails.model_validate_json(row.details),
    )
