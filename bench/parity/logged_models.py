"""Logged models."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import mlflow
from asking import EXPERIMENT, MARK, case, client, refused


@case("logged-models", "made, finalized, tagged, found, deleted")
def _() -> Any:
    with mlflow.start_run(experiment_id=EXPERIMENT) as own:
        made = mlflow.initialize_logged_model(
            name="net",
            params={"d": "3"},
            tags={"a": "1"},
            model_type="tree",
            source_run_id=own.info.run_id,
        )
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "MLmodel").write_text("flavors: {}")
            client.log_model_artifacts(made.model_id, folder)
        ready = mlflow.finalize_logged_model(made.model_id, "READY")
    client.set_logged_model_tags(made.model_id, {"b": "2"})
    client.delete_logged_model_tag(made.model_id, "a")
    found = mlflow.get_logged_model(made.model_id)
    listed = [f.path for f in client.list_logged_model_artifacts(made.model_id)]
    client.delete_logged_model(made.model_id)
    tags = {k: v for k, v in found.tags.items() if not k.startswith("mlflow.")}
    return (
        str(made.status), str(ready.status), tags, found.params, found.name, found.model_type, listed,
        refused(mlflow.get_logged_model, made.model_id), refused(client.delete_logged_model, made.model_id),
    )  # fmt: skip


@case("logged-models", "values of a model")
def _() -> Any:
    with mlflow.start_run(experiment_id=EXPERIMENT) as own:
        made = mlflow.initialize_logged_model(name="scored", source_run_id=own.info.run_id)
        mlflow.log_metric("acc", 0.5, step=1, model_id=made.model_id)
        mlflow.finalize_logged_model(made.model_id, "READY")
    found = mlflow.get_logged_model(made.model_id)
    return [(m.key, m.value, m.step) for m in found.metrics or []]


@case("logged-models/search", "filters, orders, pages")
def _() -> Any:
    made = client.create_experiment(f"models-{MARK}")
    for n in range(4):
        model = client.create_logged_model(
            made, name=f"m{n}", params={"n": str(n)}, tags={"odd": str(n % 2)}
        )
        client.finalize_logged_model(model.model_id, "READY")
    asked = [
        "",
        "name = 'm1'",
        "tags.odd = '1'",
        "params.n = '2'",
        "name LIKE 'm%' AND tags.odd = '0'",
        "status = 'READY'",
    ]
    found = [
        sorted(m.name for m in client.search_logged_models([made], filter_string=f)) for f in asked
    ]
    ordered = client.search_logged_models(
        [made], order_by=[{"field_name": "name", "ascending": False}]
    )
    page = client.search_logged_models([made], max_results=3)
    rest = client.search_logged_models([made], max_results=3, page_token=page.token)
    return found, [m.name for m in ordered], len(page), len(rest), rest.token


@case("logged-models/search", "wrong filters")
def _() -> Any:
    return [
        refused(client.search_logged_models, [EXPERIMENT], filter_string=f)
        for f in ("name", "size > 'x'", "name = 1")
    ]
