"""Starting sessions twice, deleting what is needed, and what a crash leaves on the volume, on a real API server."""

from __future__ import annotations

import hashlib
import os
import signal
import sqlite3
import struct
from pathlib import Path
from typing import Any

import httpx
import pytest
from cluster import api_client, unique
from gateway_lab import GatewayLab, Trainer
from kubernetes import client
from poll import eventually

from trainyard_api import names

pytestmark = pytest.mark.integration


def model_file(value: float = 1.5) -> bytes:
    head = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    return struct.pack("<Q", len(head)) + head + struct.pack("<f", value)


def report_of(trainer: Trainer, body: bytes) -> dict[str, Any]:
    return {
        "sessionUid": trainer.session_uid,
        "attempt": 1,
        "name": trainer.session,
        "sha256": hashlib.sha256(body).hexdigest(),
        "sizeBytes": len(body),
    }


def test_another_sessions_model_cannot_be_taken_by_a_linked_folder(
    lab: GatewayLab, http: httpx.Client, trainer: Trainer
) -> None:
    theirs = lab.data / "runs" / "someone-else" / "output"
    theirs.mkdir(parents=True)
    (theirs / "model.safetensors").write_bytes(model_file())
    own = lab.data / "runs" / trainer.session_uid
    own.mkdir()
    (own / "output").symlink_to(theirs)

    known = trainer.post("model", report_of(trainer, model_file()))
    guessed = trainer.post("model", {**report_of(trainer, model_file()), "sha256": "0" * 64})

    assert (known.status_code, guessed.status_code) == (400, 400)
    assert hashlib.sha256(model_file()).hexdigest() not in known.text + guessed.text
    assert http.get("/models").json()["models"] == []


def test_a_pipe_in_place_of_the_model_holds_nobody_up(
    lab: GatewayLab, http: httpx.Client, trainer: Trainer
) -> None:
    folder = lab.data / "runs" / trainer.session_uid / "output"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "model.safetensors")

    assert trainer.post("model", report_of(trainer, model_file())).status_code == 400
    assert httpx.get(f"{lab.url}/livez", timeout=2).status_code == 200


def test_a_wrong_hash_does_not_tell_the_right_one(
    lab: GatewayLab, http: httpx.Client, trainer: Trainer
) -> None:
    folder = lab.data / "runs" / trainer.session_uid / "output"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(model_file())
    report = report_of(trainer, model_file())

    wrong = trainer.post("model", {**report, "sha256": "0" * 64})
    short = trainer.post("model", {**report, "sizeBytes": report["sizeBytes"] - 1})

    assert (wrong.status_code, short.status_code) == (400, 400)
    assert report["sha256"] not in wrong.text + short.text


def test_a_dataset_that_a_waiting_session_names_cannot_be_deleted(
    lab: GatewayLab, http: httpx.Client
) -> None:
    query = {"name": "needed", "filename": "a.csv"}
    http.post("/datasets", params=query, content=b"a,y\n1,2\n3,4\n").raise_for_status()
    training = {"task": "tabular-classification"}
    body = {"name": "waits", "dataset": "needed", "training": training}
    http.post("/training/start", json=body).raise_for_status()

    refused = http.delete("/datasets/needed")

    assert refused.status_code == 409
    assert "'waits'" in refused.json()["detail"]
    assert http.get("/datasets/needed").status_code == 200
    with api_client(lab.kubeconfig) as api:
        client.CustomObjectsApi(api).delete_namespaced_custom_object(
            names.GROUP, names.VERSION, lab.namespace, names.SESSION_PLURAL, "waits"
        )
    eventually(lambda: http.delete("/datasets/needed").status_code == 204, within=60)


@pytest.mark.parametrize("named", [{}, {"name": "mine"}], ids=["unnamed", "named"])
def test_a_crash_after_creating_doubles_nothing(
    lab: GatewayLab, http: httpx.Client, named: dict[str, str]
) -> None:
    body = {"command": ["x"], **named}
    headers = {"Idempotency-Key": unique("once")}
    before = {s["name"] for s in http.get("/training/sessions").json()["sessions"]}
    first = http.post("/training/start", json=body, headers=headers).json()
    # As if the gateway had died between the two writes.
    with sqlite3.connect(lab.data / "db" / "trainyard.sqlite3") as database:
        delete = "DELETE FROM idempotency WHERE session = ?"
        assert database.execute(delete, [first["uid"]]).rowcount == 1

    again = http.post("/training/start", json=body, headers=headers)
    other = http.post("/training/start", json={**body, "command": ["y"]}, headers=headers)
    without = http.post("/training/start", json={**body, "name": first["name"]})

    assert (again.status_code, again.json()["uid"]) == (201, first["uid"])
    assert (other.status_code, without.status_code) == (409, 409)
    after = {s["name"] for s in http.get("/training/sessions").json()["sessions"]}
    assert after - before == {first["name"]}
    assert first["user"] == "admin"


