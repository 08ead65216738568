"""Who may do what at MLflow's protocol, and what a session's run is."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from cluster import unique
from gateway_lab import GatewayLab
from poll import eventually

from trainyard_api.mlflow import run_id_of

pytestmark = pytest.mark.integration

API = "/mlflow/api/2.0/mlflow"
FILES = "/mlflow/api/2.0/mlflow-artifacts/artifacts"


Callers = Callable[[str], httpx.Client]


@pytest.fixture
def callers(lab: GatewayLab) -> Iterator[Callers]:
    """Makes raw HTTP with a key or a pod's token."""
    with ExitStack() as stack:

        def made(token: str) -> httpx.Client:
            headers = {"Authorization": f"Bearer {token}"}
            return stack.enter_context(httpx.Client(base_url=lab.url, headers=headers, timeout=60))

        yield made


@pytest.fixture
def admin(lab: GatewayLab, callers: Callers) -> httpx.Client:
    """With the administrator's key."""
    return callers(lab.key)


def code(answer: httpx.Response) -> tuple[int, str]:
    """Status and MLflow's code of an error."""
    return answer.status_code, answer.json()["error_code"]


def made(admin: httpx.Client, **more: Any) -> str:
    """The id of a new local run."""
    answer = admin.post(f"{API}/runs/create", json={"experiment_id": "0", **more})
    return str(answer.json()["run"]["info"]["run_id"])


def metric(run: str, step: int) -> dict[str, Any]:
    """A value to log."""
    return {"run_id": run, "key": "loss", "value": 0.5, "timestamp": 5, "step": step}


def test_a_session_is_a_run_and_its_state_is_the_operators(
    lab: GatewayLab, admin: httpx.Client, callers: Callers
) -> None:
    trainer = lab.new_trainer()
    run = run_id_of(trainer.session_uid)
    pod = callers(trainer.token)

    eventually(
        lambda: pod.get(f"{API}/runs/get", params={"run_id": run}).status_code == 200,
        within=60,
        what="the run of the session",
    )
    update = {"run_id": run, "status": "FINISHED", "end_time": 5}
    answered = pod.post(f"{API}/runs/update", json=update)
    logged = pod.post(f"{API}/runs/log-metric", json=metric(run, 3))
    [latest] = admin.get(f"/api/v1/training/{trainer.session}/metrics").json()["metrics"]
    shown = admin.get(f"{API}/runs/get", params={"run_uuid": run}).json()["run"]

    assert (answered.status_code, logged.status_code) == (200, 200)
    assert answered.json()["run_info"]["status"] == "SCHEDULED"
    assert (latest["name"], latest["step"], latest["value"]) == ("loss", 3, 0.5)
    assert shown["info"]["run_name"] == trainer.session
    tags = {tag["key"]: tag["value"] for tag in shown["data"]["tags"]}
    assert tags["trainyard.session"] == trainer.session
    assert tags["trainyard.phase"] in ("Pending", "Queued", "Starting")


def test_a_pod_has_the_runs_of_its_session_only(
    lab: GatewayLab, admin: httpx.Client, callers: Callers
) -> None:
    trainer, other = lab.new_trainer(), lab.new_trainer()
    pod, run = callers(trainer.token), run_id_of(trainer.session_uid)
    local = made(admin)
    child = pod.post(f"{API}/runs/create", json={"experiment_id": "0", "run_name": "child"})
    admin.put(f"{FILES}/0/{local}/artifacts/a.txt", content=b"x")

    for id in (local, run_id_of(other.session_uid)):
        assert code(pod.get(f"{API}/runs/get", params={"run_id": id}))[0] == 404
        assert code(pod.post(f"{API}/runs/log-metric", json=metric(id, 0)))[0] == 404
        assert code(pod.put(f"{FILES}/0/{id}/artifacts/b", content=b"x"))[0] == 404
        assert pod.get(FILES, params={"path": f"0/{id}/artifacts"}).status_code == 404
    assert pod.get(f"{FILES}/0/{local}/artifacts/a.txt").status_code == 404
    found = pod.post(f"{API}/runs/search", json={"experiment_ids": ["0"]}).json()["runs"]
    mine = {run, child.json()["run"]["info"]["run_id"]}
    assert {each["info"]["run_id"] for each in found} == mine
    for operation in ("delete", "update", "restore"):
        body = {"experiment_id": "0", "new_name": "x"}
        assert code(pod.post(f"{API}/experiments/{operation}", json=body))[0] == 403


