"""What programs do with MLflow's own clients, of three versions, against a real gateway."""

from __future__ import annotations

import pytest
from cluster import unique
from mlflow_clients import MlflowClient

pytestmark = pytest.mark.integration

LIFE = """
import os, pathlib, tempfile
name = os.environ["NAME"]
experiment = mlflow.set_experiment(name)
with mlflow.start_run(run_name="first", tags={"team": "vision"}) as run:
    id = run.info.run_id
    mlflow.log_param("lr", 0.1)
    mlflow.log_params({"depth": 3, "name": "größer"})
    mlflow.log_metric("loss", 0.5, step=1)
    mlflow.log_metric("loss", float("nan"), step=2)
    mlflow.log_metrics({"loss": 0.25, "acc": 0.9}, step=3)
    client.log_metric(id, "odd", float("inf"), timestamp=1000)
    client.log_metric(id, "odd", float("-inf"), timestamp=2000)
    mlflow.set_tags({"a": "1", "b": "2"})
    mlflow.delete_tag("b")
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "sub").mkdir()
        pathlib.Path(folder, "a.txt").write_text("hello")
        pathlib.Path(folder, "sub", "b.bin").write_bytes(bytes(range(256)) * 40_000)
        mlflow.log_artifact(f"{folder}/a.txt")
        mlflow.log_artifacts(folder, "dir")
    mlflow.log_text("text", "notes/n.txt")
    mlflow.log_dict({"x": 1}, "d.json")
    changed = refused(client.log_param, id, "lr", "0.2")
    with mlflow.start_run(run_name="child", nested=True) as child:
        mlflow.log_metric("loss", 0.1, step=1)
try:
    with mlflow.start_run(run_name="fails") as failed:
        raise ValueError("x")
except ValueError:
    pass
ended = client.get_run(id).info.status
with mlflow.start_run(run_id=id):
    mlflow.log_metric("loss", 0.2, step=4)
    again = client.get_run(id).info.status
found = client.get_run(id)
history = [(m.step, str(m.value)) for m in client.get_metric_history(id, "loss")]
odd = sorted(str(m.value) for m in client.get_metric_history(id, "odd"))
files = {f.path: f.file_size for f in client.list_artifacts(id)}
deep = [f.path for f in client.list_artifacts(id, "dir/sub")]
with tempfile.TemporaryDirectory() as folder:
    loaded = client.download_artifacts(id, "dir", folder)
    same = pathlib.Path(loaded, "sub", "b.bin").read_bytes() == bytes(range(256)) * 40_000
    text = mlflow.artifacts.load_text(f"runs:/{id}/notes/n.txt")
def names(filter, **more):
    found = client.search_runs([experiment.experiment_id], filter, **more)
    return [r.info.run_name for r in found]
give(
    params=found.data.params, tags={k: found.data.tags.get(k) for k in ("a", "b", "team", "mlflow.runName")},
    metrics={k: str(v) for k, v in found.data.metrics.items()}, history=history, odd=odd,
    changed=changed, ended=ended, again=again, last=client.get_run(id).info.status,
    failed=client.get_run(failed.info.run_id).info.status,
    parent=client.get_run(child.info.run_id).data.tags["mlflow.parentRunId"] == id,
    files=files, deep=deep, same=same, text=text,
    searched={
        "metric": names("metrics.loss < 0.15"), "param": names("params.lr = '0.1'"),
        "both": names("metrics.loss >= 0.2 and params.name LIKE 'grö%' and tags.team = 'vision'"),
        "none": names("params.lr = '0.2'"),
        "tag": names("tags.mlflow.parentRunId IS NOT NULL"),
        "status": names("attributes.status = 'FAILED'"),
        "ordered": names("", order_by=["metrics.loss ASC"]),
        "oldest": names("", order_by=["attributes.start_time ASC"]),
    },
    or_=refused(names, "params.lr = '0.1' or params.lr = '0.2'"),
    missing=refused(client.get_run, "0" * 32),
    experiments=[e.name for e in client.search_experiments(filter_string=f"name = '{name}'")],
    default=client.get_experiment("0").name,
)
"""


