"""Who may report for whom, what becomes of a report, and what a kill leaves."""

from __future__ import annotations

import hashlib
import json
import signal
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cluster import api_client
from gateway_lab import GatewayFactory, GatewayLab, Trainer
from kubernetes import client
from poll import eventually

from trainyard.errors import Conflict, Invalid, NotFound
from trainyard.reporting.gateway_reporter import GatewayReporter
from trainyard.reporting.transport import GatewayTransport
from trainyard_api import contract, names, timestamps

pytestmark = pytest.mark.integration

NOW = "2026-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def lab(gateway_factory: GatewayFactory, database_settings: dict[str, str]) -> GatewayLab:
    return gateway_factory(**database_settings)


def status_in_cluster(lab: GatewayLab, name: str) -> dict[str, Any]:
    with api_client(lab.kubeconfig) as api:
        body = client.CustomObjectsApi(api).get_namespaced_custom_object(
            names.GROUP, names.VERSION, lab.namespace, names.SESSION_PLURAL, name
        )
    found: dict[str, Any] = body.get("status") or {}
    return found


def test_reports_reach_people_and_the_cluster(lab: GatewayLab, trainer: Trainer) -> None:
    beat = {
        "time": timestamps.now_text(), "step": 62, "totalSteps": 100, "epoch": 1, "epochs": 2,
        "stepsPerSecond": 0.5,
    }  # fmt: skip
    body = {
        "sequence": 1,
        "metrics": [
            {"step": 62, "time": NOW, "epoch": 1, "values": {"val/loss": 0.25, "odd": "NaN"}}
        ],
        "logs": [{"time": NOW, "message": "hello"}],
        "heartbeat": beat,
        "checkpoint": {"time": NOW, "step": 50, "name": "step-50"},
    }

    assert trainer.report(body).json() == {"sequence": 1, "duplicate": False}
    assert trainer.report(body).json() == {"sequence": 1, "duplicate": True}

    with lab.client() as gateway:
        assert [(m.name, m.value) for m in gateway.metrics(trainer.session).metrics] == [
            ("odd", "NaN"),
            ("val/loss", 0.25),
        ]
        assert [line.message for line in gateway.logs(trainer.session).lines] == ["hello"]
    status = eventually(
        lambda: (
            status_in_cluster(lab, trainer.session).get("progress")
            and status_in_cluster(lab, trainer.session)
        )
    )
    assert status["progress"]["percentDisplay"] == "62%"
    assert status["progress"]["etaDisplay"] == "1m16s"
    assert status["progress"]["lastCheckpoint"]["step"] == 50
    assert {"name": "val/loss", "value": "0.25", "step": 62} in status["metrics"]


def test_a_token_of_one_session_is_worth_nothing_for_another(lab: GatewayLab) -> None:
    first, second = lab.new_trainer(), lab.new_trainer()

    stolen = first.post(
        "batches", {"sessionUid": second.session_uid, "attempt": 1, "stream": "x", "sequence": 1}
    )
    early = first.report({"attempt": 2, "sequence": 1})

    assert (stolen.status_code, early.status_code) == (403, 403)


def test_a_token_dies_with_its_pod_and_an_api_key_is_no_token(
    lab: GatewayLab, trainer: Trainer
) -> None:
    with api_client(lab.kubeconfig) as api:
        client.CoreV1Api(api).delete_namespaced_pod(
            trainer.pod, lab.namespace, grace_period_seconds=0
        )

    eventually(lambda: trainer.report({"sequence": 1}).status_code == 401, within=60)
    forged = httpx.post(
        f"{lab.url}/api/v1/report/batches", json={}, headers={"Authorization": f"Bearer {lab.key}"}
    )
    assert forged.status_code == 401


def test_a_later_attempt_replaces_the_steps_that_it_trains_again(lab: GatewayLab) -> None:
    trainer = lab.new_trainer(attempt=2)

    def report(attempt: int, step: int, value: float, sequence: int) -> None:
        row = {"step": step, "time": NOW, "values": {"loss": value}}
        body = {"attempt": attempt, "sequence": sequence, "metrics": [row]}
        trainer.report(body).raise_for_status()

    report(1, 10, 1.0, 1)
    report(1, 20, 2.0, 2)
    report(2, 20, 3.0, 1)
    report(1, 20, 4.0, 3)  # a late report of the first attempt

    with lab.client() as gateway:
        [series] = gateway.history(trainer.session).series
    assert [(p.step, p.value) for p in series.points] == [(10, 1.0), (20, 3.0)]


