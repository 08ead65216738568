"""Runs, what is logged to them, and histories."""

from __future__ import annotations

from typing import Any

import mlflow
from asking import EXPERIMENT, MARK, case, client, data, refused, run
from mlflow.entities import Metric, Param, RunStatus, RunTag


@case("runs/create", "with a name and tags")
def _() -> Any:
    made = client.create_run(EXPERIMENT, start_time=5, run_name="mine", tags={"a": "1"})
    return made.info, made.data.to_dictionary()


@case("runs/create", "a name by a tag")
def _() -> Any:
    return client.get_run(run(tags={"mlflow.runName": "tagged"})).info.run_name


@case("runs/create", "an experiment that is not there or was deleted")
def _() -> Any:
    made = client.create_experiment(f"closed-{MARK}")
    client.delete_experiment(made)
    return [refused(client.create_run, id) for id in ("987654321", made)]


@case("runs/get", "none of that id")
def _() -> Any:
    return refused(client.get_run, "0" * 32)


@case("runs/get", "an id of another form")
def _() -> Any:
    return refused(client.get_run, "../x")


@case("runs/update", "ends, goes on, is renamed")
def _() -> Any:
    id, seen = run(), []
    client.set_terminated(id, "FAILED", end_time=2000)
    seen.append(client.get_run(id).info)
    client.update_run(id, status="RUNNING")
    seen.append(client.get_run(id).info.status)
    client.update_run(id, name="other")
    found = client.get_run(id)
    return seen, found.info.run_name, found.data.tags["mlflow.runName"]


@case("runs/update", "each status")
def _() -> Any:
    id, seen = run(), []
    for status in RunStatus.all_status():
        client.update_run(id, status=RunStatus.to_string(status))
        seen.append(client.get_run(id).info.status)
    return seen


@case("runs/update", "of none, and of one that was deleted")
def _() -> Any:
    id = run()
    client.delete_run(id)
    return [refused(client.update_run, one, name="x") for one in ("0" * 32, id)]


@case("runs/delete", "hides, and restore shows")
def _() -> Any:
    id = run(run_name=f"hidden-{MARK}")
    client.delete_run(id)
    found = [
        len(client.search_runs([EXPERIMENT], f"run_name = 'hidden-{MARK}'", v)) for v in (1, 2, 3)
    ]
    stage = client.get_run(id).info.lifecycle_stage
    client.restore_run(id)
    return found, stage, client.get_run(id).info.lifecycle_stage


@case("runs/delete", "twice, and one that is not there")
def _() -> Any:
    id = run()
    client.delete_run(id)
    return (
        refused(client.delete_run, id),
        refused(client.delete_run, "0" * 32),
        refused(client.restore_run, "0" * 32),
    )


@case("runs/delete", "nothing is logged to it")
def _() -> Any:
    id = run()
    client.delete_run(id)
    return [
        refused(client.log_metric, id, "a", 1.0), refused(client.log_param, id, "a", 1), refused(client.set_tag, id, "a", 1),
        refused(client.log_batch, id, metrics=[Metric("a", 1.0, 1, 1)]), refused(client.delete_tag, id, "a"),
    ]  # fmt: skip


@case("runs/set-tag", "set, changed, deleted")
def _() -> Any:
    id = run()
    client.set_tag(id, "a", "1")
    client.set_tag(id, "a", "größer 🙂")
    client.set_tag(id, "b", 3)
    client.delete_tag(id, "b")
    return data(id), refused(client.delete_tag, id, "b")


@case("runs/set-tag", "long values and bad names")
def _() -> Any:
    id = run()
    client.set_tag(id, "long", "x" * 8000)
    given = ["", "a/../b", "/a", "a//b", "a?b", "x" * 251, "a b.c-d_e/f", "a:b"]
    return len(client.get_run(id).data.tags["long"]), [
        refused(client.set_tag, id, key, "1") for key in given
    ]


@case("runs/log-parameter", "kept, again, changed")
def _() -> Any:
    id = run()
    client.log_param(id, "lr", 0.1)
    client.log_param(id, "lr", 0.1)
    return refused(client.log_param, id, "lr", 0.2), data(id)


@case("runs/log-parameter", "values of any kind")
def _() -> Any:
    id = run()
    for n, value in enumerate([None, True, "", " ", "größer", [1, {"a": 2}], "x" * 6000]):
        client.log_param(id, f"p{n}", value)
    return data(id), refused(client.log_param, id, "long", "x" * 6001)


