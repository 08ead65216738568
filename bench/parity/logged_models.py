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
        mlflow.log_metric("acc", 0.25, step=2)
        mlflow.finalize_logged_model(made.model_id, "READY")
    found = mlflow.get_logged_model(made.model_id)
    history = client.get_metric_history(own.info.run_id, "acc")
    return values(found), [(m.value, m.step) for m in history]


def values(found: Any) -> list[tuple[Any, ...]]:
    """The values of a logged model."""
    return sorted(
        (m.key, m.value, m.step, m.dataset_name, m.dataset_digest, bool(m.model_id), bool(m.run_id))
        for m in found.metrics or []
    )


@case("logged-models", "values of two models and two runs, with datasets")
def _() -> Any:
    with mlflow.start_run(experiment_id=EXPERIMENT) as own:
        made = [
            mlflow.initialize_logged_model(name=f"n{n}", source_run_id=own.info.run_id)
            for n in range(2)
        ]
        for n, model in enumerate(made):
            mlflow.log_metrics({"acc": n / 2, "loss": n}, step=3, model_id=model.model_id)
    with mlflow.start_run(experiment_id=EXPERIMENT) as other:
        for step in range(3):
            client.log_metric(
                other.info.run_id,
                "acc",
                0.75,
                timestamp=1000 + step,
                step=step,
                model_id=made[0].model_id,
                dataset_name="iris",
                dataset_digest="abc",
            )
        # The same again counts once.
        client.log_metric(
            other.info.run_id,
            "acc",
            0.75,
            timestamp=1000,
            step=0,
            model_id=made[0].model_id,
            dataset_name="iris",
            dataset_digest="abc",
        )
    found = [values(mlflow.get_logged_model(model.model_id)) for model in made]
    runs = [client.get_run(run.info.run_id).data.metrics for run in (own, other)]
    return (
        found,
        runs,
        refused(client.log_metric, own.info.run_id, "acc", 1.0, model_id="m-" + "0" * 32),
    )


@case("logged-models/search", "by values and datasets")
def _() -> Any:
    made = client.create_experiment(f"scored-{MARK}")
    with mlflow.start_run(experiment_id=made) as own:
        for n in range(4):
            model = client.create_logged_model(made, name=f"m{n}", source_run_id=own.info.run_id)
            for step, value in enumerate((n / 4, (n * 3 % 4) / 4)[: n + 1]):
                client.log_metric(
                    own.info.run_id,
                    "acc",
                    value,
                    timestamp=1000 + step,
                    step=step,
                    model_id=model.model_id,
                    dataset_name=f"d{n % 2}",
                    dataset_digest=f"g{n}",
                )
    asked: list[dict[str, Any]] = [
        {"filter_string": "metrics.acc > 0.4"},
        {"filter_string": "metrics.acc > 0.4 AND name != 'm3'"},
        {"filter_string": "metrics.acc <= 0.25", "datasets": [{"dataset_name": "d1"}]},
        {"filter_string": "metrics.none > 0"},
        {"datasets": [{"dataset_name": "d0", "dataset_digest": "g2"}]},
        {"datasets": [{"dataset_name": "d0"}, {"dataset_name": "d1", "dataset_digest": "g1"}]},
    ]
    orders: list[dict[str, Any]] = [
        {"field_name": "metrics.acc", "ascending": False},
        {"field_name": "metrics.acc", "ascending": True, "dataset_name": "d1"},
        {"field_name": "metrics.none", "ascending": True},
    ]
    found = [sorted(m.name for m in client.search_logged_models([made], **each)) for each in asked]
    ordered = [
        [
            m.name
            for m in client.search_logged_models([made], order_by=[each, {"field_name": "name"}])
        ]
        for each in orders
    ]
    return (
        found,
        ordered,
        [values(m) for m in client.search_logged_models([made], order_by=[{"field_name": "name"}])],
    )


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