def test_a_session_belongs_to_the_experiment_that_its_program_names(
    lab: GatewayLab, callers: Callers
) -> None:
    trainer = lab.new_trainer()
    pod, run = callers(trainer.token), run_id_of(trainer.session_uid)

    made = pod.post(f"{API}/experiments/create", json={"name": f"of {trainer.session}"})
    shown = pod.get(f"{API}/runs/get", params={"run_id": run}).json()["run"]
    back = pod.get(f"{API}/experiments/get-by-name", params={"experiment_name": "Default"})
    after = pod.get(f"{API}/runs/get", params={"run_id": run}).json()["run"]

    assert shown["info"]["experiment_id"] == made.json()["experiment_id"]
    assert after["info"]["experiment_id"] == back.json()["experiment"]["experiment_id"] == "0"


def test_keys_have_scopes_and_may_be_passwords(
    lab: GatewayLab, admin: httpx.Client, callers: Callers
) -> None:
    run, key = made(admin), lab.new_key("reader", "sessions:read")
    nothing = lab.new_key("other", "datasets:read")
    basic = {"Authorization": "Basic " + base64.b64encode(f"me:{key}".encode()).decode()}

    read = callers(key).get(f"{API}/runs/get", params={"run_id": run})
    written = callers(key).post(f"{API}/runs/log-metric", json=metric(run, 0))
    refused = callers(nothing).get(f"{API}/runs/get", params={"run_id": run})
    by_password = httpx.get(f"{lab.url}{API}/runs/get", params={"run_id": run}, headers=basic)
    elsewhere = httpx.get(f"{lab.url}/api/v1/training/sessions", headers=basic)
    without = httpx.get(f"{lab.url}{API}/runs/get", params={"run_id": run})

    assert (read.status_code, by_password.status_code) == (200, 200)
    assert [code(written), code(refused)] == [(403, "PERMISSION_DENIED")] * 2
    assert elsewhere.status_code == 401
    assert code(without) == (401, "UNAUTHENTICATED")


CLIMBING = (
    "../x",
    "a/../../x",
    "..",
    "a//b",
    "/etc/passwd",
    "%2e%2e/x",
    "a/%2e%2e/%2e%2e/x",
    "a%00b",
)


@pytest.mark.parametrize("path", CLIMBING)
def test_paths_of_artifacts_do_not_climb(lab: GatewayLab, admin: httpx.Client, path: str) -> None:
    run = made(admin)
    url = httpx.URL(f"{lab.url}{FILES}/0/{run}/artifacts/").copy_with(
        raw_path=f"{FILES}/0/{run}/artifacts/{path}".encode()
    )

    for method in ("PUT", "GET", "DELETE"):
        answer = admin.request(method, url, content=b"x" if method == "PUT" else None)
        assert answer.status_code in (400, 404), (method, answer.text)
    listed = admin.get(FILES, params={"path": f"0/{run}/artifacts/{path}"})

    assert listed.status_code in (200, 400, 404)
    folder = lab.data / "artifacts" / run
    assert not folder.exists() or not list(folder.iterdir())


def test_artifacts_are_replaced_and_removed_with_their_contents(
    lab: GatewayLab, admin: httpx.Client
) -> None:
    run = made(admin)
    root, folder = f"{FILES}/0/{run}/artifacts", lab.data / "artifacts" / run
    for path, content in (("a", b"one"), ("d/b", b"one"), ("d/c", b"two"), ("a", b"three")):
        assert admin.put(f"{root}/{path}", content=content).status_code == 200

    below_a_file = admin.put(f"{root}/a/x", content=b"x")
    on_a_folder = admin.put(f"{root}/d", content=b"x")
    part = admin.get(f"{root}/a", headers={"Range": "bytes=2-"})
    listed = admin.get(f"{API}/artifacts/list", params={"run_id": run, "path": "d"}).json()
    assert admin.request("DELETE", f"{root}/d").status_code == 200

    assert [code(below_a_file)[0], code(on_a_folder)[0]] == [400, 400]
    assert (part.status_code, part.content) == (206, b"ree")
    assert [f["path"] for f in listed["files"]] == ["d/b", "d/c"]
    assert listed["root_uri"] == f"mlflow-artifacts:/0/{run}/artifacts"
    assert admin.get(f"{root}/d/b").status_code == 404
    assert [p.read_bytes() for p in folder.iterdir()] == [b"three"]
    admin.put(f"{root}/a", content=b"four")
    assert [p.read_bytes() for p in folder.iterdir()] == [b"four"]


