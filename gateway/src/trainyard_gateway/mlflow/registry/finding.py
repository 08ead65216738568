"""Finds registered models and versions, and says in MLflow's sentences what is not there."""

from __future__ import annotations

from collections.abc import Sequence

from trainyard_api.names import is_artifact_name
from trainyard_api.rights.decision import sees
from trainyard_api.rights.owner import User
from trainyard_api.visible_text import visible
from trainyard_gateway.errors import BadRequest, NotFound
from trainyard_gateway.mlflow.registry import shown
from trainyard_gateway.mlflow.wire.answers import Json
from trainyard_gateway.store.access import owners
from trainyard_gateway.store.access.owners import Kind
from trainyard_gateway.store.database import Connection
from trainyard_gateway.store.registry import aliases, registered, version_notes
from trainyard_gateway.store.registry.registered import NamedModel
from trainyard_gateway.store.registry.version_notes import NotedVersion


def require_name(name: str) -> None:
    """Raises BadRequest for a name that a model cannot have."""
    if not is_artifact_name(name):
        raise BadRequest(
            f"Invalid model name '{visible(name[:140])}'. Names have letters, digits, '-', '_' and "
            "'.', at most 128, with a letter or digit at both ends"
        )


def is_seen(connection: Connection, name: str, user: User) -> bool:
    """Whether a user sees a model."""
    return sees(user, owners.find(connection, Kind.MODEL, name))


def model_of(connection: Connection, name: str, user: User) -> NamedModel:
    """A registered model that `user` sees, also one that has versions only. Raises NotFound."""
    found = registered.find(connection, name) if is_artifact_name(name) else None
    if found is None or not is_seen(connection, name, user):
        raise NotFound(f"Registered Model with name={visible(name[:140])} not found")
    return found


def version_of(connection: Connection, name: str, version: int, user: User) -> NotedVersion:
    """A version that `user` sees. Raises NotFound."""
    known = is_artifact_name(name) and version < 2**31
    found = version_notes.find(connection, name, version) if known else None
    if found is None or not is_seen(connection, name, user):
        raise NotFound(f"Model Version (name={visible(name[:140])}, version={version}) not found")
    return found


def version_by_alias(connection: Connection, name: str, alias: str, user: User) -> NotedVersion:
    """The version that has an alias. Raises NotFound, and BadRequest as MLflow does."""
    model_of(connection, name, user)
    version = aliases.find(connection, name, alias)
    if version is None:
        raise BadRequest(f"Registered model alias {visible(alias[:100])} not found.")
    return version_of(connection, name, version, user)


def version_shown(connection: Connection, found: NotedVersion) -> Json:
    """A version as the protocol writes it."""
    own = aliases.of_models(connection, [found.name]).get(found.name, {})
    return {"model_version": shown.version(found, own)}


def models_shown(connection: Connection, found: Sequence[NamedModel]) -> list[Json]:
    """Registered models as the protocol writes them, in their order."""
    names = [each.name for each in found]
    given = aliases.of_models(connection, names)
    latest: dict[str, list[NotedVersion]] = {}
    for version in version_notes.newest_of_stages(connection, names):
        latest.setdefault(version.name, []).append(version)
    return [
        shown.model(each, latest.get(each.name, []), given.get(each.name, {})) for each in found
    ]
