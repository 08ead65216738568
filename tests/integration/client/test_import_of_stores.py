"""Stores that MLflow's own clients of three versions have written come to a gateway: folders and databases."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster import unique
from command_line import CommandLine
from gateway_lab import GatewayLab
from mlflow_clients import installed

from trainyard.cli.trackers.mlflow_registry import MlflowRegistry
from trainyard.cli.trackers.source import ModelVersion, RegisteredModel, Run

pytestmark = pytest.mark.integration

PROGRAM = """
import mlflow, os, pathlib, tempfile
name = os.environ["NAME"]
client = mlflow.MlflowClient()
mlflow.set_experiment(name)
def files(**texts):
    folder = tempfile.mkdtemp()
    for path, text in texts.items():
        pathlib.Path(folder, path).write_text(text)
    return folder
with mlflow.start_run(run_name="first") as run:
    mlflow.log_param("lr", 0.1)
    mlflow.log_metric("train/loss", float("nan"), step=1)
    mlflow.log_metric("train/loss", 2, step=2)
    mlflow.log_artifacts(files(MLmodel="of a run", weights="123"), "net")
    logged = None
    if hasattr(mlflow, "initialize_logged_model"):
        logged = mlflow.initialize_logged_model(name="lm", source_run_id=run.info.run_id)
        client.log_model_artifacts(logged.model_id, files(MLmodel="logged"))
        mlflow.finalize_logged_model(logged.model_id, "READY")
        mlflow.log_metric("of_model", 1.0, step=3, model_id=logged.model_id)
client.create_registered_model(name, tags={"team": "vision"}, description="Iris")
source = f"{run.info.artifact_uri}/net"
client.create_model_version(name, source, run_id=run.info.run_id, description="one", tags={"n": "1"})
if logged is not None:
    client.create_model_version(name, f"models:/{logged.model_id}", run_id=run.info.run_id)
client.set_registered_model_alias(name, "champion", 1)
client.transition_model_version_stage(name, 1, "Staging")
client.create_registered_model(f"{name}-empty")
"""
STORES = [
    pytest.param("2.22", "file:", id="a folder of 2.22"),
    pytest.param("3.0", "file:", id="a folder of 3.0"),
    pytest.param("newest", "file:", id="a folder of the newest"),
    pytest.param("newest", "sqlite:///", id="a database of the newest"),
]


@pytest.fixture
def reader(lab: GatewayLab) -> Iterator[MlflowRegistry]:
    """Reads what is at the gateway."""
    made = MlflowRegistry(f"{lab.url}/mlflow", {"MLFLOW_TRACKING_TOKEN": lab.key})
    yield made
    made.close()


def written(folder: Path, version: str, kind: str, name: str) -> str:
    """A store of that version; its address for an import."""
    place = folder / ("mlruns" if kind == "file:" else "mlflow.db")
    subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={
            "PATH": os.environ["PATH"], "HOME": str(folder), "NAME": name,
            "PYTHONPATH": str(installed(version)), "MLFLOW_TRACKING_URI": f"{kind}{place}",
            "MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_DISABLE_TELEMETRY": "true",
        },
        cwd=folder, check=True, capture_output=True, timeout=240,
    )  # fmt: skip
    return str(place) if kind == "file:" else f"{kind}{place}"


@pytest.mark.parametrize(("version", "kind"), STORES)
def test_runs_and_models_of_a_store_come_over_and_twice_is_once(
    version: str, kind: str, lab: GatewayLab, reader: MlflowRegistry, tmp_path: Path
) -> None:
    name = unique("net")
    store = written(tmp_path, version, kind, name)
    cli = CommandLine(tmp_path / "home", lab.url, lab.key)
    library = {"PYTHONPATH": str(installed(version))} if kind != "file:" else {}

    said, again = (cli.run("import", "mlflow", store, **library) for _ in range(2))

    levels = 2 if version != "2.22" else 1
    assert (said.code, again.code) == (0, 0), said.err + again.err
    assert f"1 run copied, {levels} version" in said.out
    assert "0 runs copied, 1 here already, 0 versions" in again.out
    experiment = next(one for one in reader.experiments() if one.name == name)
    [run] = reader.runs(experiment)
    assert isinstance(run, Run)
    points = [(point.step, point.value) for point in reader.points(run, "train/loss")]
    assert points == [(1, "NaN"), (2, "2.0")]
    assert {file.path for file in reader.files(run)} == {"net/MLmodel", "net/weights"}
    models = [one for one in reader.models() if one.name.startswith(name)]
    assert [one.name for one in models] == [name, f"{name}-empty"]
    assert models[0].aliases == {"champion": 1}
    assert (models[0].description, models[0].tags["team"]) == ("Iris", "vision")
    versions = list(reader.versions(RegisteredModel(name)))
    assert [(one.number, one.run, one.stage) for one in versions] == [
        (1, run.id, "Staging"),
        (2, run.id, "None"),
    ][:levels]
    assert [contents(reader, one, tmp_path) for one in versions] == [
        {"MLmodel": "of a run", "weights": "123"},
        {"MLmodel": "logged"},
    ][:levels]


def contents(reader: MlflowRegistry, version: ModelVersion, folder: Path) -> dict[str, str]:
    """The files of a version at the gateway."""
    return {
        file.path: reader.fetch_of_version(version, file, folder).read_text()
        for file in reader.version_files(version)
    }
