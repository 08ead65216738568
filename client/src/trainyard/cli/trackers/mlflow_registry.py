"""The model registry of an MLflow server, by its REST API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from trainyard.cli.trackers.mlflow_server import (
    MOST_DEPTH,
    PAGE,
    MlflowServer,
    read,
    text,
    texts,
)
from trainyard.cli.trackers.source import CannotRead, File, ModelVersion, RegisteredModel

_FILES = "/api/2.0/mlflow-artifacts"
_PROXIED = "mlflow-artifacts:"
_RUNS = "runs:/"


class MlflowRegistry(MlflowServer):
    """Reads runs and registered models from a server. Methods raise CannotRead and SourceAway."""

    def registry(self) -> MlflowRegistry:
        """The server itself."""
        return self

    def models(self) -> Iterator[RegisteredModel]:
        """All registered models."""
        asked = {"max_results": PAGE}
        for one in self.pages("GET", "registered-models/search", asked, "registered_models"):
            yield read(_model, one)

    def versions(self, model: RegisteredModel) -> Iterator[ModelVersion]:
        """All versions of a registered model, the oldest first."""
        mark = '"' if "'" in model.name else "'"
        asked = {"filter": f"name={mark}{model.name}{mark}", "max_results": PAGE}
        found = self.pages("GET", "model-versions/search", asked, "model_versions")
        yield from sorted((read(_version, one) for one in found), key=lambda one: one.number)

    def version_files(self, version: ModelVersion) -> Iterator[File]:
        """All files of a version."""
        run, path = self._place(version)
        waiting = [("", 0)]
        while waiting:
            below, depth = waiting.pop()
            for one in self._listed(run, _joined(path, below)):
                name = _joined(below, str(one.get("path", "")).rpartition("/")[2])
                if not one.get("is_dir"):
                    yield File(name, read(lambda given: int(given.get("file_size") or 0), one))
                elif depth < MOST_DEPTH:
                    waiting.append((name, depth + 1))
                else:
                    raise CannotRead(f"{name} is deeper than {MOST_DEPTH} folders")

    def fetch_of_version(self, version: ModelVersion, file: File, folder: Path) -> Path:
        """Download a file of a version."""
        run, path = self._place(version)
        place, target = _joined(path, file.path), folder / "content"
        if not run:
            return self.download(f"{_FILES}/artifacts/{quote(place)}", {}, target)
        return self.download("/get-artifact", {"path": place, "run_id": run}, target)

    def _listed(self, run: str, path: str) -> Iterator[dict[str, Any]]:
        if run:
            asked = {"run_id": run, "run_uuid": run, **({"path": path} if path else {})}
            yield from self.pages("GET", "artifacts/list", asked, "files")
            return
        found = self.call("GET", "artifacts", {"path": path}, root=_FILES).get("files") or ()
        yield from (one for one in found if isinstance(one, dict))

    def _place(self, version: ModelVersion) -> tuple[str, str]:
        """The folder of a version: a run and a path in it, or "" and a path in the server's store.

        Raises CannotRead where it is out of the server's reach.
        """
        asked = {"name": version.name, "version": str(version.number)}
        found = self.call("GET", "model-versions/get-download-uri", asked)
        address = str(found.get("artifact_uri") or "").partition("?")[0].rstrip("/")
        if address.startswith(_PROXIED):
            # mlflow-artifacts:/1/models/…, or with a host: mlflow-artifacts://host/1/models/…
            rest = address[len(_PROXIED) :]
            return "", rest[2:].partition("/")[2] if rest.startswith("//") else rest.strip("/")
        if address.startswith(_RUNS):
            run, _, path = address[len(_RUNS) :].partition("/")
            return run, path
        if version.run:
            info = self.call("GET", "runs/get", {"run_id": version.run}).get("run") or {}
            root = str((info.get("info") or {}).get("artifact_uri") or "").rstrip("/")
            if root and (address == root or address.startswith(f"{root}/")):
                return version.run, address[len(root) + 1 :]
        raise CannotRead(
            f"its files are not behind the server, but at {address or 'no address'}; start the "
            "server with --serve-artifacts, or register a model that was logged to a run"
        )


def _model(one: Mapping[str, Any]) -> RegisteredModel:
    given = {text(pair["alias"]): int(pair["version"]) for pair in one.get("aliases") or ()}
    said = text(one.get("description") or "")
    return RegisteredModel(text(one["name"]), said, texts(one, "tags"), given)


def _version(one: Mapping[str, Any]) -> ModelVersion:
    return ModelVersion(
        text(one["name"]),
        int(one["version"]),
        str(one.get("run_id") or ""),
        int(one.get("creation_timestamp") or 0),
        text(one.get("description") or ""),
        str(one.get("current_stage") or "None"),
        texts(one, "tags"),
    )


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}".strip("/")
