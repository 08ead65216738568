"""A folder `mlruns` as a source, as MLflow's file store writes it.

Nothing outside the folder is read: links are not followed, nor addresses of artifacts that lead
elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from trainyard.cli.trackers.source import (
    FROM_SERVER,
    STATUSES,
    CannotRead,
    Experiment,
    File,
    Point,
    Run,
    Unreadable,
    protocol_number,
)

_META = "meta.yaml"
_TRASH = ".trash"
_MOST_TEXT = 1 << 20
_REMOTE = "://"


class MlflowFolder:
    """Reads from a folder. Methods raise CannotRead."""

    def __init__(self, root: Path) -> None:
        """Raises CannotRead if the folder holds no experiment."""
        self._root = root
        self._folders: dict[str, Path] = {}
        """The folder of each run that was read."""
        if not any(True for _ in self._experiments()):
            raise CannotRead(f"{root} is no folder mlruns: no experiment with a {_META} is in it")

    def close(self) -> None:
        """Nothing is open."""

    def experiments(self) -> Iterator[Experiment]:
        """All experiments."""
        for folder in self._experiments():
            meta = _meta(folder)
            deleted = meta.get("lifecycle_stage") == "deleted" or folder.parent.name == _TRASH
            name = str(meta.get("name") or folder.name)
            yield Experiment(str(folder), name, _texts(folder / "tags"), deleted)

    def runs(self, experiment: Experiment) -> Iterator[Run | Unreadable]:
        """All runs of an experiment, the oldest first."""
        folder = Path(experiment.id)
        found: list[Run] = []
        for one in _children(folder):
            if not (one / _META).is_file():
                continue
            try:
                run = _run(folder, one)
            except CannotRead as error:
                yield Unreadable(one.name, str(error))
            else:
                self._folders[run.id] = one
                found.append(run)
        yield from sorted(found, key=lambda run: run.start_time)

    def points(self, run: Run, metric: str) -> Iterator[Point]:
        """The history of a metric: lines of timestamp, value and step."""
        path = self._folders[run.id] / "metrics" / metric
        try:
            with path.open(encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    if not line.endswith("\n"):
                        raise CannotRead("its last line is torn")
                    if line.strip():
                        yield _point(line)
        except OSError as error:
            raise CannotRead(f"it cannot be read ({error.strerror})") from error

    def files(self, run: Run) -> Iterator[File]:
        """All files of a run. Raises CannotRead where they are somewhere else."""
        root = self._folders[run.id] / "artifacts"
        scheme = run.artifacts.partition(_REMOTE)[0] if _REMOTE in run.artifacts else "file"
        found = list(_files(root))
        if not found and scheme != "file":
            raise CannotRead(
                f"they are not in this folder, but where {scheme}:// leads; import from the MLflow "
                "server to copy them"
            )
        for path in found:
            about = path.stat()
            yield File(path.relative_to(root).as_posix(), about.st_size, about.st_mtime_ns)

    def fetch(self, run: Run, file: File, folder: Path) -> Path:  # noqa: ARG002  # it is there
        """The file itself."""
        path = self._folders[run.id] / "artifacts" / file.path
        if path.is_symlink() or not path.is_file():
            raise CannotRead("it is gone")
        return path

    def registry(self) -> None:
        """Nothing. Raises CannotRead if there are registered models."""
        if _children(self._root / "models"):
            raise CannotRead(FROM_SERVER.format(self._root))

    def _experiments(self) -> Iterator[Path]:
        for parent in (self._root, self._root / _TRASH):
            yield from (one for one in _children(parent) if (one / _META).is_file())


def _run(experiment: Path, folder: Path) -> Run:
    meta = _meta(folder)
    tags = _texts(folder / "tags")
    end = _number(meta, "end_time")
    return Run(
        id=str(meta.get("run_id") or meta.get("run_uuid") or folder.name),
        name=str(meta.get("run_name") or tags.get("mlflow.runName", "")),
        user=str(meta.get("user_id") or ""),
        status=_status(meta.get("status")),
        start_time=_number(meta, "start_time"),
        end_time=end or None,
        deleted=meta.get("lifecycle_stage") == "deleted",
        params=_texts(folder / "params"),
        tags=tags,
        artifacts=str(meta.get("artifact_uri") or ""),
        metrics={
            path.relative_to(folder / "metrics").as_posix(): str(path.stat().st_size)
            for path in _files(folder / "metrics")
        },
        inputs=tuple(_inputs(experiment, folder)),
    )


def _status(given: Any) -> str:
    """The state of a run, which newer versions write as a number."""
    if isinstance(given, int):
        return STATUSES[given - 1] if 0 < given <= len(STATUSES) else "FINISHED"
    return given if given in STATUSES else "FINISHED"


def _inputs(experiment: Path, run: Path) -> Iterator[dict[str, Any]]:
    """Datasets that a run used."""
    for use in _children(run / "inputs"):
        meta = _meta(use)
        dataset = experiment / "datasets" / str(meta.get("source_id"))
        if meta.get("source_type") != "DATASET" or dataset.parent != experiment / "datasets":
            continue
        tags = meta.get("tags")
        pairs = tags.items() if isinstance(tags, dict) else ()
        yield {
            "tags": [{"key": str(key), "value": str(value)} for key, value in pairs],
            "dataset": {key: str(value or "") for key, value in _meta(dataset).items()},
        }


def _point(line: str) -> Point:
    parts = line.split()
    try:
        step = int(float(parts[2])) if len(parts) > 2 else 0
        return Point(protocol_number(float(parts[1])), int(float(parts[0])), step)
    except (ValueError, IndexError, OverflowError) as error:
        raise CannotRead(f"a line of it is none: {line[:100]!r}") from error


def _number(meta: Mapping[str, Any], name: str) -> int:
    try:
        return int(meta.get(name) or 0)
    except (TypeError, ValueError, OverflowError) as error:
        raise CannotRead(f"{name} in its {_META} is no number") from error


def _meta(folder: Path) -> dict[str, Any]:
    path = folder / _META
    try:
        with path.open(encoding="utf-8") as file:
            found = yaml.safe_load(file.read(_MOST_TEXT))
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        said = " ".join(str(error).split())[:200]
        raise CannotRead(f"{path} cannot be read ({said})") from error
    if not isinstance(found, dict):
        raise CannotRead(f"{path} describes nothing")
    return found


def _texts(folder: Path) -> dict[str, str]:
    """The content of each file by its path."""
    found = {}
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        try:
            with path.open(encoding="utf-8", errors="replace", newline="") as file:
                found[name] = file.read(_MOST_TEXT)
        except OSError as error:
            raise CannotRead(f"{path} cannot be read ({error.strerror})") from error
    return found


def _children(folder: Path) -> list[Path]:
    try:
        return sorted(one for one in folder.iterdir() if one.is_dir() and not one.is_symlink())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise CannotRead(f"{folder} cannot be read ({error.strerror})") from error


def _files(folder: Path) -> Iterator[Path]:
    try:
        found = sorted(folder.iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        raise CannotRead(f"{folder} cannot be read ({error.strerror})") from error
    for path in found:
        if path.is_symlink():
            continue
        if path.is_dir():
            yield from _files(path)
        elif path.is_file():
            yield path
