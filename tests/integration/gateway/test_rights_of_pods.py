"""A program with its pod's token at every route: nothing but reports, and of MLflow's protocol only its own.

The routes are those of the gateway: a new one that takes the token without a rule here fails.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from cluster import unique
from fastapi.routing import APIRoute
from gateway_lab import GatewayFactory, GatewayLab, Trainer
from poll import eventually

from trainyard_api.mlflow import run_id_of
from trainyard_gateway.app import MODULES, PREFIX
from trainyard_gateway.routes import mlflow

pytestmark = pytest.mark.integration

OPEN = {
    ("GET", "/login/sso/offer"), ("GET", "/login/sso/start"), ("GET", "/login/sso/callback"),
    ("POST", "/login/sso/device"), ("POST", "/login/sso/device/end"),
}  # fmt: skip
"""Routes that begin a login: they ask for no credential, and give nothing without the provider."""
REPORTS = {("POST", f"/report/{what}") for what in ("batches", "model", "tree", "node")}
SECRET = "hidden-from-others-4711"


@dataclass
class World:
    """A program of one user, and what another user has that it may not see."""

    lab: GatewayLab
    own: Trainer
    other: Trainer
    ids: dict[str, str]
    """What a request may name of the other user."""


def _person(lab: GatewayLab, team: str) -> str:
    """The key of a new user of a new team."""
    name = unique("p")
    scopes = [f"{kind}:{verb}" for kind in ("sessions", "datasets", "models") for verb in ("read", "write")]  # fmt: skip
    with lab.http() as http:
        http.post("/teams", json={"name": team}).raise_for_status()
        http.post("/users", json={"name": name, "teams": [team]}).raise_for_status()
        return str(http.post("/keys", json={"name": name, "scopes": scopes}).json()["key"])


def _trainer(lab: GatewayLab, key: str) -> Trainer:
    name, headers = unique("s"), {"X-API-Key": key}
    body = {"name": name, "command": ["x"]}
    made = httpx.post(f"{lab.url}{PREFIX}/training/start", json=body, headers=headers)
    return lab.trainer(made.json()["uid"], name)


@pytest.fixture(scope="module")
def world(gateway_factory: GatewayFactory) -> World:
    lab = gateway_factory()
    keys = [_person(lab, unique("team")) for _ in range(2)]
    own, other = (_trainer(lab, key) for key in keys)
    run, token = run_id_of(other.session_uid), {"Authorization": f"Bearer {other.token}"}
    with httpx.Client(base_url=f"{lab.url}/mlflow/api/2.0/mlflow", headers=token) as http:
        tag = {"run_id": run, "key": "note", "value": SECRET}
        eventually(lambda: http.post("/runs/set-tag", json=tag).status_code == 200, within=60)
        model = unique("m")
        created = {"name": model, "description": SECRET}
        http.post("/registered-models/create", json=created).raise_for_status()
        file = f"{lab.url}/mlflow/api/2.0/mlflow-artifacts/artifacts/{run}/secret.txt"
        http.put(file, content=SECRET.encode())
    ids = {
        "run_id": run,
        "run_uuid": run,
        "name": model,
        "version": "1",
        "session": other.session,
        "path": f"{run}/secret.txt",
        "model_id": "m-0123456789",
        "experiment_id": "0",
    }
    return World(lab, own, other, ids)


API_ROUTES = [
    (method, route.path_format)
    for module in MODULES
    for route in module.router.routes
    if isinstance(route, APIRoute)
    for method in sorted(route.methods)
]
MLFLOW_ROUTES = [
    (method, route.path_format)
    for router in mlflow.ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in sorted(route.methods)
]


def _filled(path: str, ids: dict[str, str]) -> str:
    """A path with what the other user has; what is left is a name of nothing."""
    for part in [part for part in path.split("/") if part.startswith("{")]:
        name = part.strip("{}").partition(":")[0]
        path = path.replace(part, ids.get(name, "x"))
    return path


@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
def test_the_rest_api_takes_no_token_of_a_pod(world: World, header: str) -> None:
    token = f"Bearer {world.own.token}" if header == "Authorization" else world.own.token
    taken = []
    with httpx.Client(base_url=world.lab.url, headers={header: token}, timeout=30) as http:
        for method, path in API_ROUTES:
            if (method, path) in REPORTS | OPEN:
                continue
            for session in (world.own.session, world.other.session):
                at = PREFIX + _filled(path, {**world.ids, "session": session, "kind": "team"})
                with http.stream(method, at, content=b"{}" if method != "GET" else None) as answer:
                    if answer.status_code not in (401, 429):
                        taken.append((method, at, answer.status_code))
    assert taken == []
    assert len(API_ROUTES) > 80


@pytest.mark.parametrize(("method", "path"), sorted(OPEN))
def test_routes_that_begin_a_login_give_nothing(world: World, method: str, path: str) -> None:
    headers = {"Authorization": f"Bearer {world.own.token}"}
    body = {"handle": "x"} if method == "POST" else None
    url = f"{world.lab.url}{PREFIX}{path}"
    answer = httpx.request(method, url, headers=headers, json=body)

    assert answer.status_code in (200, 404, 422)
    assert "Set-Cookie" not in answer.headers
    if answer.status_code == 200:
        assert answer.json() == {"name": None, "problem": None}


@pytest.mark.parametrize("what", ["batches", "model", "tree"])
def test_a_program_reports_for_no_other_session(world: World, what: str) -> None:
    uid = world.other.session_uid
    bodies: dict[str, dict[str, Any]] = {
        "batches": {"attempt": 1, "stream": "rank-0", "sequence": 1},
        "model": {"attempt": 1, "name": "m", "path": "model.safetensors", "sha256": "0" * 64},
        "tree": {"attempt": 1, "name": "m", "path": "out"},
    }
    answer = world.own.post(what, {"sessionUid": uid, **bodies[what]})

    assert answer.status_code in (403, 422), answer.text
    if what == "batches":
        assert answer.status_code == 403


def test_a_program_is_no_monitor_of_a_node(world: World) -> None:
    assert world.own.post("node", {}).status_code in (401, 403)


def _state(world: World) -> str:
    """What the other user has, as that user's program sees it."""
    token = {"Authorization": f"Bearer {world.other.token}"}
    with httpx.Client(base_url=f"{world.lab.url}/mlflow/api/2.0/mlflow", headers=token) as http:
        run = http.get("/runs/get", params={"run_id": world.ids["run_id"]}).json()
        model = http.get("/registered-models/get", params={"name": world.ids["name"]}).json()
    return json.dumps([run["run"]["info"], run["run"]["data"], model], sort_keys=True)


