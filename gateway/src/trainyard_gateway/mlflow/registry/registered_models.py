"""The operations of MLflow's protocol about registered models, their tags and aliases."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from trainyard_gateway.errors import AlreadyThere, BadRequest
from trainyard_gateway.mlflow import texts
from trainyard_gateway.mlflow.registry import finding, rights
from trainyard_gateway.mlflow.registry.requests import (
    CreateModel,
    DeleteTagOfModel,
    LatestVersions,
    OfAlias,
    OfModel,
    RenameModel,
    SetAlias,
    SetTagOfModel,
    UpdateModel,
)
from trainyard_gateway.mlflow.registry.shown import stage_of, version
from trainyard_gateway.mlflow.visitor import Visitor
from trainyard_gateway.mlflow.wire.answers import Json
from trainyard_gateway.registry.models import Models
from trainyard_gateway.rights.asking import new_owner
from trainyard_gateway.store.access.owners import Kind
from trainyard_gateway.store.database import Connection, Database
from trainyard_gateway.store.registry import aliases, models, registered, version_notes
from trainyard_gateway.store.registry.registered import RegisteredRow
from trainyard_gateway.store.sql.text import escape_nul

MOST_TAGS = 1_000
MOST_ALIASES = 1_000
"""Of one model."""


class RegisteredModels:
    """Models by name."""

    def __init__(self, database: Database, models: Models) -> None:
        self._database, self._models = database, models

    async def create(self, asked: CreateModel, visitor: Visitor) -> Json:
        """Make a model without versions. Raises AlreadyThere and BadRequest."""
        finding.require_name(asked.name)

        def change(connection: Connection) -> None:
            if registered.find(connection, asked.name) is not None:
                raise AlreadyThere(f"Registered Model (name={asked.name}) already exists.")
            tags = {tag.key: tag.value for tag in asked.tags}
            # What a program makes belongs to whom its session belongs to.
            of_key = visitor.session_uid is None
            owner = new_owner(visitor.user, Kind.MODEL) if of_key else None
            models.note_owner(connection, asked.name, visitor.session_uid, owner)
            _add(connection, asked.name, visitor.session_uid, asked.description or "", tags)

        return await self._changed(asked.name, change, visitor)

    async def get(self, asked: OfModel, visitor: Visitor) -> Json:
        """A model with its newest versions. Raises NotFound."""
        return await self._database.read(lambda c: _shown(c, asked.name, visitor), applied=False)

    async def rename(self, asked: RenameModel, visitor: Visitor) -> Json:
        """Give a model another name, also in the registry. Raises NotFound and AlreadyThere."""
        rights.require_owner(visitor)
        finding.require_name(asked.new_name)

        def change(connection: Connection) -> None:
            found = finding.model_of(connection, asked.name, visitor.user)
            rights.require_change(connection, asked.name, visitor)
            if registered.find(connection, asked.new_name) is not None:
                raise AlreadyThere(f"Registered Model (name={asked.new_name}) already exists.")
            models.rename(connection, found.name, asked.new_name)
            aliases.rename(connection, found.name, asked.new_name)
            version_notes.rename(connection, found.name, asked.new_name, _now())
            registered.rename(connection, found.name, asked.new_name, _now())

        return await self._changed(asked.new_name, change, visitor)

    async def update(self, asked: UpdateModel, visitor: Visitor) -> Json:
        """Describe a model."""
        description = escape_nul(asked.description or "")
        return await self._change(asked.name, visitor, lambda _: {"description": description})

    async def delete(self, asked: OfModel, visitor: Visitor) -> Json:
        """Delete a model with its versions and their files. Raises NotFound."""
        rights.require_owner(visitor)
        await self._database.read(
            lambda c: rights.require_removal(c, asked.name, visitor), applied=False
        )
        await self._models.remove(asked.name)
        return {}

    async def set_tag(self, asked: SetTagOfModel, visitor: Visitor) -> Json:
        """Set a tag."""
        new = {asked.key: asked.value}
        await self._change(
            asked.name, visitor, lambda row: {"tags": texts.merged(row.tags, new, MOST_TAGS)}
        )
        return {}

    async def delete_tag(self, asked: DeleteTagOfModel, visitor: Visitor) -> Json:
        """Remove a tag; fine where there is none."""
        await self._change(
            asked.name, visitor, lambda row: {"tags": texts.without(row.tags, asked.key)}
        )
        return {}

    async def latest(self, asked: LatestVersions, visitor: Visitor) -> Json:
        """The newest version of each stage, or of some."""

        def read(connection: Connection) -> Json:
            name = finding.model_of(connection, asked.name, visitor.user).name
            own = aliases.of_models(connection, [name]).get(name, {})
            found = version_notes.newest_of_stages(connection, [name])
            wanted = [v for v in found if not asked.stages or stage_of(v) in asked.stages]
            return {"model_versions": [version(each, own) for each in wanted]}

        return await self._database.read(read, applied=False)

    async def set_alias(self, asked: SetAlias, visitor: Visitor) -> Json:
        """Give an alias to a version; another one loses it. Raises NotFound."""

        def change(connection: Connection) -> None:
            found = finding.version_of(connection, asked.name, int(asked.version), visitor.user)
            rights.require_change(connection, asked.name, visitor)
            if aliases.count(connection, found.name) >= MOST_ALIASES:
                raise BadRequest(f"a model has at most {MOST_ALIASES} aliases; delete some first")
            aliases.put(connection, found.name, asked.alias, found.version)
            registered.change(connection, found.name, updated=_now())

        await self._database.write(change)
        return {}

    async def delete_alias(self, asked: OfAlias, visitor: Visitor) -> Json:
        """Remove an alias; fine where there is none. Raises NotFound."""

        def change(connection: Connection) -> None:
            finding.model_of(connection, asked.name, visitor.user)
            rights.require_change(connection, asked.name, visitor)
            aliases.remove(connection, asked.name, asked.alias)
            registered.change(connection, asked.name, updated=_now())

        await self._database.write(change)
        return {}

    async def by_alias(self, asked: OfAlias, visitor: Visitor) -> Json:
        """The version that has an alias. Raises NotFound and BadRequest."""

        def read(connection: Connection) -> Json:
            found = finding.version_by_alias(connection, asked.name, asked.alias, visitor.user)
            return finding.version_shown(connection, found)

        return await self._database.read(read, applied=False)

    async def _change(
        self, name: str, visitor: Visitor, change: Callable[[RegisteredRow], dict[str, Any]]
    ) -> Json:
        def carry_out(connection: Connection) -> None:
            found = finding.model_of(connection, name, visitor.user)
            rights.require_change(connection, name, visitor)
            row = found.row or _row_of(connection, name)
            registered.change(connection, name, **change(row), updated=_now())

        return await self._changed(name, carry_out, visitor)

    async def _changed(
        self, name: str, change: Callable[[Connection], None], visitor: Visitor
    ) -> Json:
        def carry_out(connection: Connection) -> Json:
            change(connection)
            return _shown(connection, name, visitor)

        return await self._database.write(carry_out)


def _shown(connection: Connection, name: str, visitor: Visitor) -> Json:
    [shown] = finding.models_shown(connection, [finding.model_of(connection, name, visitor.user)])
    return {"registered_model": shown}


def _row_of(connection: Connection, name: str) -> RegisteredRow:
    """A row for a model that has versions only; it belongs to whom the newest one belongs."""
    newest = version_notes.newest(connection, name)
    return _add(connection, name, newest.session_uid if newest is not None else None, "", {})


def _add(
    connection: Connection, name: str, maker: str | None, description: str, tags: dict[str, str]
) -> RegisteredRow:
    now = _now()
    described = escape_nul(description)
    row = RegisteredRow(name, described, now, now, texts.packed(tags), maker)
    registered.add(connection, row)
    return row


def _now() -> int:
    return int(time.time() * 1000)
