"""The registry's trees on a database and folders, without a gateway around them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from staged_trees import StagedTree

from trainyard_api.report import TreeReport
from trainyard_api.rights.owner import User
from trainyard_gateway.files.file_store import FileStore
from trainyard_gateway.registry.model_origin import ModelOrigin
from trainyard_gateway.registry.models import Models
from trainyard_gateway.registry.quota import Quota
from trainyard_gateway.store.registry.models import ModelRow
from trainyard_gateway.store.sqlite import SqliteStore
from trainyard_gateway.trees.adoption import TreeAdoption
from trainyard_gateway.trees.staged import StagedTrees

UID = "11111111-1111-4111-8111-111111111111"


@dataclass(frozen=True)
class Session:
    """What the registry needs of a session."""

    name: str = "s"
    uid: str = UID
    spec: dict[str, Any] = field(default_factory=dict)
    status: dict[str, Any] = field(default_factory=dict)


@dataclass
class TreeLab:
    """Folders of a gateway and its registry of trees."""

    data: Path
    database: SqliteStore
    store: FileStore
    staged: StagedTrees
    adoption: TreeAdoption
    models: Models

    def run(self, uid: str = UID) -> Path:
        """The folder of a session."""
        return self.data / "runs" / uid

    async def adopt(
        self, tree: StagedTree, name: str = "s", session: Session | None = None
    ) -> ModelRow:
        """Register a staged tree."""
        of = session or Session()
        report = TreeReport.model_validate(tree.report(of.uid, name))
        return await self.adoption.adopt(report, ModelOrigin(of, 1, user=User("ada")))

    def folders(self) -> list[str]:
        """Names of what lies in the folder of models."""
        return sorted(p.name for p in self.store.root.iterdir() if not p.name.startswith("."))

    def incoming(self) -> list[Path]:
        """What is incomplete."""
        return list((self.store.root / ".incoming").iterdir())


@asynccontextmanager
async def tree_lab(
    data: Path, quota: Quota | None = None, reserve: int = 0
) -> AsyncIterator[TreeLab]:
    """An open one."""
    database = SqliteStore(data / "db" / "trainyard.sqlite3")
    await database.open()
    store = FileStore(data / "models", reserve)
    store.open()
    (data / "runs").mkdir(parents=True, exist_ok=True)
    staged, bounds = StagedTrees(data / "runs"), quota or Quota("model")
    adoption = TreeAdoption(store, staged, database, bounds)
    try:
        models = Models(store, data / "runs", database, bounds)
        yield TreeLab(data, database, store, staged, adoption, models)
    finally:
        await adoption.close()
        await database.close()
