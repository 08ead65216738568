"""Notices from a session in the cluster to a webhook, by the routes, on a real API server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from cluster import unique
from gateway_lab import GatewayFactory, GatewayLab
from noticed import FAILED, data_of, fail
from poll import eventually
from webhook_receiver import WebhookReceiver

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def lab(gateway_factory: GatewayFactory) -> GatewayLab:
    """Notices may be sent to this machine."""
    return gateway_factory(notices_enabled="true", notices_internal_hosts="127.0.0.1")


@pytest.fixture
def webhook() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        yield receiver


@pytest.fixture
def ada(lab: GatewayLab, http: httpx.Client) -> Iterator[httpx.Client]:
    """Another user than the administrator."""
    scopes = ["sessions:read", "sessions:write"]
    made = http.post("/keys", json={"name": unique("ada"), "scopes": scopes}).json()
    with httpx.Client(base_url=f"{lab.url}/api/v1", headers={"X-API-Key": made["key"]}) as other:
        yield other


def add(http: httpx.Client, url: str, *rules: dict[str, Any], **more: Any) -> httpx.Response:
    body = {"name": unique("hook"), "url": url, "rules": list(rules), **more}
    return http.post("/notices/receivers", json=body)


def start(http: httpx.Client) -> str:
    name = unique("noticed")
    http.post("/training/start", json={"name": name, "command": ["run"]}).raise_for_status()
    return name


def test_a_session_that_fails_is_noticed_once(
    lab: GatewayLab, http: httpx.Client, webhook: WebhookReceiver
) -> None:
    before = start(http)
    fail(lab, before)
    eventually(lambda: http.get(f"/training/{before}/status").json()["phase"] == "Failed")
    # Times of a status are whole seconds: what failed in the second of the receiver is told.
    failed = int(time.time())
    eventually(lambda: int(time.time()) > failed, what="the next second")
    made = add(http, webhook.url, FAILED, {"on": "failure"})
    assert made.status_code == 201, made.text
    assert made.json()["secret"].startswith("whsec_")
    assert made.headers["Cache-Control"] == "no-store"

    name = start(http)
    fail(lab, name)

    eventually(lambda: len(webhook.messages) == 2, within=30, what="both notices")
    told = dict(data_of(webhook))
    assert set(told) == {"session.phase", "session.failure"}
    assert {data["session"] for data in told.values()} == {name}
    assert told["session.failure"]["class"] == "OutOfMemory"
    assert "\n" not in told["session.phase"]["message"]

    def states() -> set[str]:
        return {n["state"] for n in http.get("/notices").json()["notices"]}

    eventually(lambda: states() == {"Delivered"}, within=30, what="both are marked")
    assert len(webhook.came) == 2


def test_users_get_notices_about_their_own_sessions_and_see_their_own_receivers(
    lab: GatewayLab, http: httpx.Client, ada: httpx.Client, webhook: WebhookReceiver
) -> None:
    made = add(ada, webhook.url, FAILED)
    called = made.json()["name"]

    other = start(http)
    fail(lab, other)
    mine = start(ada)
    fail(lab, mine)

    eventually(lambda: webhook.messages, within=30, what="the notice")
    assert [data["session"] for _, data in data_of(webhook)] == [mine]
    assert called not in http.get("/notices/receivers").text
    assert http.post(f"/notices/receivers/{called}/test").status_code == 404
    [notice] = ada.get("/notices").json()["notices"]
    assert http.post(f"/notices/{notice['id']}/retry").status_code == 404
    assert http.delete(f"/notices/receivers/{called}").status_code == 404
    assert ada.post(f"/notices/{notice['id']}/retry").status_code == 409
    assert ada.delete(f"/notices/receivers/{called}").status_code == 204
    assert ada.get("/notices").json() == {"notices": [], "cursor": None}


@pytest.mark.parametrize(
    ("url", "words"),
    [
        pytest.param("https://localhost/", "not allowed", id="this-machine"),
        pytest.param("https://169.254.169.254/", "not allowed", id="metadata"),
        pytest.param("http://hooks.example/", "use https", id="readable"),
        pytest.param("https://no-such-host.invalid/", "is not found", id="no-such-host"),
    ],
)
def test_a_receiver_inside_of_the_network_is_refused(
    http: httpx.Client, url: str, words: str
) -> None:
    refused = add(http, url, FAILED)
    assert refused.status_code == 422
    assert words in refused.json()["detail"]


def test_a_trial_arrives(http: httpx.Client, webhook: WebhookReceiver) -> None:
    called = add(http, webhook.url, FAILED).json()["name"]
    sent = http.post(f"/notices/receivers/{called}/test")
    assert sent.status_code == 202
    eventually(lambda: sent.json()["id"] in webhook.messages, within=30, what="the notice")
    assert ("notice.test", {"receiver": called}) in data_of(webhook)
    assert add(http, webhook.url, FAILED, name=called).status_code == 409
