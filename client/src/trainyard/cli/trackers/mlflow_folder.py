"""A folder `mlruns` as a source, as MLflow's file store writes it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from trainyard.cli.trackers.source import (
    STATUSES,
    CannotRead,
    Experiment,
    File,
    Point,
    Run,
    protocol_number,
)

_META = "meta.yaml"
_TRASH = ".trash"
_MOST_TEXT = 1 << 20


class MlflowFolder:
    """Reads from a folder. Methods raise CannotRead. Links are not followed."""

    def __init__(self, root: Path) -> None:
        """Raises CannotRead if the folder holds no experiment."""
        self._root = root
        if not any(root.glob(f"*/{_META}")) and not any(root.glob(f"{_TRASH}/*/{_META}")):
            raise CannotRead(f"{root} is no folder mlruns: no experiment with a {_META} is in it")

    def close(self) -> None:
        """Nothing is open."""

    def experiments(self) -> Iterator[Experiment]:
        """All experiments."""
        for folder in self._experiments():
            meta = _meta(folder)
            deleted = meta.get("lifecycle_stage") == "deleted"
            tags = _texts(folder / "tags")
            yield Experiment(
                str(meta.get("experiment_id", folder.name)), str(meta["name"]), tags, deleted
            )

    def runs(self, experiment: Experiment) -> Iterator[Run]:
        """All runs of an experiment, the oldest first."""
        found = []
        for folder in self._experiments():
            if str(_meta(folder).get("experiment_id", folder.name)) == experiment.id:
                found += [self._run(one) for one in _children(folder) if (one / _META).is_file()]
        yield from sorted(found, key=lambda run: run.start_time)

    def points(self, run: Run, metric: str) -> Iterator[Point]:
        """The history of a metric: lines of timestamp, value and step."""
        path = self._folder(run) / "metrics" / metric
        try:
            lines = path.read_text().splitlines()
        except OSError as error:
            raise CannotRead(f"the metric {metric} cannot be read ({error})") from error
        for line in lines:
            parts = line.split()
            try:
                step = int(float(parts[2])) if len(parts) > 2 else 0
                yield Point(protocol_number(float(parts[1])), int(float(parts[0])), step)
            except (ValueError, IndexError) as error:
                raise CannotRead(
                    f"a line of the metric {metric} is none: {line[:100]!r}"
                ) from error

    def files(self, run: Run) -> Iterator[File]:
        """All files of a run."""
        root = self._folder(run) / "artifacts"
        for path in _files(root):
            yield File(str(path.relative_to(root)), path.stat().st_size)

    def fetch(self, run: Run, file: File, target: Path) -> None:
        """Copy a file."""
        try:
            shutil.copyfile(self._folder(run) / "artifacts" / file.path, target)
        except OSError as error:
            raise CannotRead(f"{file.path} cannot be read ({error})") from error

    def _experiments(self) -> Iterator[Path]:
        for parent in (self._root, self._root / _TRASH):
            yield from (one for one in _children(parent) if (one / _META).is_file())

    def _run(self, folder: Path) -> Run:
        meta = _meta(folder)
        status = meta.get("status")
        if isinstance(status, int):
            status = STATUSES[status - 1] if 0 < status <= len(STATUSES) else "FINISHED"
        tags = _texts(folder / "tags")
        return Run(
            id=str(meta.get("run_id") or meta.get("run_uuid") or folder.name),
            name=str(meta.get("run_name") or tags.get("mlflow.runName", "")),
            user=str(meta.get("user_id") or ""),
            status=str(status or "FINISHED"),
            start_time=int(meta.get("start_time") or 0),
            end_time=int(meta["end_time"]) if meta.get("end_time") else None,
            deleted=meta.get("lifecycle_stage") == "deleted",
            params=_texts(folder / "params"),
            tags=tags,
            metrics=tuple(
                str(path.relative_to(folder / "metrics")) for path in _files(folder / "metrics")
            ),
        )

    def _folder(self, run: Run) -> Path:
        for experiment in self._experiments():
            if (experiment / run.id / _META).is_file():
                return experiment / run.id
        raise CannotRead(f"the run {run.id} is gone")


def _meta(folder: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load((folder / _META).read_text())
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise CannotRead(f"{folder / _META} cannot be read ({error})") from error
    if not isinstance(found, dict):
        raise CannotRead(f"{folder / _META} describes nothing")
    return found


def _texts(folder: Path) -> dict[str, str]:
    """The content of each file by its path."""
    found = {}
    for path in _files(folder):
        with path.open(encoding="utf-8", errors="replace") as file:
            found[str(path.relative_to(folder))] = file.read(_MOST_TEXT)
    return found


def _children(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(one for one in folder.iterdir() if one.is_dir() and not one.is_symlink())


def _files(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path.is_symlink():
            continue
        if path.is_dir():
            yield from _files(path)
        elif path.is_file():
            yield path
