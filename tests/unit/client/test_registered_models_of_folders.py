"""Registered models of a folder `mlruns`: where the files of a version are, and what cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainyard.cli.trackers.mlruns.folder import MlflowFolder
from trainyard.cli.trackers.mlruns.registry import FolderRegistry
from trainyard.cli.trackers.source import CannotRead, ModelVersion, RegisteredModel, Unreadable

RUN, LOGGED, OTHER = "a" * 32, "m-" + "b" * 32, "c" * 32


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def folder(root: Path, address: str, **more: str) -> FolderRegistry:
    """A model `net` with one version at this address; files of a run, of a logged model, of a deleted experiment."""
    write(root / "1" / "meta.yaml", "name: e\n")
    write(root / "1" / RUN / "artifacts" / "net" / "MLmodel", "of the run")
    write(root / "1" / RUN / "artifacts" / "net" / "data" / "w", "12")
    write(root / "1" / "models" / LOGGED / "artifacts" / "MLmodel", "logged")
    write(root / ".trash" / "2" / OTHER / "artifacts" / "MLmodel", "deleted")
    write(root / "models" / "net" / "meta.yaml", "name: net\ndescription: Iris\n")
    write(root / "models" / "net" / "tags" / "team", "vision")
    write(root / "models" / "net" / "aliases" / "champion", "1")
    lines = [f"{key}: {value}\n" for key, value in more.items()]
    about = f"creation_timestamp: 7\ncurrent_stage: Staging\nsource: {address}\n"
    write(root / "models" / "net" / "version-1" / "meta.yaml", about + "".join(lines))
    return FolderRegistry(root)


def read(registry: FolderRegistry, at: Path) -> dict[str, str]:
    """The files of the version."""
    [version] = [
        v for v in registry.versions(RegisteredModel("net")) if isinstance(v, ModelVersion)
    ]
    return {
        file.path: registry.fetch_of_version(version, file, at).read_text()
        for file in registry.version_files(version)
    }


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        pytest.param(f"runs:/{RUN}/net", {"MLmodel": "of the run", "data/w": "12"}, id="a run"),
        pytest.param(
            f"file:///moved/mlruns/1/{RUN}/artifacts/net",
            {"MLmodel": "of the run", "data/w": "12"},
            id="a folder that was moved",
        ),
        pytest.param(
            f"/moved/mlruns/1/{RUN}/artifacts/net/",
            {"MLmodel": "of the run", "data/w": "12"},
            id="a path",
        ),
        pytest.param(
            f"file:///x/{RUN}/artifacts",
            {"net/MLmodel": "of the run", "net/data/w": "12"},
            id="all files of a run",
        ),
        pytest.param(f"runs:/{RUN}/net/data/w", {"w": "12"}, id="one file"),
        pytest.param(
            f"mlflow-artifacts:/1/{RUN}/artifacts/net/data", {"w": "12"}, id="behind a server"
        ),
        pytest.param(f"models:/{LOGGED}", {"MLmodel": "logged"}, id="a logged model"),
        pytest.param(
            f"file:///x/mlruns/1/models/{LOGGED}/artifacts",
            {"MLmodel": "logged"},
            id="the folder of a logged model",
        ),
        pytest.param(f"runs:/{OTHER}", {"MLmodel": "deleted"}, id="a run of a deleted experiment"),
        pytest.param("s3://bucket/net", None, id="elsewhere"),
        pytest.param("", None, id="no address"),
        pytest.param(f"runs:/{RUN}/../../../etc", None, id="a path that climbs"),
        pytest.param(f"runs:/{RUN}/nothing", None, id="files that are gone"),
        pytest.param(f"runs:/{'d' * 32}/net", None, id="a run that is gone"),
    ],
)
def test_where_the_files_of_a_version_are(
    address: str, wanted: dict[str, str] | None, tmp_path: Path
) -> None:
    registry = folder(tmp_path / "mlruns", f"'{address}'")
    if wanted is None:
        with pytest.raises(CannotRead, match="its files are not in this folder"):
            read(registry, tmp_path)
        return
    assert read(registry, tmp_path) == wanted


def test_a_version_that_was_made_of_another_one_has_the_files_of_its_storage(
    tmp_path: Path,
) -> None:
    place = f"file:///x/1/models/{LOGGED}/artifacts"
    registry = folder(tmp_path / "mlruns", "models:/net/1", storage_location=place)

    assert read(registry, tmp_path) == {"MLmodel": "logged"}


def test_a_model_and_its_version(tmp_path: Path) -> None:
    registry = folder(tmp_path / "mlruns", f"runs:/{RUN}/net", run_id=RUN, description="first")
    write(tmp_path / "mlruns" / "models" / "net" / "version-1" / "tags" / "n", "1")

    [model] = registry.models()
    [version] = registry.versions(RegisteredModel("net"))

    assert model == RegisteredModel("net", "Iris", {"team": "vision"}, {"champion": 1})
    assert version == ModelVersion("net", 1, RUN, 7, "first", "Staging", {"n": "1"})


def test_links_are_not_followed(tmp_path: Path) -> None:
    registry = folder(tmp_path / "mlruns", f"runs:/{RUN}/out")
    (tmp_path / "mlruns" / "1" / RUN / "artifacts" / "out").symlink_to("/etc")

    with pytest.raises(CannotRead, match="not in this folder"):
        read(registry, tmp_path)


@pytest.mark.parametrize(
    ("path", "text", "model", "version"),
    [
        pytest.param("meta.yaml", "{no: [yaml", "cannot be read", None, id="a model"),
        pytest.param("meta.yaml", "[]", "describes nothing", None, id="a list"),
        pytest.param("aliases/champion", "first", "champion in its", None, id="an alias"),
        pytest.param("version-1/meta.yaml", "{", None, "cannot be read", id="a version"),
        pytest.param(
            "version-1/meta.yaml", "creation_timestamp: x", None, "creation_time", id="a time"
        ),
    ],
)
def test_what_is_damaged_is_named_and_the_rest_is_read(
    path: str, text: str, model: str | None, version: str | None, tmp_path: Path
) -> None:
    registry = folder(tmp_path / "mlruns", f"runs:/{RUN}/net")
    write(tmp_path / "mlruns" / "models" / "other" / "meta.yaml", "name: other\n")
    write(tmp_path / "mlruns" / "models" / "net" / path, text)
    write(tmp_path / "mlruns" / "models" / "net" / "version-2" / "meta.yaml", "version: 2\n")
    write(tmp_path / "mlruns" / "models" / "net" / "version-x" / "meta.yaml", "")

    [net, other] = registry.models()
    [first, second] = registry.versions(RegisteredModel("net"))

    assert other == RegisteredModel("other")
    assert isinstance(second, ModelVersion)
    for found, words in ((net, model), (first, version)):
        assert isinstance(found, Unreadable) is (words is not None)
        if isinstance(found, Unreadable):
            assert str(words) in found.problem


def test_a_version_that_was_deleted_is_none(tmp_path: Path) -> None:
    registry = folder(tmp_path / "mlruns", f"runs:/{RUN}/net")
    deleted = "current_stage: Deleted_Internal\n"
    write(tmp_path / "mlruns" / "models" / "net" / "version-1" / "meta.yaml", deleted)

    assert list(registry.versions(RegisteredModel("net"))) == []


@pytest.mark.parametrize(
    ("database", "there"),
    [
        pytest.param("mlflow.db", True, id="beside it"),
        pytest.param("mlruns/mlflow.db", True, id="in it"),
        pytest.param("other.db", False, id="another one"),
    ],
)
def test_a_folder_of_artifacts_only_leads_to_its_database(
    database: str, there: bool, tmp_path: Path
) -> None:
    write(tmp_path / "mlruns" / "1" / RUN / "artifacts" / "notes.txt", "")
    write(tmp_path / database, "")

    with pytest.raises(CannotRead, match="is no folder mlruns") as raised:
        MlflowFolder(tmp_path / "mlruns")

    assert (f"sqlite:///{tmp_path / database}" in str(raised.value)) is there


def test_a_folder_without_models_has_no_registry(tmp_path: Path) -> None:
    write(tmp_path / "mlruns" / "1" / "meta.yaml", "name: e\n")

    assert MlflowFolder(tmp_path / "mlruns").registry() is None
