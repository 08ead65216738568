"""MLflow's own clients in a session's pod: through the supervisor's relay to a real gateway."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from cluster import unique
from gateway_lab import GatewayLab
from mlflow_clients import VERSIONS, MlflowClient, installed
from supervisor_lab import SupervisorLab, attempt_json

from trainyard_api import contract
from trainyard_api.mlflow import run_id_of

pytestmark = pytest.mark.integration

PROGRAM = """
import json, mlflow, os
mlflow.set_experiment("of a pod")
with mlflow.start_run(run_name="mine") as run:
    mlflow.log_params({"lr": 0.1})
    for step in range(20):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
    mlflow.log_metric("loss", float("nan"), step=20)
    mlflow.set_tag("team", "vision")
    mlflow.log_text("hello", "notes/n.txt")
    with mlflow.start_run(run_name="child", nested=True) as child:
        mlflow.log_metric("z", 2.0)
        mlflow.log_text("of the child", "c.txt")
    mlflow.log_text("flavors: {}", "net/MLmodel")
    version = mlflow.register_model(f"runs:/{run.info.run_id}/net", os.environ["MODEL"])
client = mlflow.MlflowClient()
client.set_registered_model_alias(version.name, "champion", version.version)
loaded = mlflow.artifacts.load_text(f"models:/{version.name}@champion/MLmodel")
found = client.search_runs([run.info.experiment_id], "metrics.z = 2")
print(json.dumps({"run": run.info.run_id, "child": child.info.run_id, "found": [r.info.run_id for r in found],
    "version": int(version.version), "loaded": loaded}))
"""
READ = """
import os
run, child = client.get_run(os.environ["RUN"]), client.get_run(os.environ["CHILD"])
give(
    history=[(m.step, str(m.value)) for m in client.get_metric_history(run.info.run_id, "loss")],
    params=run.data.params, team=run.data.tags["team"],
    experiment=client.get_experiment(run.info.experiment_id).name,
    files=[f.path for f in client.list_artifacts(run.info.run_id, "notes")],
    text=mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/notes/n.txt"),
    parent=child.data.tags["mlflow.parentRunId"], of_child=mlflow.artifacts.load_text(f"runs:/{child.info.run_id}/c.txt"),
)
"""


@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_program_logs_in_a_pod_is_at_the_gateway(
    version: str, lab: GatewayLab, tmp_path: Path
) -> None:
    trainer = lab.new_trainer()
    there = SupervisorLab(tmp_path)
    (tmp_path / "token").write_text(trainer.token)
    there.environment |= {
        contract.ENV_RUN: attempt_json(uid=trainer.session_uid, session=trainer.session),
        contract.ENV_GATEWAY_URL: lab.url,
        contract.ENV_TOKEN_FILE: str(tmp_path / "token"),
        "PYTHONPATH": str(installed(version)),
        "MODEL": (model := unique("net")),
    }
    (tmp_path / "program.py").write_text(PROGRAM)

    ended = there.run(sys.executable, "program.py")

    assert ended.code == 0, ended.err
    said = json.loads(next(line for line in ended.out.splitlines() if line.startswith(b"{")))
    assert said["run"] == run_id_of(trainer.session_uid)
    assert said["found"] == [said["child"]]
    assert (said["version"], said["loaded"]) == (1, "flavors: {}")
    with lab.client() as gateway:
        [registered] = gateway.versions(model).models
    assert registered.session_uid == trainer.session_uid
    assert registered.card["session"]["name"] == trainer.session
    newest = MlflowClient("newest", installed("newest"), lab.url, lab.key)
    found = newest.run(READ, RUN=said["run"], CHILD=said["child"])
    values = [[step, str(1 / (step + 1))] for step in range(20)]
    assert found == {
        "history": [*values, [20, "nan"]],
        "params": {"lr": "0.1"},
        "team": "vision",
        "experiment": "of a pod",
        "files": ["notes/n.txt"],
        "text": "hello",
        "parent": said["run"],
        "of_child": "of the child",
    }
