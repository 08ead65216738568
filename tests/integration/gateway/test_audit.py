"""The audit log: by every channel, each change once, also over ends of the gateway, on both databases."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
from collections import Counter
from typing import Any

import httpx
import pytest
from cluster import api_client, find_kubectl, unique
from gateway_lab import GatewayFactory, GatewayLab
from kubernetes import client
from people import people_of
from poll import eventually

from trainyard_api import names
from trainyard_gateway.auth.same_origin import OWN_HEADER

pytestmark = pytest.mark.integration

SPEC = {"command": ["x"], "priority": 0, "env": [{"name": "TOKEN", "value": "hunter2-hunter2"}]}


@pytest.fixture(scope="module")
def lab(gateway_factory: GatewayFactory, database_settings: dict[str, str]) -> GatewayLab:
    return gateway_factory(**database_settings)


class Kubectl:
    """kubectl in the namespace of a gateway."""

    def __init__(self, lab: GatewayLab) -> None:
        self._lab = lab

    def __call__(self, *arguments: str, given: str = "") -> str:
        command = [
            str(find_kubectl()),
            f"--kubeconfig={self._lab.kubeconfig}",
            f"--namespace={self._lab.namespace}",
            *arguments,
        ]
        done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def create(self, name: str, **spec: Any) -> None:
        """A session."""
        body = {
            "apiVersion": names.API_VERSION,
            "kind": names.SESSION_KIND,
            "metadata": {"name": name},
            "spec": {**SPEC, **spec},
        }
        self("create", "-f", "-", given=json.dumps(body))

    def patch(self, name: str, body: dict[str, Any]) -> None:
        """A change, as by `kubectl edit`."""
        self("patch", f"trainingsession/{name}", "--type=merge", f"--patch={json.dumps(body)}")


def events(lab: GatewayLab, **wanted: Any) -> list[dict[str, Any]]:
    with lab.http() as http:
        found = http.get("/audit", params=wanted)
        assert found.status_code == 200, found.text
        return list(found.json()["events"])


def seen(lab: GatewayLab, name: str) -> list[tuple[str, str, str]]:
    """Verbs, managers and details of the changes of a session in the cluster, oldest first."""
    found = reversed(events(lab, object=name, channel="kubectl"))
    return [(e["verb"], e["credential"], e["detail"]) for e in found]


def test_each_change_by_kubectl_is_there_once(lab: GatewayLab) -> None:
    kubectl, name = Kubectl(lab), unique("k")
    steps = (
        (lambda: kubectl.create(name), ("create", "kubectl-create", "")),
        (
            lambda: kubectl.patch(name, {"spec": {"priority": 7}}),
            ("update", "kubectl-patch", "spec.priority: 0 → 7"),
        ),
        (
            lambda: kubectl("label", f"trainingsession/{name}", "project=a"),
            ("update", "kubectl-label", "labels.project added"),
        ),
        (
            lambda: kubectl("annotate", f"trainingsession/{name}", "note=b"),
            ("update", "kubectl-annotate", "annotations.note added"),
        ),
        (
            lambda: kubectl("label", f"trainingsession/{name}", "project-"),
            ("update", "", "labels.project removed"),
        ),
        (
            lambda: kubectl.patch(name, {"spec": {"desiredState": "Stopped"}}),
            ("update", "kubectl-patch", "spec.desiredState: Running → Stopped"),
        ),
        (lambda: kubectl("delete", f"trainingsession/{name}"), ("delete", "", "")),
    )
    wanted = []
    for step, change in steps:
        step()
        wanted.append(change)
        eventually(lambda: len(seen(lab, name)) >= len(wanted), what=str(change))
        assert [(v, d) for v, _, d in seen(lab, name)] == [(v, d) for v, _, d in wanted]
    managers = [(m, w) for (_, m, _), (_, w, _) in zip(seen(lab, name), wanted, strict=True)]
    assert all(manager == right or not right for manager, right in managers)
    assert "hunter2" not in json.dumps(events(lab, object=name))


def test_changes_while_no_gateway_runs_are_there_once_afterwards(lab: GatewayLab) -> None:
    kubectl = Kubectl(lab)
    stays, goes, orphan, made = (unique(n) for n in ("stays", "goes", "orphan", "made"))
    for name in (stays, goes, orphan):
        kubectl.create(name)
    eventually(lambda: all(seen(lab, n) for n in (stays, goes, orphan)), what="the sessions")
    lab.stop(signal.SIGKILL)
    kubectl.patch(stays, {"spec": {"priority": 9}})
    kubectl("delete", f"trainingsession/{goes}")
    kubectl("delete", f"trainingsession/{orphan}", "--cascade=orphan")
    kubectl.create(made)
    lab.start()
    for _ in range(2):
        eventually(lambda: len(seen(lab, made)) == 1, what="what was made meanwhile")
        assert [d for _, _, d in seen(lab, stays)] == ["", "spec.priority: 0 → 9"]
        for name in (goes, orphan):
            assert [v for v, _, _ in seen(lab, name)] == ["create", "delete"]
        lab.stop(signal.SIGKILL)
        lab.start()


def test_an_orphaning_deletion_says_so(lab: GatewayLab) -> None:
    kubectl, name = Kubectl(lab), unique("k")
    kubectl.create(name)
    kubectl.patch(name, {"metadata": {"finalizers": ["example.org/held"]}})
    kubectl("delete", f"trainingsession/{name}", "--cascade=orphan", "--wait=false")
    eventually(lambda: "delete" in [v for v, _, _ in seen(lab, name)], what="the deletion")
    kubectl.patch(name, {"metadata": {"finalizers": []}})
    eventually(lambda: f"{name}" not in kubectl("get", "trainingsessions", "-o", "name"))

    deletions = [d for v, _, d in seen(lab, name) if v == "delete"]
    assert deletions in (["cascade=orphan"], [""])


def test_deleted_jobs_and_pods_are_there_once(lab: GatewayLab) -> None:
    kubectl, name = Kubectl(lab), unique("k")
    kubectl.create(name)
    status = {
        "phase": "Queued",
        "attempt": 2,
        "failure": {"class": "JobDeleted", "attempt": 1, "time": "2026-11-30T20:00:00Z"},
        "disruption": {"reason": "PodDeleted", "attempt": 2, "time": "2026-11-30T21:00:00Z"},
    }
    with api_client(lab.kubeconfig) as api:
        where = (names.GROUP, names.VERSION, lab.namespace, names.SESSION_PLURAL, name)
        custom = client.CustomObjectsApi(api)
        custom.patch_namespaced_custom_object_status(*where, {"status": status})
        custom.patch_namespaced_custom_object_status(*where, {"status": {"message": "x"}})
    eventually(lambda: len(seen(lab, name)) == 3, what="both deletions")

    found = Counter((e["kind"], e["verb"], e["detail"]) for e in events(lab, object=name))
    assert found == {
        ("session", "create", ""): 1,
        ("job", "delete", "of attempt 1"): 1,
        ("pod", "delete", "of attempt 2"): 1,
    }


def test_a_session_by_rest_is_an_event_of_its_door_alone(lab: GatewayLab) -> None:
    people, name = people_of(lab), unique("r")
    me, out = people["me"], people["out"]
    api = f"{lab.url}/api/v1"
    by_key, by_cookie = {"X-API-Key": me.key}, {"Cookie": me.cookie, OWN_HEADER: "1", "Sec-Fetch-Site": "same-origin"}  # fmt: skip
    body = {"name": name, **SPEC}

    httpx.post(f"{api}/training/start", json=body, headers=by_key).raise_for_status()
    eventually(
        lambda: httpx.get(f"{api}/training/{name}/status", headers=by_key).status_code == 200
    )
    httpx.patch(
        f"{api}/training/{name}", json={"priority": 3}, headers=by_cookie
    ).raise_for_status()
    refused = httpx.post(f"{api}/training/{name}/stop", headers={"X-API-Key": out.key})
    bot = {**by_key, "User-Agent": "trainyard-bot"}
    httpx.post(f"{api}/training/{name}/stop", headers=bot).raise_for_status()

    found = [
        (e["user"], e["channel"], e["verb"], e["status"])
        for e in reversed(events(lab, object=name))
    ]
    assert refused.status_code == 404
    assert len({e["uid"] for e in events(lab, object=name)}) == 1, "a search by UID finds all"
    assert found == [
        ("me", "key", "create", 201),
        ("me", "browser", "update", 200),
        ("out", "key", "update", 404),
        ("me", "bot", "update", 202),
    ]
    assert "hunter2" not in json.dumps(events(lab, object=name))


def test_a_program_is_a_channel(lab: GatewayLab) -> None:
    trainer, experiment = lab.new_trainer(), unique("e")
    answer = httpx.post(
        f"{lab.url}/mlflow/api/2.0/mlflow/experiments/create",
        json={"name": experiment},
        headers={"Authorization": f"Bearer {trainer.token}"},
    )

    assert answer.status_code == 200, answer.text
    eventually(lambda: events(lab, object=experiment), what="a program does not wait")
    (event,) = events(lab, object=experiment)

    assert (event["channel"], event["credential"]) == ("program", trainer.session_uid)
    assert (event["user"], event["kind"], event["verb"]) == ("admin", "experiment", "create")


def test_an_answered_change_survives_a_kill(lab: GatewayLab) -> None:
    made = []
    with lab.http() as http:
        for _ in range(20):
            made.append(unique("t"))
            http.post("/teams", json={"name": made[-1]}).raise_for_status()
    lab.stop(signal.SIGKILL)
    lab.start()

    assert {e["object"] for e in events(lab, kind="team", limit=100)} >= set(made)


def test_pages_and_exports_hold_every_event_once(lab: GatewayLab) -> None:
    with lab.http() as http:
        whole = [
            json.loads(line)
            for line in http.get("/audit", params={"format": "jsonl"}).text.splitlines()
        ]
        text = http.get("/audit", params={"format": "csv"}).text
        table = list(csv.DictReader(io.StringIO(text)))
        pages, cursor = [], None
        while not pages or cursor:
            asked = {"limit": 3, **({"cursor": cursor} if cursor else {})}
            page = http.get("/audit", params=asked).json()
            pages += page["events"]
            cursor = page["cursor"]

    ids = [event["id"] for event in whole]
    assert len(ids) == len(set(ids)) > 10
    assert ids == [row["id"] for row in table] == [event["id"] for event in pages]
    assert ids == sorted(ids, key=lambda i: tuple(map(int, i.split("."))), reverse=True)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        pytest.param({"since": "soon"}, 422, id="no-time"),
        pytest.param({"cursor": "1"}, 422, id="no-cursor"),
        pytest.param({"channel": "window"}, 422, id="no-channel"),
        pytest.param({"limit": 0}, 422, id="no-events"),
        pytest.param({"cursor": f"{10**17}.{10**17}"}, 200, id="far"),
        pytest.param({"cursor": f"{10**30}.1"}, 422, id="too-far"),
        pytest.param({"object": "a\0b"}, 200, id="nul"),
    ],
)
def test_wrong_questions_are_refused(lab: GatewayLab, asked: dict[str, Any], status: int) -> None:
    with lab.http() as http:
        assert http.get("/audit", params=asked).status_code == status


def test_only_administrators_read_it(lab: GatewayLab) -> None:
    key = lab.new_key(unique("reader"))

    assert httpx.get(f"{lab.url}/api/v1/audit", headers={"X-API-Key": key}).status_code == 403
    assert httpx.get(f"{lab.url}/api/v1/audit").status_code == 401