def test_mlflows_protocol_shows_and_changes_nothing_of_others(world: World) -> None:
    """Every route, with everything that the other user has as names in path, query and body."""
    before, shown, failed = _state(world), [], []
    token = {"Authorization": f"Bearer {world.own.token}"}
    body = {
        **world.ids,
        "experiment_ids": ["0"],
        "new_name": unique("n"),
        "key": "note",
        "value": "taken",
        "timestamp": 1,
        "step": 1,
        "status": "FAILED",
        "metrics": [{"key": "k", "value": 1, "timestamp": 1, "step": 0}],
        "params": [{"key": "p", "value": "1"}],
        "tags": [{"key": "note", "value": "taken"}],
        "alias": "a",
        "description": "taken",
        "source": f"mlflow-artifacts:/{world.ids['path']}",
        "run_ids": [world.ids["run_id"]],
        "metric_key": "k",
    }
    with httpx.Client(base_url=world.lab.url, headers=token, timeout=30) as http:
        for method, path in MLFLOW_ROUTES:
            at = _filled(path, world.ids)
            sent: dict[str, Any] = {"json": body}
            if method == "GET":
                sent = {"params": {**world.ids, "run_ids": world.ids["run_id"], "metric_key": "k"}}
            # Unknown fields are refused by no route, so that each reads what it knows.
            answer = http.request(method, at, **sent)
            if SECRET in answer.text:
                shown.append((method, at, answer.status_code))
            if answer.status_code >= 500 and answer.status_code != 501:
                failed.append((method, at, answer.status_code, answer.text[:200]))
    assert shown == []
    assert failed == []
    assert _state(world) == before
    assert len(MLFLOW_ROUTES) > 50


def test_the_other_users_program_sees_it_all(world: World) -> None:
    """The secret is there: what the test before does not find was to be found."""
    assert _state(world).count(SECRET) == 2
