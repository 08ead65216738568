"""The operations of MLflow's protocol about versions that are there."""

from __future__ import annotations

import time
from collections.abc import Callable

from trainyard_gateway.errors import BadRequest
from trainyard_gateway.mlflow import texts
from trainyard_gateway.mlflow.registry import finding, rights, shown
from trainyard_gateway.mlflow.registry.requests import (
    DeleteTagOfVersion,
    MoveVersion,
    OfVersion,
    SetTagOfVersion,
    UpdateVersion,
)
from trainyard_gateway.mlflow.visitor import Visitor
from trainyard_gateway.mlflow.wire.answers import Json
from trainyard_gateway.registry.models import Models
from trainyard_gateway.store.database import Connection, Database
from trainyard_gateway.store.registry import registered, version_notes
from trainyard_gateway.store.registry.version_notes import NotedVersion, NoteRow
from trainyard_gateway.store.sql.text import escape_nul

MOST_TAGS = 1_000
ACTIVE = ("Staging", "Production")
ARCHIVED = "Archived"


class ModelVersions:
    """Versions by model and number."""

    def __init__(self, database: Database, models: Models) -> None:
        self._database, self._models = database, models

    async def get(self, asked: OfVersion, visitor: Visitor) -> Json:
        """A version. Raises NotFound."""

        def read(connection: Connection) -> Json:
            found = finding.version_of(connection, asked.name, int(asked.version), visitor.user)
            return finding.version_shown(connection, found)

        return await self._database.read(read, applied=False)

    async def download_uri(self, asked: OfVersion, visitor: Visitor) -> Json:
        """Where the files of a version are: the registry's own. Raises NotFound."""
        found = await self._database.read(
            lambda c: finding.version_of(c, asked.name, int(asked.version), visitor.user),
            applied=False,
        )
        return {"artifact_uri": shown.artifact_uri(found.name, found.version)}

    async def update(self, asked: UpdateVersion, visitor: Visitor) -> Json:
        """Describe a version."""
        description = escape_nul(asked.description or "")
        return await self._change(
            asked, visitor, lambda note: note._replace(description=description)
        )

    async def set_tag(self, asked: SetTagOfVersion, visitor: Visitor) -> Json:
        """Set a tag."""
        new = {asked.key: asked.value}
        await self._change(
            asked,
            visitor,
            lambda note: note._replace(tags=texts.merged(note.tags, new, MOST_TAGS)),
        )
        return {}

    async def delete_tag(self, asked: DeleteTagOfVersion, visitor: Visitor) -> Json:
        """Remove a tag; fine where there is none."""
        await self._change(
            asked, visitor, lambda note: note._replace(tags=texts.without(note.tags, asked.key))
        )
        return {}

    async def move(self, asked: MoveVersion, visitor: Visitor) -> Json:
        """Give a version a stage; those that were in it are archived if that is asked for."""
        if asked.archive_existing_versions and asked.stage not in ACTIVE:
            raise BadRequest(
                "Model version transition cannot archive existing model versions because "
                f"'{asked.stage}' is not an Active stage. Valid stages are {list(ACTIVE)}"
            )

        def change(connection: Connection, note: NoteRow) -> NoteRow:
            if asked.archive_existing_versions:
                version_notes.move_stage(connection, note.name, asked.stage, ARCHIVED, _now())
            return note._replace(stage=asked.stage)

        return await self._change_with(asked, visitor, change)

    async def delete(self, asked: OfVersion, visitor: Visitor) -> Json:
        """Delete a version with its files and aliases. Raises NotFound."""
        rights.require_owner(visitor)

        def find(connection: Connection) -> NotedVersion:
            found = finding.version_of(connection, asked.name, int(asked.version), visitor.user)
            rights.require_removal(connection, found.name, visitor)
            return found

        found = await self._database.read(find, applied=False)
        await self._models.remove_version(found.name, found.version)
        await self._database.write(lambda c: registered.change(c, found.name, updated=_now()))
        return {}

    async def _change(
        self, asked: OfVersion, visitor: Visitor, change: Callable[[NoteRow], NoteRow]
    ) -> Json:
        return await self._change_with(asked, visitor, lambda _, note: change(note))

    async def _change_with(
        self, asked: OfVersion, visitor: Visitor, change: Callable[[Connection, NoteRow], NoteRow]
    ) -> Json:
        def carry_out(connection: Connection) -> Json:
            found = finding.version_of(connection, asked.name, int(asked.version), visitor.user)
            rights.require_change(connection, found.name, visitor)
            note = change(connection, found.note or first_note(found))._replace(updated=_now())
            version_notes.put(connection, note)
            registered.change(connection, found.name, updated=_now())
            return finding.version_shown(connection, found._replace(note=note))

        return await self._database.write(carry_out)


def first_note(found: NotedVersion) -> NoteRow:
    """The first row of a version that the protocol has said nothing of. Pure."""
    run = shown.run_of(found)
    return NoteRow(found.name, found.version, "", run, "", "", 0, texts.packed({}))


def _now() -> int:
    return int(time.time() * 1000)
