"""The dataset registry.

Guarantees:

- A dataset is registered only with the schema that an inspection found.
- Its schema is in its row and in a file beside its own, with the same bytes. That file never
  changes: a correction makes the next one, and sessions keep the one that they began with.
- Two corrections at once never overwrite each other.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

from trainyard_api import timestamps
from trainyard_api.datasets.choices import SchemaChoices
from trainyard_api.datasets.schema import DatasetSchema
from trainyard_api.names import is_artifact_name
from trainyard_api.rights.decision import sees
from trainyard_api.rights.owner import Owner, User
from trainyard_gateway.errors import AlreadyThere, BadRequest, NotFound, PreconditionFailed
from trainyard_gateway.files.file_store import FileStore, Received
from trainyard_gateway.files.inspect import Inspector, format_of
from trainyard_gateway.registry.dataset_info import (
    DatasetEntry,
    DatasetInfo,
    Upload,
    entity_tag,
    entry_of,
    info_of,
)
from trainyard_gateway.registry.dataset_schema import (
    FIRST_REVISION,
    merged,
    schema_of,
    stored,
    summary_of,
)
from trainyard_gateway.registry.naming import check_name, safe_filename
from trainyard_gateway.registry.quota import Quota
from trainyard_gateway.store.access import owners
from trainyard_gateway.store.access.owners import Kind
from trainyard_gateway.store.database import Connection, Database
from trainyard_gateway.store.registry import datasets
from trainyard_gateway.store.registry.datasets import DatasetRow, SchemaFile, schema_file

KEPT_REVISIONS = 10
"""Schema files of a dataset that stay on the volume, for sessions that begin at this moment."""
_OUTDATED = "An earlier version found this. The file is being inspected again; look again."


class Datasets:
    """The dataset registry."""

    def __init__(
        self, store: FileStore, database: Database, quota: Quota, inspector: Inspector
    ) -> None:
        self._store, self._database, self._quota = store, database, quota
        self._inspector = inspector
        self._outdated: dict[str, None] = {}
        self._refused: dict[str, str] = {}
        self._wake = asyncio.Event()
        self._listeners: list[Callable[[str], None]] = []

    def on_schema(self, listener: Callable[[str], None]) -> None:
        """Call `listener` with the name of a dataset whose schema has changed."""
        self._listeners.append(listener)

    async def page(self, user: User, after: str | None = None) -> tuple[list[DatasetEntry], bool]:
        """A page of datasets that `user` sees, by name after `after`; whether there are more."""
        rows, more = await self._database.read(
            lambda c: datasets.read_page(c, user, after), applied=False
        )
        return [entry_of(row) for row in rows], more

    async def get(self, name: str) -> DatasetInfo:
        """One dataset. Raises NotFound."""
        return self._info(await self._row(name))

    async def file(self, name: str) -> tuple[DatasetRow, Path]:
        """The row and the file of one dataset. Raises NotFound."""
        row = await self._row(name)
        return row, self._store.root / row.file

    async def find(self, name: str) -> DatasetInfo | None:
        """One dataset or None."""
        if not is_artifact_name(name):
            return None
        row = await self._database.read(lambda c: datasets.find(c, name), applied=False)
        return self._info(row) if row is not None else None

    async def admit(self, name: str, declared: int | None, user: User) -> None:
        """Whether an upload of that size may come, before its body is read.

        Raises BadRequest, AlreadyThere, TooLarge, OutOfSpace and Unavailable.
        """
        check_name("dataset", name)
        if not await self._is_known(name, user):
            await self._quota.admit(self._database, declared or 0)
            self._inspector.require_room()
        self._store.require(declared or 0)

    async def _is_known(self, name: str, user: User) -> bool:
        """Whether there is such a dataset. Raises AlreadyThere if `user` may not see it."""

        def read(connection: Connection) -> Owner | None:
            return owners.find_existing(connection, Kind.DATASET, name)

        owner = await self._database.read(read, applied=False)
        if owner is not None and not sees(user, owner):
            raise _taken(name)
        return owner is not None

    async def add(
        self, upload: Upload, chunks: AsyncIterator[bytes], user: User
    ) -> tuple[DatasetInfo, bool]:
        """Receive, inspect and register; False beside an equal one that was there.

        Raises AlreadyThere for other content or other choices of that name, BadRequest for a file
        that cannot be used, TooLarge, OutOfSpace and Unavailable.
        """
        check_name("dataset", upload.name)
        file_format = format_of(upload.filename)
        # An upload of an existing dataset takes no space, so that no quota refuses it.
        if not await self._is_known(upload.name, user):
            chunks = self._quota.bounded(self._database, chunks, upload.declared)
        received = await self._store.receive(chunks, upload.declared)
        try:
            known = await self.find(upload.name)
            if known is not None and await self._is_known(upload.name, user):
                return _same(known, received, upload.choices), False
            found = await self._inspector.inspect(received.path, file_format, upload.choices)
            chosen = {"choices": upload.choices, "revision": FIRST_REVISION}
            schema = found.model_copy(update=chosen)
            return await self._keep(upload, received, file_format, schema, user)
        finally:
            self._store.discard(received)

    async def correct(
        self, name: str, patch: dict[str, Any], if_match: str | None = None
    ) -> DatasetInfo:
        """Merge `patch` into the choices of a dataset and inspect its file again.

        `if_match` is an entity tag; one of another revision raises PreconditionFailed. Raises
        NotFound, Unprocessable, BadRequest if the file cannot be read so, AlreadyThere if another
        correction came first.
        """
        row = await self._row(name)
        known = schema_of(row.details)
        if if_match is not None and if_match not in ("*", entity_tag(known)):
            raise PreconditionFailed(
                f"the schema of {name!r} has the revision {known.revision}; look at it again"
            )
        choices = merged(known.choices, patch)
        if choices == known.choices and known.revision >= FIRST_REVISION:
            return self._info(row)
        return self._info(await self._inspect_again(row, choices))

    async def keep_schemas_current(self) -> None:
        """Inspect datasets whose schema an earlier version found, once they are asked for."""
        while True:
            await self._wake.wait()
            while self._outdated:
                name = next(iter(self._outdated))
                try:
                    await self._bring_up_to_date(name)
                finally:
                    self._outdated.pop(name, None)
            self._wake.clear()

    async def identities(self) -> set[str]:
        """The folders that belong to a dataset."""
        return await self._database.read(datasets.ids, applied=False)

    async def remove(self, name: str, needed_by: Sequence[str], sessions: int) -> None:
        """Delete row and file.

        Raises NotFound, and AlreadyThere while `sessions` sessions will read it; it names those in
        `needed_by`, which the caller sees.
        """
        found = await self._row(name)
        if sessions:
            raise AlreadyThere(
                f"dataset {name!r} is needed by {needing(needed_by, sessions)}; stop or cancel them "
                "first"
            )
        await self._database.write(lambda c: _remove(c, name))
        self._refused.pop(found.id, None)
        await asyncio.to_thread(self._store.remove, found.id)

    async def _row(self, name: str) -> DatasetRow:
        row = None
        if is_artifact_name(name):
            row = await self._database.read(lambda c: datasets.find(c, name), applied=False)
        if row is None:
            raise absent(name)
        return row

    def _info(self, row: DatasetRow) -> DatasetInfo:
        """A dataset as the API shows it. A schema of an earlier version will be found again."""
        found = info_of(row)
        if found.schema_file is not None:
            return found
        schema = found.details.model_copy(update={"notes": [self._ask_for(row)]})
        return found.model_copy(update={"details": schema})

    def _ask_for(self, row: DatasetRow) -> str:
        if (refusal := self._refused.get(row.id)) is not None:
            return f"An earlier version found this. This version cannot read the file: {refusal}"
        self._outdated[row.name] = None
        self._wake.set()
        return _OUTDATED

    async def _bring_up_to_date(self, name: str) -> None:
        try:
            row = await self._row(name)
            if schema_of(row.details).revision < FIRST_REVISION:
                await self._inspect_again(row, SchemaChoices())
        except (NotFound, AlreadyThere):
            return  # deleted or corrected meanwhile
        except BadRequest as error:
            self._refused[row.id] = error.detail[:500]

    async def _inspect_again(self, row: DatasetRow, choices: SchemaChoices) -> DatasetRow:
        path = self._store.root / row.file
        found = await self._inspector.inspect(path, row.format, choices)
        revision = schema_of(row.details).revision + 1
        schema = found.model_copy(update={"choices": choices, "revision": revision})
        details, summary = stored(schema), stored(summary_of(schema))
        await self._write_schema(row.file, details, revision)
        changed = await self._database.write(
            lambda c: datasets.replace_details(c, row, details, summary)
        )
        if not changed:
            raise AlreadyThere(
                f"the schema of {row.name!r} has changed meanwhile; look at it again"
            )
        self._refused.pop(row.id, None)
        oldest = revision - KEPT_REVISIONS
        await asyncio.to_thread(self._store.remove_files, row.id, _is_older(oldest))
        for listener in self._listeners:
            listener(row.name)
        return row._replace(details=details, summary=summary)

    async def _write_schema(self, file: str, details: str, revision: int) -> SchemaFile | None:
        target = schema_file(file, details, revision)
        if target is not None:
            received = await self._store.receive(_whole(details.encode()))
            folder, _, name = target.path.partition("/")
            await asyncio.to_thread(self._store.keep, received, folder, name)
        return target

    async def _keep(
        self,
        upload: Upload,
        received: Received,
        file_format: str,
        schema: DatasetSchema,
        user: User,
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
            details=stored(schema),
            summary=stored(summary_of(schema)),
        )
        try:
            await asyncio.to_thread(self._store.keep, received, identity, file)
            await self._write_schema(row.file, row.details, schema.revision)
            winner = await self._database.write(
                lambda c: _add_if_absent(c, row, self._quota, upload.owner)
            )
        except BaseException:
            await self._forget_unless_registered(identity)
            raise
        if winner.file != row.file:
            # Another upload has registered the name in the meantime.
            self._store.remove(identity)
            await self._is_known(upload.name, user)
            return _same(self._info(winner), received, upload.choices), False
        return self._info(winner), True

    async def _forget_unless_registered(self, identity: str) -> None:
        """After an error; where not even that can be asked, the next start cleans up."""
        if identity not in await self.identities():
            self._store.remove(identity)


def needing(seen: Sequence[str], sessions: int) -> str:
    """Which sessions need something: five of those that are seen, and how many more. Pure."""
    named = ", ".join(repr(name) for name in seen[:5])
    more = sessions - min(len(seen), 5)
    if not named:
        what = f"{more} sessions" if more > 1 else "a session"
        return f"{what} that you may not see"
    return f"{named} and {more} more" if more else named


def absent(name: str) -> NotFound:
    """The answer where there is no dataset of that name, or none that the caller may see."""
    return NotFound(
        f"there is no dataset {name[:140]!r}; upload it with POST /api/v1/datasets?name=…&filename=…"
    )


def _add_if_absent(
    connection: Connection, row: DatasetRow, quota: Quota, owner: Owner
) -> DatasetRow:
    """Insert unless the name is taken. Returns the dataset that has the name.

    Raises TooLarge and OutOfSpace.
    """
    known = datasets.find(connection, row.name)
    if known is None:
        quota.check(connection, row.size_bytes)
        datasets.add(connection, row)
        owners.save(connection, Kind.DATASET, {row.name: owner})
    return known or row


def _remove(connection: Connection, name: str) -> None:
    datasets.remove(connection, name)
    owners.remove(connection, Kind.DATASET, name)


def _taken(name: str) -> AlreadyThere:
    return AlreadyThere(f"the name of the dataset {name!r} is taken; give another name")


def _same(known: DatasetInfo, received: Received, choices: SchemaChoices) -> DatasetInfo:
    if known.sha256 != received.sha256:
        raise AlreadyThere(
            f"a dataset {known.name!r} with other content is there; delete it first or use another name"
        )
    if choices not in (SchemaChoices(), known.details.choices):
        raise AlreadyThere(
            f"the dataset {known.name!r} is there with other choices; change them with"
            f" PATCH /api/v1/datasets/{known.name}/schema"
        )
    return known


def _is_older(oldest: int) -> Callable[[str], bool]:
    """Whether a file's name is that of a schema of revision `oldest` or before."""

    def older(name: str) -> bool:
        revision = name.removeprefix("schema-").partition("-")[0]
        return name.startswith("schema-") and revision.isdigit() and int(revision) <= oldest

    return older


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    yield content