def test_a_model_is_taken_over_once_and_only_as_it_was_reported(
    lab: GatewayLab, trainer: Trainer
) -> None:
    folder = lab.data / "runs" / trainer.session_uid / "output"
    folder.mkdir(parents=True)
    head = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    body = struct.pack("<Q", len(head)) + head + struct.pack("<f", 1.5)
    (folder / "model.safetensors").write_bytes(body)
    report = {
        "sessionUid": trainer.session_uid,
        "attempt": 1,
        "name": trainer.session,
        "sha256": hashlib.sha256(body).hexdigest(),
        "sizeBytes": len(body),
        "card": {"metrics": {"val/loss": 0.1}},
    }

    wrong = trainer.post("model", {**report, "sha256": "0" * 64})
    first, second = trainer.post("model", report), trainer.post("model", report)

    assert (wrong.status_code, first.status_code) == (400, 201)
    assert first.json() == second.json() == {
        "name": trainer.session, "version": 1, "sha256": report["sha256"],
    }  # fmt: skip
    assert eventually(lambda: status_in_cluster(lab, trainer.session).get("model"))["version"] == 1


def test_a_report_with_too_many_different_metrics_is_refused_as_such(
    lab: GatewayLab, trainer: Trainer
) -> None:
    rows = [
        {"step": n, "time": NOW, "values": {f"m{n}-{i}": 1.0 for i in range(250)}} for n in range(9)
    ]
    assert trainer.report({"sequence": 1, "metrics": rows[:8]}).status_code == 200

    refused = trainer.report({"sequence": 2, "metrics": rows[8:]})

    assert refused.status_code == 422
    assert "at most 2000 different metrics" in refused.json()["detail"]
    assert trainer.report({"sequence": 3, "metrics": rows[:8]}).status_code == 200
    with lab.client() as gateway:
        assert len(gateway.metrics(trainer.session).metrics) == 2000


