"""A database of MLflow as a source, read by the user's own MLflow."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trainyard.cli.trackers.source import (
    CannotRead,
    Experiment,
    File,
    ModelVersion,
    Point,
    RegisteredModel,
    Run,
    Unreadable,
    protocol_number,
)

PAGE = 1000
NOT_INSTALLED = (
    "a database is read by MLflow itself, which is not installed here: pip install mlflow; "
    "or start its server on the database (mlflow server --backend-store-uri …) and name its address"
)
_SQLITE = "sqlite:///"


class MlflowLibrary:
    """Reads by MLflow's client. Methods raise CannotRead."""

    def __init__(self, uri: str) -> None:
        """Raises CannotRead if MLflow is not installed, or does not read `uri`."""
        if importlib.util.find_spec("mlflow") is None:
            raise CannotRead(NOT_INSTALLED)
        self._uri = uri
        file = uri.removeprefix(_SQLITE).partition("?")[0]
        if uri.startswith(_SQLITE) and not Path(file).is_file():
            # MLflow would make a new database there.
            raise CannotRead(f"there is no file {file}")
        # Not a dependency: only who has such a database needs it.
        tracking: Any = importlib.import_module("mlflow.tracking")
        self._client = self._asked(tracking.MlflowClient, tracking_uri=uri, registry_uri=uri)

    def close(self) -> None:
        """Nothing is open."""

    def experiments(self) -> Iterator[Experiment]:
        """All experiments."""
        for one in self._pages(self._client.search_experiments, view_type=3):
            deleted = one.lifecycle_stage == "deleted"
            yield Experiment(one.experiment_id, one.name, dict(one.tags), deleted)

    def runs(self, experiment: Experiment) -> Iterator[Run | Unreadable]:
        """All runs of an experiment, the oldest first."""
        asked = {"experiment_ids": [experiment.id], "run_view_type": 3}
        for one in self._pages(self._client.search_runs, **asked, order_by=["start_time ASC"]):
            info, data = one.info, one.data
            yield Run(
                id=info.run_id,
                name=info.run_name or "",
                user=info.user_id or "",
                status=info.status,
                start_time=info.start_time or 0,
                end_time=info.end_time or None,
                deleted=info.lifecycle_stage == "deleted",
                params=dict(data.params),
                tags=dict(data.tags),
                metrics={key: str(value) for key, value in data.metrics.items()},
                inputs=_inputs(one),
            )

    def points(self, run: Run, metric: str) -> Iterator[Point]:
        """The history of a metric."""
        for one in self._asked(self._client.get_metric_history, run.id, metric):
            yield Point(protocol_number(one.value), one.timestamp, one.step)

    def files(self, run: Run) -> Iterator[File]:
        """All files of a run."""
        waiting = [""]
        while waiting:
            for one in self._asked(self._client.list_artifacts, run.id, waiting.pop()):
                if one.is_dir:
                    waiting.append(one.path)
                else:
                    yield File(one.path, one.file_size)

    def fetch(self, run: Run, file: File, folder: Path) -> Path:
        """Download a file."""
        return Path(self._asked(self._client.download_artifacts, run.id, file.path, str(folder)))

    def registry(self) -> MlflowLibrary:
        """The database itself."""
        return self

    def models(self) -> Iterator[RegisteredModel]:
        """All registered models."""
        for one in self._pages(self._client.search_registered_models):
            # A search leaves out aliases in some versions.
            found = self._asked(self._client.get_registered_model, one.name)
            aliases = {key: int(number) for key, number in dict(found.aliases).items()}
            yield RegisteredModel(one.name, found.description or "", dict(found.tags), aliases)

    def versions(self, model: RegisteredModel) -> Iterator[ModelVersion]:
        """All versions of a registered model, the oldest first."""
        mark = '"' if "'" in model.name else "'"
        asked = {"filter_string": f"name={mark}{model.name}{mark}"}
        found = self._pages(self._client.search_model_versions, **asked)
        yield from sorted(map(_version, found), key=lambda one: one.number)

    def version_files(self, version: ModelVersion) -> Iterator[File]:
        """All files of a version."""
        place, waiting = self._place(version), [None]
        while waiting:
            for one in self._asked(place.list_artifacts, waiting.pop()):
                if one.is_dir:
                    waiting.append(one.path)
                else:
                    yield File(one.path, one.file_size)

    def fetch_of_version(self, version: ModelVersion, file: File, folder: Path) -> Path:
        """Download a file of a version."""
        place = self._place(version)
        return Path(self._asked(place.download_artifacts, file.path, str(folder)))

    def _place(self, version: ModelVersion) -> Any:
        """What reads the files of a version."""
        asked = self._client.get_model_version_download_uri
        address = self._asked(asked, version.name, str(version.number))
        name = "mlflow.store.artifact.artifact_repository_registry"
        module: Any = importlib.import_module(name)
        return self._asked(module.get_artifact_repository, address)

    def _pages(self, call: Any, **asked: Any) -> Iterator[Any]:
        token = None
        while True:
            found = self._asked(call, **asked, max_results=PAGE, page_token=token)
            yield from found
            token = found.token
            if not token:
                return

    def _asked(self, call: Any, *arguments: Any, **asked: Any) -> Any:
        try:
            return call(*arguments, **asked)
        except Exception as error:  # of any kind: it is another program's
            # The address may hold a password.
            said = str(error).replace(self._uri, "the database")
            raise CannotRead(f"MLflow cannot read ({type(error).__name__}: {said})") from error


def _version(one: Any) -> ModelVersion:
    return ModelVersion(
        one.name,
        int(one.version),
        one.run_id or "",
        one.creation_timestamp or 0,
        one.description or "",
        one.current_stage or "None",
        dict(one.tags),
    )


def _inputs(run: Any) -> tuple[dict[str, Any], ...]:
    """Datasets that a run used; versions before 2.4 have none."""
    return tuple(
        {
            "tags": [{"key": tag.key, "value": tag.value} for tag in one.tags],
            "dataset": {key: value or "" for key, value in dict(one.dataset).items()},
        }
        for one in getattr(getattr(run, "inputs", None), "dataset_inputs", None) or ()
    )
