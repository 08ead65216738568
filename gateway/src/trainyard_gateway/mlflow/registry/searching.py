"""Searching registered models and versions, in pages."""

from __future__ import annotations

from collections.abc import Sequence

from trainyard_gateway.mlflow import filters, matching
from trainyard_gateway.mlflow.filters import Words
from trainyard_gateway.mlflow.matching import Facts
from trainyard_gateway.mlflow.registry import finding, shown
from trainyard_gateway.mlflow.registry.requests import (
    IS_PROMPT,
    MOST_VERSIONS,
    SearchModels,
    SearchVersions,
)
from trainyard_gateway.mlflow.visitor import Visitor
from trainyard_gateway.mlflow.wire import tokens
from trainyard_gateway.mlflow.wire.answers import Json
from trainyard_gateway.store.database import Connection, Database
from trainyard_gateway.store.registry import aliases, registered, version_notes
from trainyard_gateway.store.registry.registered import NamedModel
from trainyard_gateway.store.registry.version_notes import NotedVersion
from trainyard_gateway.store.runs.conditions import Condition, Field, Order

MOST_SEARCHED = 10_000
"""Models by name, or the newest versions, that a search looks at."""
BY_NAME = (Order(Field.ATTRIBUTE, "name", True),)
NEWEST = (
    Order(Field.ATTRIBUTE, "last_updated_timestamp", False),
    *BY_NAME,
    Order(Field.ATTRIBUTE, "version_number", False),
)


class RegistrySearch:
    """Reads many models or many versions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def models(self, asked: SearchModels, visitor: Visitor) -> Json:
        """A page of models, by name unless asked otherwise. Raises BadRequest."""
        conditions = _conditions(asked.filter, filters.REGISTERED_MODELS)
        orders = filters.parse_orders(asked.order_by, filters.REGISTERED_MODELS) + BY_NAME
        offset = tokens.offset_of(asked.page_token)

        def read(connection: Connection) -> Json:
            names = _only(conditions, "name")
            seen = registered.named(connection, names, MOST_SEARCHED, visitor.user)
            found = [each for each in seen if matching.matches(_model_facts(each), conditions)]
            ordered = matching.ordered(found, _model_facts, orders)
            page = ordered[offset : offset + asked.max_results]
            listed = finding.models_shown(connection, page)
            return _page("registered_models", listed, len(ordered), offset)

        return await self._database.read(read, applied=False)

    async def versions(self, asked: SearchVersions, visitor: Visitor) -> Json:
        """A page of versions, the last changed first unless asked otherwise. Raises BadRequest."""
        conditions = _conditions(asked.filter, filters.MODEL_VERSIONS)
        orders = filters.parse_orders(asked.order_by, filters.MODEL_VERSIONS) + NEWEST
        offset = tokens.offset_of(asked.page_token)
        most = min(asked.max_results, MOST_VERSIONS)

        def read(connection: Connection) -> Json:
            names, runs = _only(conditions, "name"), _only(conditions, "run_id")
            run = runs[0] if runs is not None and len(runs) == 1 else None
            seen = version_notes.versions(connection, names, run, MOST_SEARCHED, visitor.user)
            found = [each for each in seen if matching.matches(_facts(each), conditions)]
            ordered = matching.ordered(found, _facts, orders)
            page = ordered[offset : offset + most]
            given = aliases.of_models(connection, sorted({each.name for each in page}))
            listed = [shown.version(each, given.get(each.name, {})) for each in page]
            return _page("model_versions", listed, len(ordered), offset)

        return await self._database.read(read, applied=False)


def _conditions(text: str, words: Words) -> list[Condition]:
    """Without the one by which MLflow's clients leave out prompts: there are none here."""
    found = filters.parse_filter(text, words)
    return [c for c in found if (c.field, c.key, c.operator) != (Field.TAG, IS_PROMPT, "!=")]


def _page(name: str, listed: Sequence[Json], total: int, offset: int) -> Json:
    answer: Json = {name: listed} if listed else {}
    if total > offset + len(listed):
        answer["next_page_token"] = tokens.of_offset(offset + len(listed))
    return answer


def _only(conditions: Sequence[Condition], key: str) -> list[str] | None:
    """The values of an attribute that conditions leave; None where they leave any."""
    for condition in conditions:
        if condition.field is Field.ATTRIBUTE and condition.key == key:
            if condition.operator == "=":
                return [str(condition.value)]
            if condition.operator == "IN" and isinstance(condition.value, tuple):
                return [str(each) for each in condition.value]
    return None


def _model_facts(found: NamedModel) -> Facts:
    updated = shown.model_times(found)[1]
    attributes: dict[str, str | int] = {
        "name": found.name, "timestamp": updated, "last_updated_timestamp": updated,
    }  # fmt: skip
    return Facts(attributes, {Field.TAG: shown.model_tags(found)})


def _facts(found: NotedVersion) -> Facts:
    created, updated = shown.times_of(found)
    attributes: dict[str, str | int] = {
        "name": found.name,
        "run_id": shown.run_of(found),
        "source_path": shown.source_of(found),
        "version_number": found.version,
        "creation_timestamp": created,
        "last_updated_timestamp": updated,
    }
    return Facts(attributes, {Field.TAG: shown.tags_of(found)})