@case("runs/log-metric", "values, steps and times")
def _() -> Any:
    id = run()
    for step, value in ((1, 0.5), (3, 0.25), (2, 0.75)):
        client.log_metric(id, "loss", value, timestamp=1000 + step, step=step)
    client.log_metric(id, "loss", 1, timestamp=5000, step=3)
    client.log_metric(id, "early", 1.5, timestamp=7, step=-4)
    return data(id), sorted(
        (m.step, m.timestamp, m.value) for m in client.get_metric_history(id, "loss")
    )


@case("runs/log-metric", "no number and infinities")
def _() -> Any:
    id = run()
    for n, value in enumerate([float("nan"), float("inf"), float("-inf")]):
        client.log_metric(id, f"m{n}", value, timestamp=1, step=0)
    histories = [[m.value for m in client.get_metric_history(id, f"m{n}")] for n in range(3)]
    return data(id), histories


@case("runs/log-metric", "the same value again")
def _() -> Any:
    id = run()
    for _ in range(3):
        client.log_metric(id, "a", 1.0, timestamp=1, step=1)
    return len(client.get_metric_history(id, "a"))


@case("runs/log-metric", "what is no value")
def _() -> Any:
    id = run()
    return [refused(client.log_metric, id, "a", value) for value in ("x", None)] + [
        refused(client.log_metric, id, "", 1.0)
    ]


@case("runs/log-metric", "a value that is larger than a double is near to it")
def _() -> Any:
    id = run()
    client.log_metric(id, "a", 1.7976931348623157e308, timestamp=1)
    client.log_metric(id, "b", 5e-324, timestamp=1)
    return data(id)


@case("runs/log-batch", "all kinds")
def _() -> Any:
    id = run()
    client.log_batch(
        id, [Metric("a", 1.0, 1, 1), Metric("a", 2.0, 2, 2)], [Param("p", "1")], [RunTag("t", "1")]
    )
    return data(id)


@case("runs/log-batch", "empty")
def _() -> Any:
    id = run()
    client.log_batch(id)
    return data(id)


@case("runs/log-batch", "a param twice, and a param that changes")
def _() -> Any:
    id = run()
    client.log_param(id, "a", "1")
    twice = refused(client.log_batch, id, params=[Param("b", "1"), Param("b", "2")])
    changed = refused(client.log_batch, id, params=[Param("c", "1"), Param("a", "2")])
    return twice, changed, data(id)["params"].get("a")


@case("runs/log-batch", "1,000 values of one metric")
def _() -> Any:
    id = run()
    client.log_batch(id, [Metric("a", n / 7, n, n) for n in range(1000)])
    return [m.value for m in client.get_metric_history(id, "a")] == [n / 7 for n in range(1000)]


@case("runs/log-batch", "to a run that is not there")
def _() -> Any:
    return refused(client.log_batch, "0" * 32, metrics=[Metric("a", 1.0, 1, 1)])


@case("runs/log-inputs", "a dataset with a context")
def _() -> Any:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    id = run()
    given = Dataset(
        "iris", "12345678", "local", '{"uri": "/x"}', schema='{"a": 1}', profile='{"rows": 2}'
    )
    client.log_inputs(id, [DatasetInput(given, [InputTag("mlflow.data.context", "train")])])
    client.log_inputs(id, [DatasetInput(given, [InputTag("mlflow.data.context", "train")])])
    return client.get_run(id).inputs.to_dictionary()


@case("runs/outputs", "a logged model")
def _() -> Any:
    with mlflow.start_run(experiment_id=EXPERIMENT) as own:
        made = mlflow.initialize_logged_model(name="net", source_run_id=own.info.run_id)
        mlflow.finalize_logged_model(made.model_id, "READY")
    from mlflow.entities import LoggedModelOutput

    client.log_outputs(own.info.run_id, [LoggedModelOutput(made.model_id, step=3)])
    return client.get_run(own.info.run_id).outputs.to_dictionary()


@case("metrics/get-history", "of none, and of a run that is not there")
def _() -> Any:
    return len(client.get_metric_history(run(), "none")), refused(
        client.get_metric_history, "0" * 32, "a"
    )


@case("metrics/get-history", "its order")
def _() -> Any:
    id = run()
    for step, timestamp in ((5, 10), (1, 30), (3, 20)):
        client.log_metric(id, "a", float(step), timestamp=timestamp, step=step)
    return [m.step for m in client.get_metric_history(id, "a")]


@case("metrics/get-history", "30,000 values")
def _() -> Any:
    id = run()
    for first in range(0, 30_000, 1000):
        client.log_batch(id, [Metric("a", float(n), n, n) for n in range(first, first + 1000)])
    return [m.step for m in client.get_metric_history(id, "a")] == list(range(30_000))