def test_a_link_in_place_of_the_model_is_refused(
    lab: GatewayLab, trainer: Trainer, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    folder = lab.data / "runs" / trainer.session_uid / "output"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").symlink_to(secret)

    answer = trainer.post(
        "model",
        {
            "sessionUid": trainer.session_uid,
            "attempt": 1,
            "name": trainer.session,
            "sha256": hashlib.sha256(b"secret").hexdigest(),
            "sizeBytes": 6,
        },
    )

    assert answer.status_code == 400


def test_what_was_acknowledged_survives_a_kill(lab: GatewayLab, trainer: Trainer) -> None:
    acknowledged = []
    for sequence in range(1, 40):
        row = {"step": sequence, "time": NOW, "values": {"loss": float(sequence)}}
        if trainer.report({"sequence": sequence, "metrics": [row]}).status_code == 200:
            acknowledged.append(sequence)
        if sequence in (13, 26):
            lab.stop(signal.SIGKILL)
            lab.start()

    with lab.client() as gateway:
        [series] = gateway.history(trainer.session).series
    assert [p.step for p in series.points] == acknowledged
    assert len(acknowledged) == 39


def test_half_an_upload_leaves_nothing(lab: GatewayLab) -> None:
    def broken() -> Iterator[bytes]:
        yield b"a,y\n1,2\n"
        raise RuntimeError("the line is cut")

    with lab.http() as http:
        with pytest.raises(RuntimeError):
            http.post("/datasets", params={"name": "half", "filename": "a.csv"}, content=broken())

        assert http.get("/datasets/half").status_code == 404
        eventually(lambda: not list((lab.data / "datasets" / ".incoming").iterdir()), within=60)


def test_a_deleted_session_stays_readable(lab: GatewayLab, trainer: Trainer) -> None:
    trainer.report({"sequence": 1, "logs": [{"time": NOW, "message": "kept"}]}).raise_for_status()
    with api_client(lab.kubeconfig) as api:
        client.CustomObjectsApi(api).delete_namespaced_custom_object(
            names.GROUP, names.VERSION, lab.namespace, names.SESSION_PLURAL, trainer.session
        )

    with lab.client() as gateway:
        eventually(lambda: gateway.status(trainer.session).deleted, within=60)
        assert [line.message for line in gateway.logs(trainer.session).lines] == ["kept"]
        past = gateway.sessions(history=True).sessions
        assert [s.uid for s in past if s.name == trainer.session] == [trainer.session_uid]
        with pytest.raises(Conflict):
            gateway.stop(trainer.session)


def test_errors_of_starting_are_typed(lab: GatewayLab) -> None:
    training = {"task": "tabular-classification"}
    with lab.client() as gateway:
        with pytest.raises(NotFound, match="no dataset 'nope'"):
            gateway.start_training({"dataset": "nope", "training": training})
        with pytest.raises(Invalid, match="did you mean 'epochs'"):
            gateway.start_training({"dataset": "nope", "training": {**training, "epoch": 2}})
        gateway.start_training({"command": ["x"]}, "twice")
        with pytest.raises(Conflict, match="already"):
            gateway.start_training({"command": ["x"]}, "twice")


def test_the_same_idempotency_key_gives_the_same_session(lab: GatewayLab) -> None:
    with lab.client() as gateway:
        first = gateway.start_training({"command": ["x"]}, idempotency_key="k")
        again = gateway.start_training({"command": ["x"]}, idempotency_key="k")
        with pytest.raises(Conflict, match="another body"):
            gateway.start_training({"command": ["y"]}, idempotency_key="k")

    assert first.uid == again.uid


def test_sessions_that_name_a_missing_dataset_are_told_and_go_on_when_it_comes(
    lab: GatewayLab,
) -> None:
    body = {
        "apiVersion": names.API_VERSION,
        "kind": names.SESSION_KIND,
        "metadata": {"name": "early"},
        "spec": {"dataset": "late", "training": {"task": "tabular-classification"}},
    }
    with api_client(lab.kubeconfig) as api:
        client.CustomObjectsApi(api).create_namespaced_custom_object(
            names.GROUP, names.VERSION, lab.namespace, names.SESSION_PLURAL, body
        )

    def state() -> str:
        return str(status_in_cluster(lab, "early").get("dataset", {}).get("state"))

    eventually(lambda: state() == "NotFound", within=60)
    with lab.http() as http:
        query = {"name": "late", "filename": "late.csv"}
        http.post("/datasets", params=query, content=b"a,y\n1,2\n2,3").raise_for_status()
    eventually(lambda: state() != "NotFound", within=60)
    assert state() == "Found"


def test_no_secret_in_the_log(lab: GatewayLab, trainer: Trainer) -> None:
    trainer.report({"sequence": 1})
    httpx.get(f"{lab.url}/api/v1/datasets", headers={"X-API-Key": f"{lab.key}x"})

    log = lab.log.read_text()

    assert lab.key not in log
    assert trainer.token not in log


def test_reports_that_a_trainer_could_not_deliver_arrive_without_it(
    lab: GatewayLab, trainer: Trainer
) -> None:
    folder = lab.data / "runs" / trainer.session_uid / contract.SPOOL
    nowhere = lab.folder / "token"
    nowhere.write_text("t")
    left = GatewayReporter(
        GatewayTransport("http://127.0.0.1:9", nowhere), folder, trainer.session_uid, attempt=1
    )
    for step in range(3):
        left.log({"loss": 1.0 / (step + 1)}, step)
    left.line("info", "last words")
    assert not left.finish(timeout=0.2)
    assert trainer.report(
        {"sequence": 1, "stream": "rank-1", "logs": [{"time": NOW, "message": "first words"}]}
    ).json()

    with api_client(lab.kubeconfig) as api:
        client.CustomObjectsApi(api).patch_namespaced_custom_object_status(
            *(names.GROUP, names.VERSION, lab.namespace, names.SESSION_PLURAL, trainer.session),
            {"status": {"phase": "Succeeded"}},
        )

    with lab.client() as gateway:
        eventually(
            lambda: (
                [p.step for s in gateway.history(trainer.session, "loss").series for p in s.points]
                == [0, 1, 2]
            ),
            what="the points of the trainer's spool",
        )
        assert {said.message for said in gateway.logs(trainer.session).lines} == {
            "first words",
            "last words",
        }
    eventually(lambda: not list(folder.glob("*/*/*.json")), what="an empty spool")


HIDDEN = {
    "line break": "loss\n/stop",
    "direction": "\u202eloss",
    "separator": "loss\u2028",
    "terminal": "\x1b[2J",
    "invisible": "lo\u200bss",
    "blank": "  ",
}


@pytest.mark.parametrize("name", HIDDEN.values(), ids=HIDDEN)
def test_names_that_would_deceive_are_refused(trainer: Trainer, name: str) -> None:
    row = {"step": 1, "time": "2026-01-01T00:00:00Z", "values": {name: 1.0}}
    refused = trainer.report({"sequence": 1, "metrics": [row]})

    assert refused.status_code == 422
    assert "a name" in refused.json()["errors"][0]["message"]
    assert refused.text.isprintable()
