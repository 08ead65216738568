"""The operations of MLflow's protocol, together."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from trainyard_gateway.files.file_store import FileStore
from trainyard_gateway.mlflow.artifacts import Artifacts
from trainyard_gateway.mlflow.experiments import Experiments
from trainyard_gateway.mlflow.logged_models import LoggedModels
from trainyard_gateway.mlflow.runs import Runs
from trainyard_gateway.mlflow.searching import Searching
from trainyard_gateway.store.runs.experiments import ensure_default
from trainyard_gateway.store.store import Store


@dataclass(frozen=True, slots=True)
class MlflowDoor:
    """What the routes of MLflow's protocol use."""

    runs: Runs
    searching: Searching
    experiments: Experiments
    artifacts: Artifacts
    logged_models: LoggedModels


async def open_door(
    database: Store, files: FileStore, attempt_of: Callable[[str], int]
) -> MlflowDoor:
    """The operations on this store; makes the experiment that runs belong to by default.

    `files`: the folder of artifacts; `attempt_of`: the current attempt of a session, by its UID.
    """
    await database.write(lambda c: ensure_default(c, int(time.time() * 1000)))
    return MlflowDoor(
        Runs(database, attempt_of),
        Searching(database),
        Experiments(database),
        Artifacts(files, database),
        LoggedModels(database),
    )
