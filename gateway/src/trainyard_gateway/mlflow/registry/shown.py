"""Registered models and their versions as MLflow's protocol writes them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trainyard_api import mlflow, timestamps
from trainyard_gateway.mlflow import texts
from trainyard_gateway.mlflow.wire import answers, places
from trainyard_gateway.mlflow.wire.answers import Json
from trainyard_gateway.store.registry.registered import NamedModel
from trainyard_gateway.store.registry.version_notes import NO_STAGE, NotedVersion


def artifact_uri(name: str, version: int) -> str:
    """Where the files of a version are."""
    return f"mlflow-artifacts:/{places.REGISTRY}/{name}/{version}/{places.ARTIFACTS}"


def run_of(found: NotedVersion) -> str:
    """The run that made a version; that of its session if nothing else is said, empty without."""
    if found.note is not None:
        return found.note.run_id
    return mlflow.run_id_of(found.session_uid) if found.session_uid is not None else ""


def source_of(found: NotedVersion) -> str:
    """What a version was made of, as its maker said it; else where its files are."""
    if found.note is not None and found.note.source:
        return found.note.source
    return artifact_uri(found.name, found.version)


def tags_of(found: NotedVersion) -> dict[str, str]:
    """The tags of a version."""
    return texts.unpacked(found.note.tags) if found.note is not None else {}


def stage_of(found: NotedVersion) -> str:
    """The stage of a version."""
    return found.note.stage if found.note is not None else NO_STAGE


def times_of(found: NotedVersion) -> tuple[int, int]:
    """When a version was made and when it changed, in milliseconds since the epoch."""
    created = millis(found.created)
    return created, max(created, found.note.updated) if found.note is not None else created


def millis(text: str | None) -> int:
    """A time of RFC 3339 as milliseconds since the epoch; 0 without one."""
    seconds = timestamps.parse_seconds(text)
    return int(seconds * 1000) if seconds is not None else 0


def version(found: NotedVersion, aliases: Mapping[str, int]) -> Json:
    """A version; `aliases`: all of its model."""
    created, updated = times_of(found)
    tags, note = tags_of(found), found.note
    own = sorted(alias for alias, of in aliases.items() if of == found.version)
    shown: Json = {
        "name": found.name,
        "version": str(found.version),
        "creation_timestamp": created,
        "last_updated_timestamp": updated,
        "current_stage": stage_of(found),
        "description": note.description if note is not None else "",
        "source": source_of(found),
        "run_id": run_of(found),
        "status": "READY",
        "run_link": note.run_link if note is not None else "",
    }
    if note is not None and note.model_id:
        shown["model_id"] = note.model_id
    shown |= {"tags": answers.pairs(sorted(tags.items()))} if tags else {}
    return shown | ({"aliases": own} if own else {})


def model_tags(found: NamedModel) -> dict[str, str]:
    """The tags of a model."""
    return texts.unpacked(found.row.tags) if found.row is not None else {}


def model_times(found: NamedModel) -> tuple[int, int]:
    """When a model was made and when it changed, in milliseconds since the epoch."""
    first, last = millis(found.first), millis(found.last)
    if found.row is None:
        return first, last
    created = min(found.row.created, first) if first else found.row.created
    return created, max(found.row.updated, last)


def model(found: NamedModel, latest: Sequence[NotedVersion], aliases: Mapping[str, int]) -> Json:
    """A registered model; `latest`: its newest version of each stage."""
    created, updated = model_times(found)
    shown: Json = {
        "name": found.name,
        "creation_timestamp": created,
        "last_updated_timestamp": updated,
    }
    if found.row is not None and found.row.description:
        shown["description"] = found.row.description
    if latest:
        shown["latest_versions"] = [version(each, aliases) for each in latest]
    if tags := model_tags(found):
        shown["tags"] = answers.pairs(sorted(tags.items()))
    if aliases:
        listed = [{"alias": alias, "version": str(of)} for alias, of in sorted(aliases.items())]
        shown["aliases"] = listed
    return shown
