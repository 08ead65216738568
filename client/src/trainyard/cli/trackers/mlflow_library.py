"""A database of MLflow as a source, read by the user's own MLflow."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trainyard.cli.trackers.source import (
    FROM_SERVER,
    CannotRead,
    Experiment,
    File,
    Point,
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
        self._client = self._asked(tracking.MlflowClient, tracking_uri=uri)

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

    def registry(self) -> None:
        """Nothing. Raises CannotRead if there are registered models."""
        if next(self._pages(self._client.search_registered_models), None) is not None:
            raise CannotRead(FROM_SERVER.format("…"))

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


def _inputs(run: Any) -> tuple[dict[str, Any], ...]:
    """Datasets that a run used; versions before 2.4 have none."""
    return tuple(
        {
            "tags": [{"key": tag.key, "value": tag.value} for tag in one.tags],
            "dataset": {key: value or "" for key, value in dict(one.dataset).items()},
        }
        for one in getattr(getattr(run, "inputs", None), "dataset_inputs", None) or ()
    )