def test_the_life_of_a_program(mlflow: MlflowClient) -> None:
    name = unique("exp")

    found = mlflow.run(LIFE, NAME=name)

    assert found["params"] == {"lr": "0.1", "depth": "3", "name": "größer"}
    assert found["tags"] == {"a": "1", "b": None, "team": "vision", "mlflow.runName": "first"}
    assert found["metrics"] == {"loss": "0.2", "acc": "0.9", "odd": "-inf"}
    assert found["history"] == [[1, "0.5"], [2, "nan"], [3, "0.25"], [4, "0.2"]]
    assert found["odd"] == ["-inf", "inf"]
    assert found["changed"][0] == "INVALID_PARAMETER_VALUE"
    assert "Changing param values is not allowed" in found["changed"][1]
    states = [found[name] for name in ("ended", "again", "last", "failed")]
    assert states == ["FINISHED", "RUNNING", "FINISHED", "FAILED"]
    assert found["parent"]
    assert found["files"] == {"a.txt": 5, "d.json": 12, "dir": None, "notes": None}
    assert found["deep"] == ["dir/sub/b.bin"]
    assert found["same"]
    assert found["text"] == "text"
    assert found["searched"] == {
        "metric": ["child"],
        "param": ["first"],
        "both": ["first"],
        "none": [],
        "tag": ["child"],
        "status": ["fails"],
        "ordered": ["child", "first", "fails"],
        "oldest": ["first", "child", "fails"],
    }
    assert found["or_"][0] == "INVALID_PARAMETER_VALUE"
    assert found["missing"][0] == "RESOURCE_DOES_NOT_EXIST"
    assert found["experiments"] == [name]
    assert found["default"] == "Default"


LOGGED = """
import pathlib, tempfile
with mlflow.start_run() as run:
    made = mlflow.initialize_logged_model(
        name="net", params={"depth": "3"}, tags={"a": "1"}, source_run_id=run.info.run_id
    )
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "MLmodel").write_text("flavors: {}")
        client.log_model_artifacts(made.model_id, folder)
    ready = mlflow.finalize_logged_model(made.model_id, "READY")
    client.set_logged_model_tags(made.model_id, {"b": "2"})
    client.delete_logged_model_tag(made.model_id, "a")
found = mlflow.get_logged_model(made.model_id)
listed = [f.path for f in client.list_logged_model_artifacts(made.model_id)]
searched = client.search_logged_models(
    ["0"], filter_string="name = 'net' AND tags.b = '2' AND params.depth = '3'"
)
client.delete_logged_model(made.model_id)
give(
    deleted=refused(mlflow.get_logged_model, made.model_id),
    pending=str(made.status), ready=str(ready.status), tags=found.tags, params=found.params,
    source=found.source_run_id == run.info.run_id, listed=listed,
    searched=[m.model_id == made.model_id for m in searched],
    none=len(client.search_logged_models(["0"], filter_string="name = 'other'")),
    missing=refused(mlflow.get_logged_model, "m-" + "0" * 32),
)
"""


def test_logged_models(newest: MlflowClient) -> None:
    found = newest.run(LOGGED)

    assert (found["pending"], found["ready"]) == ("PENDING", "READY")
    assert {k: v for k, v in found["tags"].items() if not k.startswith("mlflow.")} == {"b": "2"}
    assert found["params"] == {"depth": "3"}
    assert found["source"]
    assert found["listed"] == ["MLmodel"]
    assert (found["searched"], found["none"]) == ([True], 0)
    assert found["missing"][0] == "RESOURCE_DOES_NOT_EXIST"
    assert found["deleted"][0] == "RESOURCE_DOES_NOT_EXIST"
