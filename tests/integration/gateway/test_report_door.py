"""Failures at the doors: counted by who fails, journaled within bounds, and nobody else is held up."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import httpx
import pytest
from cluster import api_client
from gateway_lab import GatewayFactory, GatewayLab
from gateway_watch import watching
from kubernetes import client
from poll import eventually

from trainyard_api import names

pytestmark = pytest.mark.integration

ROUTES = ("batches", "model", "node")
FLOOD = 300


def journal(lab: GatewayLab, reason: str) -> list[tuple[str, str]]:
    """Client and reason of the rows whose reason begins so."""
    path = lab.data / "db" / "trainyard.sqlite3"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        query = "SELECT client, reason FROM auth_logs WHERE reason LIKE ? ORDER BY id"
        return [tuple(row) for row in database.execute(query, (f"{reason}%",))]


@pytest.mark.parametrize("route", ROUTES)
def test_made_up_tokens_are_slowed_and_journaled_and_hold_up_no_trainer(
    gateway_factory: GatewayFactory, route: str
) -> None:
    lab = gateway_factory()
    trainer = lab.new_trainer()
    # The same claims as the trainer's own, without its signature.
    forged = trainer.token.rpartition(".")[0]
    tokens = [f"{forged}.{n:043d}" if n % 3 == 0 else f"made-up-{n}" for n in range(FLOOD)]
    with watching(lab) as watch, httpx.Client(base_url=f"{lab.url}/api/v1/report") as http:
        answers = [
            http.post(f"/{route}", json={}, headers={"Authorization": f"Bearer {token}"})
            for token in tokens
        ]
        report = trainer.report({"sequence": 1})

    assert [a.status_code for a in answers[:10]] == [401] * 10
    assert {a.status_code for a in answers[50:]} == {429}
    assert all(int(a.headers["Retry-After"]) >= 1 for a in answers[50:])
    assert report.status_code == 200, report.text
    watch.check()
    rows = eventually(lambda: journal(lab, "token"), within=60, what="rows of the journal")
    assert 0 < len(rows) <= 50
    assert {client for client, _ in rows} == {"127.0.0.1"}


def test_nobody_is_believed_about_his_address(lab: GatewayLab) -> None:
    for number in range(30):
        headers = {"X-API-Key": "made-up", "X-Forwarded-For": f"192.0.2.{number}"}
        answer = httpx.get(f"{lab.url}/api/v1/keys", headers=headers)

    assert answer.status_code == 429
    rows = eventually(lambda: journal(lab, "unknown"), within=60, what="rows of the journal")
    assert {client for client, _ in rows} == {"127.0.0.1"}


def test_a_trusted_proxy_is_believed_about_its_clients(gateway_factory: GatewayFactory) -> None:
    lab = gateway_factory(trusted_proxies="127.0.0.0/8")

    def status(forwarded: str) -> int:
        headers = {"X-API-Key": "made-up", "X-Forwarded-For": forwarded}
        return httpx.get(f"{lab.url}/api/v1/keys", headers=headers).status_code

    # What the client itself has sent stands to the left of what the proxy adds.
    guesses = [status(f"198.51.100.{n}, 192.0.2.1") for n in range(30)]

    assert guesses[-1] == 429
    assert status("192.0.2.2") == 401
    assert status("203.0.113.7, 192.0.2.1") == 429
    eventually(
        lambda: {client for client, _ in journal(lab, "unknown")} == {"192.0.2.1", "192.0.2.2"},
        within=60, what="rows of both clients",
    )  # fmt: skip


def test_a_pod_that_installs_packages_reports_lines_and_nothing_else(lab: GatewayLab) -> None:
    builder = lab.new_trainer()
    mark = {"metadata": {"labels": {names.LABEL_COMPONENT: names.ENVIRONMENT_BUILDER}}}
    with api_client(lab.kubeconfig) as api:
        client.BatchV1Api(api).patch_namespaced_job(builder.pod, lab.namespace, mark)
        pod = client.CoreV1Api(api).read_namespaced_pod(builder.pod, lab.namespace)
    time = "2026-01-01T00:00:00Z"
    stream = names.builder_stream(pod.metadata.uid)
    line = {"time": time, "message": "Resolved 12 packages"}

    taken = builder.report({"stream": stream, "sequence": 1, "logs": [line]})
    refused = [
        builder.report({"stream": stream, "sequence": 2, "heartbeat": {"time": time, "step": 1}}),
        builder.report({"stream": "supervisor-0", "sequence": 1, "logs": [line]}),
    ]

    assert taken.status_code == 200, taken.text
    assert [answer.status_code for answer in refused] == [403, 403]
