"""Versions of registered models."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import mlflow
from asking import EXPERIMENT, MARK, case, client, model, refused


@case("model-versions/create", "of a run, of a logged model, of a version")
def _() -> Any:
    name = model("sources", 1)
    logged = mlflow.initialize_logged_model(name="net", experiment_id=EXPERIMENT)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "MLmodel").write_text("flavors: {}")
        client.log_model_artifacts(logged.model_id, folder)
    mlflow.finalize_logged_model(logged.model_id, "READY")
    client.create_model_version(name, f"models:/{logged.model_id}", model_id=logged.model_id)
    client.copy_model_version(f"models:/{name}/1", f"copy-{MARK}")
    found = [client.get_model_version(name, "2"), client.get_model_version(f"copy-{MARK}", "1")]
    return [{k: v for k, v in dict(one).items() if k != "model_id"} for one in found]


@case("model-versions/create", "without a model, of a run that is not there")
def _() -> Any:
    name = model("lost", 0)
    return refused(
        client.create_model_version, f"none-{MARK}", "runs:/" + "0" * 32 + "/a"
    ), refused(client.create_model_version, name, "runs:/" + "0" * 32 + "/a", "0" * 32)


@case("model-versions/get", "there, not there, no number")
def _() -> Any:
    name = model("version", 1)
    return client.get_model_version(name, "1"), [
        refused(client.get_model_version, name, v) for v in ("2", "x")
    ]


@case("model-versions/search", "filters, orders")
def _() -> Any:
    name = model("versions", 3)
    asked = [
        f"name = '{name}'",
        f"name = '{name}' AND tags.n = '2'",
        f"name LIKE 'versions-{MARK}'",
        f"name = '{name}' AND version_number > 1",
    ]
    found: list[Any] = []
    for one in asked:
        try:
            found.append(
                [
                    v.version
                    for v in client.search_model_versions(one, order_by=["version_number ASC"])
                ]
            )
        except Exception as error:
            found.append(getattr(error, "error_code", type(error).__name__))
    return found, refused(client.search_model_versions, "size = 1")


@case("model-versions/update", "description, tags, stage, delete")
def _() -> Any:
    name = model("change", 2)
    client.update_model_version(name, "1", "other")
    client.set_model_version_tag(name, "1", "b", "2")
    client.delete_model_version_tag(name, "1", "n")
    client.transition_model_version_stage(name, "1", "Production")
    client.transition_model_version_stage(name, "2", "Production", archive_existing_versions=True)
    seen = client.get_model_version(name, "1")
    latest = [v.version for v in client.get_latest_versions(name, ["Production"])]
    client.delete_model_version(name, "1")
    return (
        seen,
        latest,
        refused(client.get_model_version, name, "1"),
        refused(client.transition_model_version_stage, name, "2", "Best"),
    )


@case("model-versions/get-download-uri", "files of a version")
def _() -> Any:
    name = model("files", 1)
    client.set_registered_model_alias(name, "champion", "1")
    texts = [
        mlflow.artifacts.load_text(f"models:/{name}{end}/MLmodel") for end in ("/1", "@champion")
    ]
    return texts, refused(client.get_model_version_download_uri, name, "7")
