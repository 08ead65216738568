"""MLflow's model registry on a database and folders, without a gateway around them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tree_lab import Session

from trainyard_api import names
from trainyard_api.rights.owner import User
from trainyard_gateway.errors import NotFound
from trainyard_gateway.files.file_store import FileStore
from trainyard_gateway.mlflow.artifact_quota import ArtifactQuota
from trainyard_gateway.mlflow.door import MlflowDoor, open_door
from trainyard_gateway.mlflow.registry.making import RegistryPlaces
from trainyard_gateway.mlflow.registry.requests import CreateModel, CreateVersion, SearchModels
from trainyard_gateway.mlflow.visitor import OF_PODS, Visitor
from trainyard_gateway.mlflow.wire.places import place_of
from trainyard_gateway.mlflow.wire.requests import CreateRun
from trainyard_gateway.registry.models import Models
from trainyard_gateway.registry.quota import Quota
from trainyard_gateway.store import sessions
from trainyard_gateway.store.runs import of_sessions
from trainyard_gateway.store.sessions import SessionRow
from trainyard_gateway.store.sqlite import SqliteStore

KEY = Visitor("key", OF_PODS, user=User("key"))
"""The owner of an API key."""


@dataclass
class RegistryLab:
    """Folders of a gateway, its registry, and MLflow's operations on them."""

    data: Path
    database: SqliteStore
    store: FileStore
    models: Models
    door: MlflowDoor
    known: dict[str, Session] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    """Sessions whose runs have become versions."""

    async def run(self, visitor: Visitor = KEY, **files: bytes) -> str:
        """A new run with files; their names have `__` for `/` and `_dot_` for a dot."""
        asked = CreateRun.model_validate({"experiment_id": "0"})
        id = str((await self.door.runs.create(asked, visitor))["run"]["info"]["run_id"])
        for name, content in files.items():
            await self.put(id, name.replace("__", "/").replace("_dot_", "."), content, visitor)
        return id

    async def put(self, run: str, path: str, content: bytes, visitor: Visitor = KEY) -> None:
        """Log a file."""

        async def chunks() -> AsyncIterator[bytes]:
            yield content

        place = place_of(f"0/{run}/artifacts/{path}")
        await self.door.artifacts.put(place, chunks(), None, visitor)

    async def session(self, uid: str, name: str, user: str = "", **spec: Any) -> Visitor:
        """The pod of a new session."""
        labels = {names.LABEL_USER: user} if user else {}
        created = "2026-01-01T00:00:00Z"
        about = {"uid": uid, "name": name, "labels": labels, "creationTimestamp": created}
        body = json.dumps({"metadata": about, "spec": spec})
        row = SessionRow(uid, name, created, body, False)
        await self.database.write(lambda c: sessions.save(c, [row]))
        await self.database.write(lambda c: of_sessions.save(c, [row]))
        self.known[uid] = Session(name, uid, spec)
        return Visitor("", OF_PODS, uid, 1, User(""))

    async def register(
        self, source: str, name: str = "net", visitor: Visitor = KEY, **more: Any
    ) -> dict[str, Any]:
        """Make a version as MLflow's `register_model` does; it answers with it."""
        if name not in [model["name"] for model in await self.search()]:
            await self.door.models.create(CreateModel(name=name), visitor)
        asked = CreateVersion.model_validate({"name": name, "source": source, **more})
        found: dict[str, Any] = (await self.door.making.create(asked, visitor))["model_version"]
        return found

    async def search(self) -> list[dict[str, Any]]:
        """All registered models."""
        found = await self.door.registry.models(SearchModels(), KEY)
        return list(found.get("registered_models", []))

    def folders(self) -> list[str]:
        """Names of what lies in the folder of models, complete or not."""
        whole = [p.name for p in self.store.root.iterdir() if not p.name.startswith(".")]
        return sorted(whole + [p.name for p in (self.store.root / ".incoming").iterdir()])


class KnownSessions:
    """The sessions of a lab."""

    def __init__(self, known: dict[str, Session]) -> None:
        self._known = known

    async def find(self, name_or_uid: str) -> Session:
        """One of them. Raises NotFound."""
        if name_or_uid not in self._known:
            raise NotFound("there is no such session")
        return self._known[name_or_uid]

    def attempt_of(self, uid: str) -> int:
        """The first, of those that are known."""
        return int(uid in self._known)


@asynccontextmanager
async def registry_lab(data: Path, quota: Quota | None = None) -> AsyncIterator[RegistryLab]:
    """An open one."""
    database = SqliteStore(data / "db" / "trainyard.sqlite3")
    await database.open()
    store, artifacts = FileStore(data / "models", 0), FileStore(data / "artifacts", 0)
    store.open()
    artifacts.open()
    bounds = quota or Quota("model")
    models = Models(store, data / "runs", database, bounds)
    known: dict[str, Session] = {}
    told: list[str] = []
    places = RegistryPlaces(
        store, artifacts.root, database, bounds, KnownSessions(known), told.append
    )
    door = await open_door(artifacts, ArtifactQuota(), models, places)
    try:
        yield RegistryLab(data, database, store, models, door, known, told)
    finally:
        await door.close()
        await database.close()