INVALID = (400, "INVALID_PARAMETER_VALUE")
REFUSED: dict[str, tuple[str, dict[str, Any], tuple[int, str]]] = {
    "a run without an id": ("runs/update", {}, INVALID),
    "a state of no kind": ("runs/update", {"run_id": "RUN", "status": "BEST"}, INVALID),
    "a metric without a value": ("runs/log-metric", {"run_id": "RUN", "key": "a", "timestamp": 1}, INVALID),
    "a value that is true": ("runs/log-metric", {"run_id": "RUN", "key": "a", "value": True, "timestamp": 1}, INVALID),
    "a name that climbs": ("runs/log-parameter", {"run_id": "RUN", "key": "../a", "value": "1"}, INVALID),
    "a long name": ("runs/set-tag", {"run_id": "RUN", "key": "a" * 251, "value": "1"}, INVALID),
    "params twice": ("runs/log-batch", {"run_id": "RUN", "params": [{"key": "a", "value": "1"}] * 2}, INVALID),
    "101 params": ("runs/log-batch", {"run_id": "RUN", "params": [{"key": f"p{n}", "value": ""} for n in range(101)]}, INVALID),
    "2001 metrics": ("runs/log-batch", {"run_id": "RUN", "metrics": [{"key": "m", "value": 1, "timestamp": 1}] * 2001}, INVALID),
    "a filter with or": ("runs/search", {"experiment_ids": ["0"], "filter": "params.a = 'b' OR params.c = 'd'"}, INVALID),
    "an order of nothing": ("runs/search", {"experiment_ids": ["0"], "order_by": ["banana"]}, INVALID),
    "a token of nothing": ("runs/search", {"experiment_ids": ["0"], "page_token": "abc"}, INVALID),
    "an experiment that is not there": ("runs/create", {"experiment_id": "77"}, (404, "RESOURCE_DOES_NOT_EXIST")),
    "an experiment twice": ("experiments/create", {"name": "Default"}, (400, "RESOURCE_ALREADY_EXISTS")),
    "the default experiment deleted": ("experiments/delete", {"experiment_id": "0"}, INVALID),
    "a tag that is not there": ("runs/delete-tag", {"run_id": "RUN", "key": "no"}, (404, "RESOURCE_DOES_NOT_EXIST")),
    "an operation that is not here": ("traces/search", {}, (404, "ENDPOINT_NOT_FOUND")),
}  # fmt: skip


