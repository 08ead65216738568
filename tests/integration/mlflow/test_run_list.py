"""Runs in Trainyard's own lists: those of sessions, of their programs, and of programs elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cluster import unique
from command_line import CommandLine
from gateway_lab import GatewayLab
from poll import eventually

from trainyard.client import Client
from trainyard_api.mlflow import run_id_of

pytestmark = pytest.mark.integration

API = "/mlflow/api/2.0/mlflow"


@pytest.fixture
def mlflow(lab: GatewayLab) -> Iterator[httpx.Client]:
    """MLflow's protocol with the administrator's key."""
    headers = {"Authorization": f"Bearer {lab.key}"}
    with httpx.Client(base_url=lab.url, headers=headers, timeout=60) as http:
        yield http


def made(http: httpx.Client, experiment: str, name: str, start: int) -> str:
    """The id of a new run."""
    body = {"experiment_id": experiment, "run_name": name, "start_time": start}
    answer = http.post(f"{API}/runs/create", json=body)
    return str(answer.json()["run"]["info"]["run_id"])


def every(client: Client, limit: int, experiment: str) -> list[str]:
    """The names of an experiment's runs, read in pages."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = client.runs(experiment=experiment, limit=limit, cursor=cursor)
        found += [run.name for run in page.runs]
        cursor = page.cursor
        if cursor is None:
            return found


def test_runs_are_listed_in_pages_and_by_what_is_asked(
    lab: GatewayLab, mlflow: httpx.Client
) -> None:
    experiment = unique("exp")
    id = mlflow.post(f"{API}/experiments/create", json={"name": experiment}).json()["experiment_id"]
    runs = [made(mlflow, id, f"Run {n}", 1_000 + n // 2) for n in range(5)]
    mlflow.post(
        f"{API}/runs/update", json={"run_id": runs[3], "status": "FAILED", "end_time": 9_000}
    )
    mlflow.post(f"{API}/runs/delete", json={"run_id": runs[4]})

    with lab.client() as client:
        whole = client.runs(experiment=experiment)
        in_pages = [every(client, limit, experiment) for limit in (1, 2, 3)]
        failed = client.runs(experiment=experiment, status="FAILED").runs
        named = client.runs(experiment=experiment, name="rUN 2").runs
        none = client.runs(experiment=experiment, kind="session").runs
    wrong = httpx.get(
        f"{lab.url}/api/v1/runs", params={"cursor": "x"}, headers={"X-API-Key": lab.key}
    )

    assert (len(whole.runs), whole.cursor) == (4, None)
    assert [run.start_time for run in whole.runs] == sorted(
        (run.start_time for run in whole.runs), reverse=True
    )
    assert in_pages == [[run.name for run in whole.runs]] * 3
    assert [(run.name, run.kind, run.end_time) for run in failed] == [
        ("Run 3", "local", "1970-01-01T00:00:09.000000Z")
    ]
    assert ([run.name for run in named], none) == (["Run 2"], [])
    assert (wrong.status_code, "leave it out" in wrong.json()["detail"]) == (400, True)


def test_runs_of_sessions_and_of_their_programs(
    lab: GatewayLab, mlflow: httpx.Client, tmp_path: Path
) -> None:
    trainer = lab.new_trainer()
    own = run_id_of(trainer.session_uid)
    eventually(
        lambda: mlflow.get(f"{API}/runs/get", params={"run_id": own}).status_code == 200,
        within=60,
        what="the run of the session",
    )
    token = {"Authorization": f"Bearer {trainer.token}"}
    nested = {"experiment_id": "0", "tags": [{"key": "mlflow.parentRunId", "value": own}]}
    with httpx.Client(base_url=lab.url, headers=token, timeout=60) as pod:
        child = pod.post(f"{API}/runs/create", json=nested).json()["run"]["info"]["run_id"]
        for step, value in ((1, 0.5), (2, "NaN")):
            metric = {"run_id": child, "key": "loss", "value": value, "timestamp": 5, "step": step}
            pod.post(f"{API}/runs/log-metric", json=metric).raise_for_status()
        pod.post(f"{API}/runs/log-parameter", json={"run_id": child, "key": "lr", "value": "0.1"})

    with lab.client() as client:
        found = {run.id: run for run in client.runs(session_uid=trainer.session_uid).runs}
        details = client.run(child)
        history = client.run_history(child, "loss")
    cli = CommandLine(tmp_path / "home", lab.url, lab.key)
    listed, shown = cli.ok("runs", "--kind", "program"), cli.ok("runs", child)

    assert {id: (run.kind, run.session) for id, run in found.items()} == {
        own: ("session", trainer.session),
        child: ("program", trainer.session),
    }
    assert (found[child].parent, details.params) == (own, {"lr": "0.1"})
    assert [(value.name, value.step, value.value) for value in details.metrics] == [
        ("loss", 2, "NaN")
    ]
    assert [(point.step, point.value) for point in history.series[0].points] == [
        (1, 0.5),
        (2, "NaN"),
    ]
    assert child in listed.out
    assert "param lr" in shown.out
