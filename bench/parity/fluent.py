"""What programs write: `mlflow.start_run` and the like."""

from __future__ import annotations

from typing import Any

import mlflow
from asking import MARK, case, client, refused


@case("fluent", "nested, failed and resumed runs")
def _() -> Any:
    mlflow.set_experiment(f"fluent-{MARK}")
    with mlflow.start_run(run_name="parent", description="why") as parent:
        mlflow.log_metrics({"a": 1.0, "b": 2.0}, step=1)
        with mlflow.start_run(run_name="child", nested=True, tags={"x": "y"}) as child:
            mlflow.log_params({"p": 1})
    try:
        with mlflow.start_run(run_name="failed") as failed:
            raise ValueError
    except ValueError:
        pass
    with mlflow.start_run(run_id=parent.info.run_id):
        mlflow.log_metric("a", 3.0, step=2)
        status = client.get_run(parent.info.run_id).info.status
    runs = [client.get_run(r.info.run_id) for r in (parent, child, failed)]
    kept = ("mlflow.note.content", "mlflow.runName", "x")
    return (
        status,
        [
            (
                r.info.status,
                r.info.run_name,
                r.data.metrics,
                r.data.params,
                {k: r.data.tags.get(k) for k in kept},
            )
            for r in runs
        ],
        (
            runs[1].data.tags["mlflow.parentRunId"] == parent.info.run_id,
            client.get_parent_run(child.info.run_id).info.run_name,
        ),
    )


@case("fluent", "logged in the background")
def _() -> Any:
    mlflow.set_experiment(f"fluent-{MARK}")
    with mlflow.start_run() as own:
        for step in range(300):
            mlflow.log_metric("a", step / 3, step=step, synchronous=False)
        mlflow.log_params({f"p{n}": n for n in range(150)}, synchronous=False)
        mlflow.flush_async_logging()
    return len(client.get_metric_history(own.info.run_id, "a")), len(
        client.get_run(own.info.run_id).data.params
    )


@case("fluent", "a data frame of runs")
def _() -> Any:
    found = mlflow.search_runs(
        experiment_names=[f"fluent-{MARK}"], filter_string="tags.mlflow.runName = 'child'"
    )
    return (
        [c for c in found.columns if not c.startswith("tags.mlflow.")],
        found["params.p"].tolist(),
        found["metrics.a"].tolist() if "metrics.a" in found else None,
    )


@case("fluent", "the last run and a run that was deleted")
def _() -> Any:
    mlflow.set_experiment(f"fluent-{MARK}")
    with mlflow.start_run() as own:
        pass
    mlflow.delete_run(own.info.run_id)
    return refused(mlflow.start_run, run_id=own.info.run_id)
