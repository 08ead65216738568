"""Which requests are events of the audit log, and what the events say."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.routing import APIRoute

from trainyard_gateway.app import MODULES
from trainyard_gateway.audit.event import Channel
from trainyard_gateway.audit.requests import DATA, METHODS, Asked, Who, event_of, is_event
from trainyard_gateway.routes import mlflow

WHO = Who("ada", Channel.KEY, "k1", "10.0.0.1")
API = "/api/v1"
ALL_ROUTES = [
    (method, prefix + route.path)
    for prefix, routers in ((API, [m.router for m in MODULES]), ("", mlflow.ROUTERS))
    for router in routers
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in sorted(route.methods)
]
ROUTES = [(method, path) for method, path in ALL_ROUTES if method in METHODS]


def event(method: str, path: str, **more: Any) -> tuple[str, str, str, str]:
    asked = Asked(method, path, more.pop("parameters", {}), **more)
    found = event_of(asked, WHO, 200, 1)
    return found.verb.value, found.kind.value, found.object, found.detail


def test_every_route_that_changes_something_is_an_event_or_says_why_not() -> None:
    rest = [(m, p) for m, p in ROUTES if p.startswith(API)]
    others = {f"{m} {p.removeprefix(API)}" for m, p in rest if not is_event(m, p)}

    assert others == set(DATA)
    assert len(rest) - len(others) > 35


PATHS = sorted({path for _, path in ALL_ROUTES})


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_event_can_be_written(method: str, path: str) -> None:
    """Also of a method that a route does not have."""
    if is_event(method, path):
        parameters = {name: "x" for name in ("name", "session") if f"{{{name}}}" in path}
        verb, kind, _, _ = event(method, path, parameters=parameters)
        assert verb
        assert kind


EVENTS: list[Any] = [
    pytest.param(
        "POST", f"{API}/training/start",
        {"location": "/api/v1/training/s1/status", "body": json.dumps({"name": "s1", "env": {"T": "secret"}, "priority": 3}).encode()},
        ("create", "session", "s1", "name=s1, env, priority=3"), id="start",
    ),
    pytest.param(
        "POST", f"{API}/training/{{session}}/stop", {"parameters": {"name": "s1"}},
        ("update", "session", "s1", "stop"), id="stop",
    ),
    pytest.param(
        "DELETE", f"{API}/training/queue/{{session}}", {"parameters": {"name": "s1"}},
        ("update", "session", "s1", "cancel"), id="cancel",
    ),
    pytest.param(
        "PATCH", f"{API}/training/{{session}}/owner",
        {"parameters": {"name": "s1"}, "body": b'{"visibility": "all"}'},
        ("update", "session", "s1", "owner, visibility=all"), id="share",
    ),
    pytest.param(
        "PATCH", f"{API}/users/{{name}}", {"parameters": {"name": "bob"}, "body": b'{"role": "viewer"}'},
        ("update", "user", "bob", "role=viewer"), id="role",
    ),
    pytest.param(
        "DELETE", f"{API}/models/{{name}}/versions/{{version}}", {"parameters": {"name": "m", "version": "2"}},
        ("delete", "model", "m/2", "version"), id="version",
    ),
    pytest.param(
        "PUT", f"{API}/limits/{{kind}}/{{name}}",
        {"parameters": {"kind": "team", "name": "t"}, "body": b'{"maxGpus": 4}'},
        ("update", "limit", "team/t", "maxGpus=4"), id="limit",
    ),
    pytest.param(
        "POST", f"{API}/notices/receivers", {"body": b'{"name": "hook", "url": "https://secret"}'},
        ("create", "receiver", "hook", "name=hook, url"), id="receiver",
    ),
    pytest.param(
        "POST", f"{API}/uploads/datasets/{{upload}}/complete", {"parameters": {"upload": "u1"}},
        ("update", "upload", "u1", "complete"), id="complete",
    ),
    pytest.param("POST", f"{API}/login", {}, ("create", "login", "", ""), id="login"),
    pytest.param(
        "POST", "/mlflow/api/2.0/mlflow/experiments/delete", {"named": "7"},
        ("delete", "experiment", "7", ""), id="experiment",
    ),
    pytest.param(
        "POST", "/mlflow/api/2.0/mlflow/registered-models/rename", {"named": "m"},
        ("update", "model", "m", "rename"), id="rename",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "more", "wanted"), EVENTS)
def test_an_event_says_what_was_asked_for(
    method: str, path: str, more: dict[str, Any], wanted: tuple[str, ...]
) -> None:
    assert is_event(method, path)
    assert event(method, path, **more) == wanted


@pytest.mark.parametrize(
    ("method", "path"),
    [
        pytest.param("GET", f"{API}/training/{{session}}/status", id="a-read"),
        pytest.param("POST", f"{API}/training/estimate", id="an-estimate"),
        pytest.param("POST", "/mlflow/api/2.0/mlflow/runs/log-batch", id="values"),
        pytest.param("POST", "/mlflow/api/2.0/mlflow/runs/search", id="a-search"),
        pytest.param("POST", "/elsewhere", id="no-route"),
        pytest.param("PUT", f"{API}/queues", id="a-method-that-the-route-does-not-have"),
        pytest.param("DELETE", f"{API}/report/batches", id="another-one"),
    ],
)
def test_other_requests_are_no_events(method: str, path: str) -> None:
    assert not is_event(method, path)


def test_secrets_are_in_no_event() -> None:
    body = json.dumps({"password": "hunter2", "user": "x" * 500}).encode()

    _, _, _, detail = event("POST", f"{API}/users", body=body)

    assert "hunter2" not in detail
    assert len(detail) <= 500


TAKEN: list[Any] = [
    pytest.param(b'{"teams": ' + b"[" * 300 + b"]" * 300 + b"}", "teams=…", id="lists-in-lists"),
    pytest.param(b'{"maxGpus": 1' + b"0" * 30 + b"}", "maxGpus=…", id="a-long-number"),
    pytest.param(b'{"user": "\\ud800"}', "user=\\ud800", id="half-a-character"),
    pytest.param('{"role": "viewer"}'.encode("utf-16"), "role=viewer", id="utf-16"),
    pytest.param(b'{"role": "viewer"' + b" " * 100_000 + b"}", "role=viewer", id="many-spaces"),
    pytest.param(b"[" * 100_000, "", id="no-end"),
]


@pytest.mark.parametrize(("body", "detail"), TAKEN)
def test_no_body_hides_what_it_asks_for_or_is_no_event(body: bytes, detail: str) -> None:
    assert event("PATCH", f"{API}/users/{{name}}", body=body)[3] == detail
