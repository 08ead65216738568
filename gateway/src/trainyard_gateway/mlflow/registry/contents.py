"""The files that a version is made of, found in the database and in the registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from trainyard_api import contract
from trainyard_api.code import CodeEntry, CodeManifest, problem
from trainyard_api.visible_text import visible
from trainyard_gateway.auth.keys import Scope
from trainyard_gateway.errors import BadRequest, NotPermitted
from trainyard_gateway.mlflow.finding import run_of
from trainyard_gateway.mlflow.logged.logged_models import model_of
from trainyard_gateway.mlflow.registry import finding
from trainyard_gateway.mlflow.registry.sources import OtherVersion, Source
from trainyard_gateway.mlflow.visitor import Visitor
from trainyard_gateway.mlflow.wire.places import Place
from trainyard_gateway.store.database import Connection
from trainyard_gateway.store.registry import models, version_notes
from trainyard_gateway.store.registry.models import ModelRow
from trainyard_gateway.store.registry.version_notes import NotedVersion
from trainyard_gateway.store.runs import artifacts, logged_models
from trainyard_gateway.store.runs.artifacts import ArtifactRow
from trainyard_gateway.trees.stored import Entry, StoredTree

LATEST = "latest"


@dataclass(frozen=True, slots=True)
class Origin:
    """What a version is made of."""

    run_id: str = ""
    model_id: str = ""
    session_uid: str | None = None
    """The session whose run it is, or whose program made it."""
    files: tuple[ArtifactRow, ...] = ()
    """Of a run or a logged model, with paths from the folder on."""
    row: ModelRow | None = None
    """Another version that is copied."""
    folder: str = ""
    """A folder or a file of that version; empty for all of it."""


@dataclass(frozen=True, slots=True)
class Contents:
    """A manifest, and where the content of each of its files is."""

    manifest: CodeManifest
    place: Callable[[CodeEntry], Path]


def origin_of(connection: Connection, source: Source, visitor: Visitor) -> Origin:
    """What a source names, if the caller may read it. Raises NotFound and BadRequest."""
    if isinstance(source, OtherVersion):
        found = _version_of(connection, source, visitor)
        return _of_version(connection, Place(found.name, "", found.version), visitor)
    if source.version is not None:
        return _of_version(connection, source, visitor)
    visitor.require(Scope.SESSIONS_READ)
    return _of_owner(connection, source, visitor)


def of_files(files: tuple[ArtifactRow, ...], root: Path) -> Contents:
    """Contents of artifacts, which lie below `root`. Raises BadRequest. Pure."""
    entries = [CodeEntry(path=f.path, sha256=f.sha256, size=f.size_bytes) for f in files]
    place = {f.path: root / f.owner / f.sha256 for f in files}
    return Contents(_checked(entries), lambda entry: place[entry.path])


def of_tree(tree: StoredTree, folder: str) -> Contents:
    """Contents of a stored tree, or of a part of it. Raises BadRequest. Pure."""
    one = tree.find(folder) if folder else None
    if one is not None:
        known = {folder.rpartition("/")[2]: one}
    else:
        start = len(folder) + 1 if folder else 0
        known = {entry.path[start:]: entry for _, entry in tree.below(folder)}
    entries = [_entry(path, entry) for path, entry in known.items()]
    return Contents(_checked(entries), lambda entry: tree.content(known[entry.path]))


def _entry(path: str, entry: Entry) -> CodeEntry:
    if entry.kind == "link":
        return CodeEntry(path=path, target=entry.target)
    if entry.kind == "folder":
        return CodeEntry(path=path, folder=True)
    return CodeEntry(path=path, sha256=entry.sha256, size=entry.size, executable=entry.executable)


def _of_owner(connection: Connection, place: Place, visitor: Visitor) -> Origin:
    if place.is_model:
        model = model_of(connection, place.owner, visitor)
        origin = Origin(model.run_id, model.id, _session_of(connection, model.run_id, visitor))
    else:
        run = run_of(connection, place.owner, visitor)
        origin = Origin(run.id, "", run.session_uid)
    files = _files(connection, place)
    if not files and not place.is_model:
        # MLflow 3 keeps models beside the run, and finds them by its path and their name.
        named = logged_models.named(connection, place.owner, place.path)
        if named is not None:
            origin = replace(origin, model_id=named.id)
            files = _files(connection, Place(named.id, ""))
    if not files:
        raise BadRequest(
            f"there are no files at '{visible(place.path[:200])}' of {place.owner}; log the model "
            "first, and register it after that"
        )
    return replace(origin, files=files)


def _files(connection: Connection, place: Place) -> tuple[ArtifactRow, ...]:
    most = contract.MAX_TREE_ENTRIES
    one = artifacts.find(connection, place.owner, place.path) if place.path else None
    if one is not None:
        return (one._replace(path=one.path.rpartition("/")[2]),)
    found = artifacts.below(connection, place.owner, place.path, most + 1)
    if len(found) > most:
        raise BadRequest(f"a version has at most {most} files, and there are more; register a part")
    start = len(place.path) + 1 if place.path else 0
    return tuple(row._replace(path=row.path[start:]) for row in found)


def _session_of(connection: Connection, run_id: str, visitor: Visitor) -> str | None:
    return run_of(connection, run_id, visitor).session_uid if run_id else None


def _of_version(connection: Connection, place: Place, visitor: Visitor) -> Origin:
    visitor.require(Scope.MODELS_READ)
    found = finding.version_of(connection, place.owner, place.version or 0, visitor.user)
    if visitor.session_uid is not None and found.session_uid != visitor.session_uid:
        raise NotPermitted(
            "the program of a session makes versions of what its own session has made; an API key "
            "copies others"
        )
    row = models.find(connection, found.name, found.version)
    note = found.note
    return Origin(
        note.run_id if note is not None else "",
        note.model_id if note is not None else "",
        found.session_uid,
        row=row,
        folder=place.path,
    )


def _version_of(connection: Connection, source: OtherVersion, visitor: Visitor) -> NotedVersion:
    if source.is_alias:
        return finding.version_by_alias(connection, source.name, source.which, visitor.user)
    if source.which.isdecimal() and len(source.which) < 10:
        return finding.version_of(connection, source.name, int(source.which), visitor.user)
    name = finding.model_of(connection, source.name, visitor.user).name
    found = version_notes.newest_of_stages(connection, [name])
    if source.which.lower() != LATEST:
        found = [v for v in found if v.note and v.note.stage.lower() == source.which.lower()]
    if not found:
        raise BadRequest(f"'{name}' has no version '{visible(source.which[:100])}'")
    return max(found, key=lambda version: version.version)


def _checked(entries: list[CodeEntry]) -> CodeManifest:
    if not entries:
        raise BadRequest("there are no files at that path of the version")
    manifest = CodeManifest(entries=entries)
    if (sentence := problem(manifest)) is not None:
        raise BadRequest(f"this cannot be a version of a model: {sentence}")
    return manifest
