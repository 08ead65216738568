"""A folder `mlruns` as a source, as MLflow's file store writes it.

Nothing outside the folder is read: links are not followed, nor addresses of artifacts that lead
elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trainyard.cli.trackers.mlruns.files import (
    META,
    TRASH,
    files_in,
    folders_in,
    meta_of,
    number,
    texts_in,
)
from trainyard.cli.trackers.mlruns.registry import FolderRegistry
from trainyard.cli.trackers.source import (
    STATUSES,
    CannotRead,
    Experiment,
    File,
    Point,
    Run,
    Unreadable,
    protocol_number,
)

_DATABASE = "mlflow.db"
"""Where newer versions of MLflow keep all but artifacts, beside or in the folder."""
_REMOTE = "://"


class MlflowFolder:
    """Reads from a folder. Methods raise CannotRead."""

    def __init__(self, root: Path) -> None:
        """Raises CannotRead if the folder holds no experiment."""
        self._root = root
        self._folders: dict[str, Path] = {}
        """The folder of each run that was read."""
        if not any(True for _ in self._experiments()):
            raise CannotRead(
                f"{root} is no folder mlruns: no experiment with a {META} is in it{_hint(root)}"
            )

    def close(self) -> None:
        """Nothing is open."""

    def experiments(self) -> Iterator[Experiment]:
        """All experiments."""
        for folder in self._experiments():
            meta = meta_of(folder)
            deleted = meta.get("lifecycle_stage") == "deleted" or folder.parent.name == TRASH
            name = str(meta.get("name") or folder.name)
            yield Experiment(str(folder), name, texts_in(folder / "tags"), deleted)

    def runs(self, experiment: Experiment) -> Iterator[Run | Unreadable]:
        """All runs of an experiment, the oldest first."""
        folder = Path(experiment.id)
        found: list[Run] = []
        for one in folders_in(folder):
            if not (one / META).is_file():
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
        found = list(files_in(root))
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

    def registry(self) -> FolderRegistry | None:
        """Reads its registered models; None if there are none."""
        found = FolderRegistry(self._root)
        return found if found.is_there else None

    def _experiments(self) -> Iterator[Path]:
        for parent in (self._root, self._root / TRASH):
            yield from (one for one in folders_in(parent) if (one / META).is_file())


def _hint(root: Path) -> str:
    """Where the runs are whose artifacts are in a folder."""
    for place in (root.parent / _DATABASE, root / _DATABASE):
        if place.is_file():
            return f"; the runs are in the database sqlite:///{place}"
    return ""


def _run(experiment: Path, folder: Path) -> Run:
    meta = meta_of(folder)
    tags = texts_in(folder / "tags")
    end = number(meta, "end_time")
    return Run(
        id=str(meta.get("run_id") or meta.get("run_uuid") or folder.name),
        name=str(meta.get("run_name") or tags.get("mlflow.runName", "")),
        user=str(meta.get("user_id") or ""),
        status=_status(meta.get("status")),
        start_time=number(meta, "start_time"),
        end_time=end or None,
        deleted=meta.get("lifecycle_stage") == "deleted",
        params=texts_in(folder / "params"),
        tags=tags,
        artifacts=str(meta.get("artifact_uri") or ""),
        metrics={
            path.relative_to(folder / "metrics").as_posix(): str(path.stat().st_size)
            for path in files_in(folder / "metrics")
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
    for use in folders_in(run / "inputs"):
        meta = meta_of(use)
        dataset = experiment / "datasets" / str(meta.get("source_id"))
        if meta.get("source_type") != "DATASET" or dataset.parent != experiment / "datasets":
            continue
        tags = meta.get("tags")
        pairs = tags.items() if isinstance(tags, dict) else ()
        yield {
            "tags": [{"key": str(key), "value": str(value)} for key, value in pairs],
            "dataset": {key: str(value or "") for key, value in meta_of(dataset).items()},
        }


def _point(line: str) -> Point:
    parts = line.split()
    try:
        step = int(float(parts[2])) if len(parts) > 2 else 0
        return Point(protocol_number(float(parts[1])), int(float(parts[0])), step)
    except (ValueError, IndexError, OverflowError) as error:
        raise CannotRead(f"a line of it is none: {line[:100]!r}") from error
