"""`GET /usage` of the real gateway: what sessions held, through restarts and deletions."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from cluster import api_client
from gateway_lab import GatewayFactory, GatewayLab, on_postgres
from kubernetes import client
from poll import eventually

from trainyard_api import names

pytestmark = pytest.mark.integration

MONTHS = {"since": "2026-01-01T00:00:00Z", "until": "2026-04-01T00:00:00Z"}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def lab(request: pytest.FixtureRequest, gateway_factory: GatewayFactory) -> GatewayLab:
    """One gateway on each kind of database."""
    if request.param == "sqlite":
        return gateway_factory()
    return gateway_factory(None, **on_postgres(request.getfixturevalue("postgres")))


@pytest.fixture
def sessions(lab: GatewayLab) -> Iterator[client.CustomObjectsApi]:
    with api_client(lab.kubeconfig) as api:
        yield client.CustomObjectsApi(api)


def record(number: int, start: str, end: str, **more: Any) -> dict[str, Any]:
    return {
        "kind": "Attempt", "number": number, "startTime": start, "endTime": end, "exact": True,
        "ran": True, "gpus": 2, "cpuMillis": 1000, "memoryBytes": 1 << 30, "outcome": "Succeeded",
        **more,
    }  # fmt: skip


def give(
    lab: GatewayLab,
    sessions: client.CustomObjectsApi,
    name: str,
    status: dict[str, Any],
    user: str = "ada",
) -> None:
    """A session with this status, as the operator would write it."""
    labels = {names.LABEL_USER: user, "project": "moon"}
    body = {
        "apiVersion": names.API_VERSION, "kind": names.SESSION_KIND,
        "metadata": {"name": name, "labels": labels},
        "spec": {"command": ["run"], "queue": "fast", "resources": {"gpus": 2}},
    }  # fmt: skip
    place = (names.GROUP, names.VERSION, lab.namespace, names.SESSION_PLURAL)
    sessions.create_namespaced_custom_object(*place, body)
    sessions.patch_namespaced_custom_object_status(*place, name, {"status": status})


def asked(http: httpx.Client, **more: Any) -> list[dict[str, Any]]:
    return list(http.get("/usage", params={**MONTHS, **more}).json()["usage"])


def test_usage_is_summed_and_stays_when_session_and_gateway_are_gone(
    lab: GatewayLab, sessions: client.CustomObjectsApi
) -> None:
    over_the_month = record(1, "2026-01-31T23:00:00Z", "2026-02-01T02:00:00Z")
    failed = record(
        2, "2026-02-01T03:00:00Z", "2026-02-01T05:00:00Z",
        outcome="Failed", checkpointTime="2026-02-01T04:30:00Z",
    )  # fmt: skip
    status = {"phase": "Failed", "attempt": 3, "completionTime": "2026-03-01T00:00:00Z"}
    give(lab, sessions, "held", {**status, "allocations": [over_the_month, failed]})

    def months() -> list[tuple[Any, ...]]:
        with lab.http() as http:
            rows = asked(http, by=["month", "user", "queue", "label"], label="project", user="ada")
        fields = ("month", "gpuSeconds", "failedGpuSeconds", "attempts", "unknownAttempts")
        assert {(r["user"], r["queue"], r["label"]) for r in rows} <= {("ada", "fast", "moon")}
        return [tuple(r[f] for f in fields) for r in rows]

    wanted = [
        ("2026-01", 7200, 0, 1, 0),
        ("2026-02", 4 * 7200, 3600, 2, 0),
        ("2026-03", 0, 0, 1, 1),
    ]
    eventually(lambda: months() == wanted, within=60, what="the sums")
    place = (names.GROUP, names.VERSION, lab.namespace, names.SESSION_PLURAL)
    sessions.delete_namespaced_custom_object(*place, "held")
    lab.stop()
    lab.start()
    assert months() == wanted


def test_an_answer_has_pages_and_a_form_for_spreadsheets(
    lab: GatewayLab, sessions: client.CustomObjectsApi
) -> None:
    times = ("2026-01-02T00:00:00Z", "2026-01-02T01:00:00Z")
    give(
        lab,
        sessions,
        "paged",
        {"phase": "Succeeded", "attempt": 1, "allocations": [record(1, *times)]},
        user="bea",
    )
    with lab.http() as http:
        # Until it has come whole: other tests have sessions of their own in these months.
        its = lambda: [r["gpuSeconds"] for r in asked(http, user="bea")]  # noqa: E731  # a question
        eventually(lambda: its() == [7200], within=60, what="the sums")
        first = http.get("/usage", params={**MONTHS, "by": ["month", "user"], "limit": 1}).json()
        rest = (
            asked(http, by=["month", "user"], cursor=first["cursor"] or "-")
            if first["cursor"]
            else []
        )
        whole = asked(http, by=["month", "user"])
        assert first["usage"] + rest == whole
        headers = {"Accept": "text/csv"}
        answer = http.get("/usage", params={**MONTHS, "by": "month"}, headers=headers)
        assert answer.headers["content-type"].startswith("text/csv")
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert [float(r["gpuSeconds"]) for r in rows] == [
            r["gpuSeconds"] for r in asked(http, by="month")
        ]


REFUSED = [
    pytest.param({"by": "team"}, 422, id="unknown-group"),
    pytest.param({"by": "label"}, 422, id="label-without-a-name"),
    pytest.param({"since": "2026-01-01"}, 422, id="without-a-zone"),
    pytest.param({"until": "1790000000"}, 422, id="a-number"),
    pytest.param({"since": "0001-01-01T00:00:00+14:00"}, 422, id="before-all-time"),
    pytest.param({"until": "9999-12-31T23:59:59-14:00"}, 422, id="after-all-time"),
    pytest.param({"since": "2026-05-01T00:00:00Z"}, 422, id="empty-time"),
    pytest.param({"cursor": "abc"}, 400, id="no-cursor"),
]


@pytest.mark.parametrize(("query", "status"), REFUSED)
def test_a_question_that_makes_no_sense_is_refused(
    http: httpx.Client, query: dict[str, str], status: int
) -> None:
    assert http.get("/usage", params={**MONTHS, **query}).status_code == status


def test_usage_needs_the_right_to_read_sessions(lab: GatewayLab) -> None:
    key = lab.new_key("models-only", "models:read")
    answer = httpx.get(f"{lab.url}/api/v1/usage", headers={"X-API-Key": key})
    assert answer.status_code == 403
