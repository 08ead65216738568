"""The operations of MLflow's protocol, together."""

from __future__ import annotations

import time
from dataclasses import dataclass

from trainyard_gateway.files.file_store import FileStore
from trainyard_gateway.mlflow.artifact_quota import ArtifactQuota
from trainyard_gateway.mlflow.artifacts import Artifacts
from trainyard_gateway.mlflow.experiments import Experiments
from trainyard_gateway.mlflow.logged.logged_models import LoggedModels
from trainyard_gateway.mlflow.registry.files import VersionFiles
from trainyard_gateway.mlflow.registry.making import RegistryPlaces, VersionMaking
from trainyard_gateway.mlflow.registry.registered_models import RegisteredModels
from trainyard_gateway.mlflow.registry.searching import RegistrySearch
from trainyard_gateway.mlflow.registry.versions import ModelVersions
from trainyard_gateway.mlflow.run_list import RunList
from trainyard_gateway.mlflow.runs import Runs
from trainyard_gateway.mlflow.searching import Searching
from trainyard_gateway.registry.models import Models
from trainyard_gateway.store.runs.experiments import ensure_default


@dataclass(frozen=True, slots=True)
class MlflowDoor:
    """What the routes of MLflow's protocol use."""

    runs: Runs
    searching: Searching
    experiments: Experiments
    artifacts: Artifacts
    logged_models: LoggedModels
    models: RegisteredModels
    versions: ModelVersions
    making: VersionMaking
    registry: RegistrySearch
    list: RunList

    async def close(self) -> None:
        """Stop what is under way."""
        await self.making.close()


async def open_door(
    artifacts: FileStore, quota: ArtifactQuota, models: Models, places: RegistryPlaces
) -> MlflowDoor:
    """The operations on this database; makes the experiment that runs belong to by default.

    `artifacts`: the folder of artifacts; `quota` bounds their bytes.
    """
    database = places.database
    await database.write(lambda c: ensure_default(c, int(time.time() * 1000)))
    return MlflowDoor(
        Runs(database, places.sessions.attempt_of),
        Searching(database),
        Experiments(database),
        Artifacts(artifacts, database, VersionFiles(places.store.root, database), quota),
        LoggedModels(database),
        RegisteredModels(database, models),
        ModelVersions(database, models),
        VersionMaking(places),
        RegistrySearch(database),
        RunList(database),
    )