def test_what_a_kill_left_on_the_volume_is_out_of_the_way_after_the_next_start(
    lab: GatewayLab, http: httpx.Client
) -> None:
    query = {"name": "kept", "filename": "a.csv"}
    http.post("/datasets", params=query, content=b"a,y\n1,2\n3,4\n").raise_for_status()
    kept = files(lab)
    lab.stop(signal.SIGKILL)
    for root in ("datasets", "models"):
        orphan = lab.data / root / ("0" * 32)
        orphan.mkdir()
        (orphan / "data.csv").write_bytes(b"x")
        (lab.data / root / ".incoming" / "half").write_bytes(b"x")

    lab.start()

    aside = {lab.data / r / ".lost" / ("0" * 32) / "data.csv" for r in ("datasets", "models")}
    assert files(lab) == kept | aside


def files(lab: GatewayLab) -> set[Path]:
    """Everything below the folders of the two registries."""
    return {p for r in ("datasets", "models") for p in (lab.data / r).rglob("*") if p.is_file()}


def test_wrong_values_are_shown_back(http: httpx.Client) -> None:
    problem = http.get("/training/sessions", params={"limit": "many"}).json()

    assert problem["errors"][0]["field"] == "limit"
    assert problem["errors"][0]["given"] == "'many'"


def test_pages_of_deleted_sessions_end(lab: GatewayLab, http: httpx.Client) -> None:
    wanted = [f"page-{n}" for n in range(5)]
    for name in wanted:
        http.post("/training/start", json={"name": name, "command": ["x"]}).raise_for_status()
    with api_client(lab.kubeconfig) as api:
        for name in wanted:
            client.CustomObjectsApi(api).delete_namespaced_custom_object(
                names.GROUP, names.VERSION, lab.namespace, names.SESSION_PLURAL, name
            )
    for name in wanted:
        eventually(lambda name=name: http.get(f"/training/{name}/status").json()["deleted"])
    query = {"history": "true", "limit": 2}
    total = http.get("/training/sessions", params=query).json()["total"]

    seen: list[str] = []
    cursor: str | None = None
    for _ in range(-(-total // 2)):
        more = {"cursor": cursor} if cursor else {}
        found = http.get("/training/sessions", params={**query, **more}).json()
        seen += [s["uid"] for s in found["sessions"]]
        cursor = found.get("cursor")

    assert cursor is None
    everything = http.get("/training/sessions", params={"history": "true"}).json()["sessions"]
    assert seen == [s["uid"] for s in everything]
    assert set(wanted) <= {s["name"] for s in everything}
    assert len(set(seen)) == total >= 5


def test_the_volume_belongs_to_the_group(lab: GatewayLab, http: httpx.Client) -> None:
    query = {"name": "d", "filename": "a.csv"}
    found = http.post("/datasets", params=query, content=b"a,y\n1,2\n3,4\n").json()
    file = lab.data / "datasets" / found["file"]

    folders = [lab.data / "runs", lab.data / "datasets", lab.data / "models", file.parent]
    assert {oct(f.stat().st_mode & 0o7777) for f in folders} == {"0o2770"}


def test_what_others_make_is_found_at_once(lab: GatewayLab, http: httpx.Client) -> None:
    """By kubectl, also again under a name that the history knows; the one before it is told of until the watch brings its end."""
    path = (names.GROUP, names.VERSION, lab.namespace, "trainingsessions")
    body = {
        "apiVersion": f"{names.GROUP}/{names.VERSION}",
        "kind": "TrainingSession",
        "metadata": {"name": "applied"},
        "spec": {"command": ["x"]},
    }
    with api_client(lab.kubeconfig) as api:
        sessions = client.CustomObjectsApi(api)
        for _ in range(30):
            made = sessions.create_namespaced_custom_object(*path, body)

            def told(uid: str = made["metadata"]["uid"]) -> bool:
                found = http.get("/training/applied/status")
                if found.status_code != 200 or found.json()["deleted"]:
                    pytest.fail(f"there is a session of that name: {found.text}")
                return bool(found.json()["uid"] == uid)

            eventually(told, within=60, every=0.01, what="the new session under the old name")
            sessions.delete_namespaced_custom_object(*path, "applied")


def test_numbers_are_numbers(http: httpx.Client) -> None:
    assert http.post("/training/start", json={"name": "a", "command": ["x"]}).status_code == 201
    wrong: tuple[Any, ...] = (False, "5", None, 1.5, 1001)
    asked = [("PATCH", "/training/a", {"priority": value}) for value in wrong]
    upload = {"name": "m", "filename": "m.csv", "sizeBytes": 10, "partBytes": 1024}
    asked += [
        ("POST", "/uploads/datasets", {**upload, field: value})
        for field in ("sizeBytes", "partBytes")
        for value in (True, "2000", None, 1.5)
    ]
    for method, path, body in asked:
        answer = http.request(method, path, json=body)
        assert answer.status_code == 422, (body, answer.text)
    assert http.patch("/training/a", json={"priority": 5}).json()["spec"]["priority"] == 5
