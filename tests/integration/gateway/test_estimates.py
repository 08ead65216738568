"""What-ifs against a real cluster with nodes, queues and sessions."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from cluster import api_client
from gateway_lab import GatewayFactory, GatewayLab
from kubernetes import client
from poll import eventually

from trainyard_api import names

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def lab(gateway_factory: GatewayFactory) -> GatewayLab:
    lab = gateway_factory()
    make_queue(lab, "default", {})
    make_queue(lab, "small", {"maxGpusPerSession": 1})
    make_queue(lab, "paused", {"paused": True})
    return lab


def make_queue(lab: GatewayLab, name: str, spec: dict[str, Any]) -> None:
    body = {
        "apiVersion": names.API_VERSION,
        "kind": names.QUEUE_KIND,
        "metadata": {"name": name},
        "spec": spec,
    }
    with api_client(lab.kubeconfig) as api:
        client.CustomObjectsApi(api).create_namespaced_custom_object(
            names.GROUP, names.VERSION, lab.namespace, names.QUEUE_PLURAL, body
        )


def ask(http: httpx.Client, gpus: int, **more: Any) -> httpx.Response:
    body = {"command": ["x"], "resources": {"gpus": gpus, "cpu": "100m", "memory": "64Mi"}, **more}
    return http.post("/training/estimate", json=body)


def test_what_fits_starts_now_and_nothing_is_created(http: httpx.Client) -> None:
    found = ask(http, 1).json()

    assert (found["possible"], found["startsNow"], found["position"]) == (True, True, 1)
    assert found["estimatedStart"]["earliest"]
    assert http.get("/training/sessions").json()["total"] == 0


def test_what_can_never_fit_is_said(http: httpx.Client) -> None:
    huge = ask(http, 64).json()
    many = ask(http, 1, queue="small", workers=2).json()

    assert (huge["possible"], huge["reason"]) == (False, "NeverFits")
    assert "will never fit" in huge["message"]
    assert (many["possible"], many["reason"]) == (False, "ExceedsQueueLimit")
    assert "allows 1 per session" in many["message"]


def test_those_who_wait_count(lab: GatewayLab, http: httpx.Client) -> None:
    session = {"name": "first", "command": ["x"], "priority": 5, "queue": "paused"}
    http.post("/training/start", json=session).raise_for_status()
    with api_client(lab.kubeconfig) as api:
        client.CustomObjectsApi(api).patch_namespaced_custom_object_status(
            names.GROUP, names.VERSION, lab.namespace, names.SESSION_PLURAL, "first",
            {"status": {"phase": "Queued"}},
        )  # fmt: skip

    behind = eventually(
        lambda: (found := ask(http, 1, queue="paused").json()).get("position") == 2 and found,
        within=60,
    )
    urgent = ask(http, 1, queue="paused", priority=900).json()

    assert behind["ahead"] == {"sessions": 1, "gpus": 1}
    assert behind["reason"] == "QueuePaused"
    assert urgent["position"] == 1


@pytest.mark.parametrize(
    ("field", "value"), [("queue", "nowhere"), ("runtime", "nothing"), ("priority", 5000)]
)
def test_wrong_requests_name_the_field(http: httpx.Client, field: str, value: Any) -> None:
    answer = ask(http, 1, **{field: value})

    assert answer.status_code == 422
    assert [e["field"] for e in answer.json()["errors"]] == [field]