@pytest.mark.parametrize(("operation", "body", "expected"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(
    admin: httpx.Client, operation: str, body: dict[str, Any], expected: tuple[int, str]
) -> None:
    run = made(admin)
    filled = {k: run if v == "RUN" else v for k, v in body.items()}

    answer = admin.post(f"{API}/{operation}", json=filled)

    assert code(answer) == expected
    assert answer.json()["message"]


def test_values_are_refused_in_front_of_the_router_as_tags_are_behind_it(
    lab: GatewayLab, admin: httpx.Client
) -> None:
    reads = {"Authorization": f"Bearer {lab.new_key(unique('reads'), 'sessions:read')}"}
    given = {"run_id": made(admin), "key": "a", "value": 1, "timestamp": 1}

    def refused(operation: str) -> list[tuple[int, str]]:
        place = f"{API}/runs/{operation}"
        answers = [
            admin.post(place, json=given, headers=reads),
            admin.post(place, json=given, headers={"Authorization": "Bearer ty_x"}),
            admin.post(place, content=b" " * (9 << 20)),
            admin.post(place, content=b"{"),
            admin.post(place, json={**given, "run_id": "0" * 32}),
            admin.get(place),
        ]
        assert all(answer.headers["x-request-id"] for answer in answers)
        return [code(answer) for answer in answers]

    behind = refused("delete-tag")

    assert behind == [
        (403, "PERMISSION_DENIED"),
        (401, "UNAUTHENTICATED"),
        INVALID,
        INVALID,
        (404, "RESOURCE_DOES_NOT_EXIST"),
        (404, "ENDPOINT_NOT_FOUND"),
    ]
    assert refused("log-metric") == refused("log-batch") == behind


def test_a_long_value_is_cut_at_its_bound_and_logged_again_as_the_same(admin: httpx.Client) -> None:
    run = made(admin)
    pair = {"run_id": run, "key": "a", "value": "x" * 100_000}
    batch = {
        "params": [{"key": "b", "value": "y" * 6001}],
        "tags": [{"key": "t", "value": "z" * 8001}],
    }
    calls = [("log-parameter", pair)] * 2 + [
        ("set-tag", pair),
        ("log-batch", {"run_id": run, **batch}),
    ]

    answers = [admin.post(f"{API}/runs/{operation}", json=body) for operation, body in calls]

    assert [answer.status_code for answer in answers] == [200] * 4
    data = admin.get(f"{API}/runs/get", params={"run_id": run}).json()["run"]["data"]
    sizes = {p["key"]: len(p["value"]) for p in data["params"]}
    assert sizes == {"a": 6000, "b": 6000}
    assert {t["key"]: len(t["value"]) for t in data["tags"] if t["key"] in "at"} == {
        "a": 8000,
        "t": 8000,
    }


def test_ten_thousand_names_of_metrics_are_refused_and_those_before_stay(
    admin: httpx.Client,
) -> None:
    run, answers = made(admin), []
    for first in range(0, 10_000, 1000):
        names = range(first, first + 1000)
        metrics = [{"key": f"m{n}", "value": n, "timestamp": 1, "step": 1} for n in names]
        answers.append(
            admin.post(f"{API}/runs/log-batch", json={"run_id": run, "metrics": metrics})
        )
    known = {"run_id": run, "key": "m7", "value": 8, "timestamp": 2, "step": 2}
    after = admin.post(f"{API}/runs/log-metric", json=known)

    assert [answer.status_code for answer in answers] == [200] * 2 + [400] * 8
    assert code(answers[-1])[1] == "INVALID_PARAMETER_VALUE"
    assert "2000" in answers[-1].json()["message"].replace(",", "")
    assert after.status_code == 200
    found = admin.get(f"{API}/runs/get", params={"run_id": run}).json()["run"]["data"]["metrics"]
    assert len(found) == 2000


def test_an_experiment_that_was_deleted_is_not_made_again(admin: httpx.Client) -> None:
    body = {"name": "gone and back"}
    id = admin.post(f"{API}/experiments/create", json=body).json()["experiment_id"]
    run = made(admin, experiment_id=id)
    assert admin.post(f"{API}/experiments/delete", json={"experiment_id": id}).status_code == 200

    again = admin.post(f"{API}/experiments/create", json=body)
    logged = admin.post(f"{API}/runs/log-metric", json=metric(run, 0))
    restored = admin.post(f"{API}/experiments/restore", json={"experiment_id": id})
    after = admin.post(f"{API}/runs/log-metric", json=metric(run, 0))

    assert code(again) == (400, "RESOURCE_ALREADY_EXISTS")
    assert code(logged) == INVALID
    assert (restored.status_code, after.status_code) == (200, 200)


def test_an_experiment_is_deleted_and_restored_without_runs_of_other_teams(
    lab: GatewayLab, admin: httpx.Client, callers: Callers
) -> None:
    keys = []
    for user in (unique("ada"), unique("bob")):
        team, body = unique("team"), {"name": f"{user}-key", "user": user}
        admin.post("/api/v1/teams", json={"name": team}).raise_for_status()
        about = {"name": user, "role": "maintainer", "teams": [team]}
        admin.post("/api/v1/users", json=about).raise_for_status()
        scopes = ["sessions:read", "sessions:write"]
        made_key = admin.post("/api/v1/keys", json={**body, "scopes": scopes})
        keys.append(callers(made_key.json()["key"]))
    ada, bob = keys
    id = ada.post(f"{API}/experiments/create", json={"name": unique("shared")}).json()[
        "experiment_id"
    ]
    own, theirs = made(ada, experiment_id=id), made(bob, experiment_id=id)

    def stages() -> list[str]:
        shown = [admin.get(f"{API}/runs/get", params={"run_id": r}).json() for r in (own, theirs)]
        return [each["run"]["info"]["lifecycle_stage"] for each in shown]

    ada.post(f"{API}/experiments/delete", json={"experiment_id": id}).raise_for_status()
    assert stages() == ["deleted", "active"]
    bob.post(f"{API}/runs/delete", json={"run_id": theirs}).raise_for_status()
    ada.post(f"{API}/experiments/restore", json={"experiment_id": id}).raise_for_status()
    assert stages() == ["active", "deleted"]


def test_a_run_with_a_given_id_is_made_once(admin: httpx.Client) -> None:
    id = "ab" * 16
    first = made(admin, run_id=id, run_name="one", start_time=7)

    again = admin.post(f"{API}/runs/create", json={"run_id": id, "run_name": "two"}).json()["run"]

    assert first == id
    assert (again["info"]["run_name"], again["info"]["start_time"]) == ("one", 7)


def test_clients_send_files_in_one_piece(admin: httpx.Client) -> None:
    info = admin.get("/mlflow/api/3.0/mlflow/server-info")
    parts = admin.post("/mlflow/api/2.0/mlflow-artifacts/mpu/create/0/x", json={})

    assert info.json()["multipart_uploads_enabled"] is False
    assert parts.status_code == 501
    assert parts.json()["message"].startswith("Multipart upload is not supported")


def test_values_of_several_runs_within_steps(admin: httpx.Client) -> None:
    runs = [made(admin), made(admin)]
    for run in runs:
        for step in range(10):
            admin.post(f"{API}/runs/log-metric", json=metric(run, step))

    query = {"run_ids": [*runs, "0" * 32], "metric_key": "loss", "start_step": 2, "end_step": 5}
    found = admin.get(f"{API}/metrics/get-history-bulk-interval", params=query).json()["metrics"]

    assert [(m["run_id"], m["step"]) for m in found] == [
        (run, step) for run in sorted(runs) for step in range(2, 6)
    ]
    assert {(m["key"], m["value"], m["timestamp"]) for m in found} == {("loss", 0.5, 5)}
