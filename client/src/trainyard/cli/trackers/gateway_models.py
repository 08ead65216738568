"""The gateway's registered models, as an import writes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trainyard.cli.trackers.gateway_protocol import GatewayProtocol
from trainyard.cli.trackers.source import RegisteredModel

_PAGE = 1000


@dataclass(frozen=True)
class VersionHere:
    """A version at the gateway."""

    number: int
    stage: str


@dataclass(frozen=True)
class ModelHere:
    """A registered model at the gateway."""

    aliases: Mapping[str, int] = field(default_factory=dict)
    versions: Mapping[str, VersionHere] = field(default_factory=dict)
    """Versions that were imported, by the mark that the import gave them."""


class GatewayModels:
    """Writes models to a gateway. Methods raise Refused, and Unreachable after a while."""

    def __init__(self, gateway: GatewayProtocol, mark: str) -> None:
        """`mark`: the tag by which what was imported is found again."""
        self._gateway, self._mark = gateway, mark

    def model(self, wanted: RegisteredModel) -> ModelHere:
        """The registered model of that name, which is made if it is not there."""
        asked = {"name": wanted.name}
        found = self._gateway.call("GET", "registered-models/get", asked, missing_is_none=True)
        if found is None:
            fields = {**asked, "description": wanted.description, "tags": _tags(wanted.tags)}
            self._gateway.call("POST", "registered-models/create", fields)
            return ModelHere()
        aliases = found["registered_model"].get("aliases") or ()
        return ModelHere(
            {str(one["alias"]): int(one["version"]) for one in aliases}, self._versions(wanted.name)
        )

    def logged_model(self, experiment: str, run: str, name: str, mark: str) -> str:
        """The id of the logged model with this mark, which is made if it is not there."""
        searched = {"experiment_ids": [experiment], "filter": f"tags.`{self._mark}` = '{mark}'"}
        found = (self._gateway.call("POST", "logged-models/search", searched) or {}).get("models")
        if not found:
            tags = _tags({self._mark: mark})
            fields = {"experiment_id": experiment, "name": name, "source_run_id": run, "tags": tags}
            made = self._gateway.call("POST", "logged-models", fields) or {}
            found = [made["model"]]
        return str(found[0]["info"]["model_id"])

    def finalize(self, id: str) -> None:
        """Say that a logged model is complete."""
        status = {"status": "LOGGED_MODEL_READY"}
        self._gateway.call("PATCH", f"logged-models/{id}", status)

    def make_version(self, fields: Mapping[str, Any], tags: Mapping[str, str], mark: str) -> int:
        """Make a version; its number here."""
        asked = {**fields, "tags": _tags({**tags, self._mark: mark})}
        made = self._gateway.call("POST", "model-versions/create", asked) or {}
        return int(made["model_version"]["version"])

    def move(self, name: str, number: int, stage: str) -> None:
        """Give a version a stage."""
        fields = {"name": name, "version": str(number), "stage": stage}
        self._gateway.call("POST", "model-versions/transition-stage", fields)

    def set_alias(self, name: str, alias: str, number: int) -> None:
        """Give a version an alias."""
        fields = {"name": name, "alias": alias, "version": str(number)}
        self._gateway.call("POST", "registered-models/alias", fields)

    def _versions(self, name: str) -> dict[str, VersionHere]:
        found: dict[str, VersionHere] = {}
        asked: dict[str, Any] = {"filter": f"name='{name}'", "max_results": _PAGE}
        while True:
            page = self._gateway.call("GET", "model-versions/search", asked) or {}
            for one in page.get("model_versions") or ():
                tags = {tag["key"]: tag.get("value", "") for tag in one.get("tags") or ()}
                if self._mark in tags:
                    stage = str(one.get("current_stage") or "None")
                    found[tags[self._mark]] = VersionHere(int(one["version"]), stage)
            token = page.get("next_page_token")
            if not token:
                return found
            asked["page_token"] = token


def _tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]
