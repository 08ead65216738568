"""Limits by the routes of the real gateway: set, seen, asked at a submission, published; sums on both databases."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from cluster import api_client, unique
from gateway_lab import GatewayFactory, GatewayLab
from kubernetes import client
from poll import eventually
from sqlalchemy import insert

from trainyard_api import names
from trainyard_api.limits.published import SubjectKind, read_limits
from trainyard_api.timestamps import parse, to_micros
from trainyard_gateway.store.ledger.intervals import Interval
from trainyard_gateway.store.ledger.spending import spent_by
from trainyard_gateway.store.schema.ledger_tables import allocations
from trainyard_gateway.store.store import Store

pytestmark = pytest.mark.integration

SCOPES = ["sessions:read", "sessions:write"]


@pytest.fixture(scope="module")
def lab(gateway_factory: GatewayFactory) -> GatewayLab:
    return gateway_factory(release="ty")


@pytest.fixture
def team(http: httpx.Client) -> str:
    name = unique("vision")
    http.post("/teams", json={"name": name}).raise_for_status()
    return name


class Person:
    """A user with a key."""

    def __init__(self, lab: GatewayLab, http: httpx.Client, teams: list[str]) -> None:
        self.name = unique("ada")
        http.post("/users", json={"name": self.name, "teams": teams}).raise_for_status()
        made = http.post("/keys", json={"name": self.name, "scopes": SCOPES}).json()
        self.key_id = made["id"]
        self.http = httpx.Client(
            base_url=f"{lab.url}/api/v1", headers={"X-API-Key": made["key"]}, timeout=30
        )


@pytest.fixture
def ada(lab: GatewayLab, http: httpx.Client, team: str) -> Iterator[Person]:
    person = Person(lab, http, [team])
    with person.http:
        yield person


def start(http: httpx.Client, gpus: int = 1, **more: Any) -> httpx.Response:
    body = {"command": ["x"], "resources": {"gpus": gpus, "cpu": "100m", "memory": "64Mi"}, **more}
    return http.post("/training/start", json=body)


def test_a_limit_from_setting_to_deleting(http: httpx.Client, ada: Person, team: str) -> None:
    spec = {"gpuHours": 2.5, "period": "week", "whenSpent": "suspend", "queues": ["a", "b"]}
    made = http.put(f"/limits/team/{team}", json=spec)
    http.put(f"/limits/user/{ada.name}", json={"maxGpus": 2}).raise_for_status()
    http.put(f"/limits/key/{ada.key_id}", json={"maxPriority": 0}).raise_for_status()
    assert made.status_code == 200
    assert spec.items() <= made.json().items()
    assert (made.json()["warnPercent"], made.json()["spentGpuHours"]) == (80, 0)
    assert made.json()["since"] < made.json()["renews"]
    seen = {(v["kind"], v["name"]) for v in ada.http.get("/limits").json()["limits"]}
    assert seen == {("team", team), ("user", ada.name), ("key", ada.key_id)}
    again = http.put(f"/limits/team/{team}", json={"maxGpus": 1}).json()
    assert (again["maxGpus"], again["gpuHours"], again["queues"]) == (1, None, None)
    assert http.delete(f"/limits/team/{team}").status_code == 204
    assert http.delete(f"/limits/team/{team}").status_code == 404
    assert http.get(f"/limits/team/{team}").status_code == 404


def test_limits_of_others_are_not_seen_and_only_administrators_set_any(
    lab: GatewayLab, http: httpx.Client, ada: Person, team: str
) -> None:
    http.put(f"/limits/team/{team}", json={"maxGpus": 2}).raise_for_status()
    other = Person(lab, http, ["default"])
    with other.http:
        assert other.http.get(f"/limits/team/{team}").status_code == 404
        assert team not in other.http.get("/limits").text
    for answer in (
        ada.http.put(f"/limits/team/{team}", json={"maxGpus": 9}),
        ada.http.delete(f"/limits/team/{team}"),
    ):
        assert answer.status_code == 403
    assert ada.http.get(f"/limits/team/{team}").json()["maxGpus"] == 2


REFUSED: dict[str, tuple[str, Any, int]] = {
    "no-such-team": ("team/nowhere", {"maxGpus": 1}, 404),
    "no-such-user": ("user/nowhere", {"maxGpus": 1}, 422),
    "no-such-key": ("key/nowhere1", {"maxGpus": 1}, 404),
    "no-such-kind": ("queue/default", {"maxGpus": 1}, 422),
    "fewer-than-none": ("team/default", {"maxGpus": -1}, 422),
    "no-number": ("team/default", {"gpuHours": "many"}, 422),
    "not-finite": ("team/default", {"gpuHours": 1e400}, 422),
    "unknown-period": ("team/default", {"gpuHours": 1, "period": "year"}, 422),
    "unknown-field": ("team/default", {"gpus": 1}, 422),
    "no-queue": ("team/default", {"queues": []}, 422),
    "a-share-above-all": ("team/default", {"gpuHours": 1, "warnPercent": 101}, 422),
    "nothing-is-limited": ("team/default", {"period": "day"}, 422),
}


@pytest.mark.parametrize(("path", "body", "status"), REFUSED.values(), ids=REFUSED)
def test_what_makes_no_sense_is_refused(
    http: httpx.Client, path: str, body: Any, status: int
) -> None:
    sent = json.dumps(body)
    answer = http.put(f"/limits/{path}", content=sent, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["status"]) == (status, status)


BEYOND: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "queue": ({"queues": ["a", "b"]}, {}, "may use a, b, not 'default'"),
    "priority": ({"maxPriority": 0}, {"priority": 1}, "may give at most 0, not 1"),
    "gpus": ({"maxGpus": 3}, {"gpus": 2, "workers": 2}, "asks for 4 GPUs"),
}


@pytest.mark.parametrize("kind", ["user", "team", "key"])
@pytest.mark.parametrize(("limit", "asked", "words"), BEYOND.values(), ids=BEYOND)
def test_a_submission_beyond_a_limit_is_refused_in_a_sentence(
    http: httpx.Client, ada: Person, team: str, kind: str, limit: Any, asked: Any, words: str
) -> None:
    name = {"user": ada.name, "team": team, "key": ada.key_id}[kind]
    http.put(f"/limits/{kind}/{name}", json=limit).raise_for_status()
    refused = start(ada.http, **asked)
    assert (refused.status_code, words in refused.json()["detail"]) == (403, True), refused.text
    assert f"the {kind} {name!r}" in refused.json()["detail"]
    assert start(http, **asked).status_code == 201, "of another user with another key"


def test_a_session_carries_its_key_and_its_priority_stays_within_the_limit(
    http: httpx.Client, ada: Person
) -> None:
    http.put(f"/limits/key/{ada.key_id}", json={"maxPriority": 5}).raise_for_status()
    made = start(ada.http).json()
    name = made["name"]
    assert http.patch(f"/training/{name}", json={"priority": 5}).status_code == 200
    refused = http.patch(f"/training/{name}", json={"priority": 6})
    assert (refused.status_code, "at most 5" in refused.json()["detail"]) == (403, True)


def lease(lab: GatewayLab) -> dict[str, Any]:
    with api_client(lab.kubeconfig) as api:
        found = client.CoordinationV1Api(api).read_namespaced_lease("ty-gateway", lab.namespace)
    annotations = found.metadata.annotations or {}
    # A gateway says nothing before it has seen the cluster's sessions.
    assert names.ANNOTATION_LIMITS in annotations
    published = read_limits(annotations[names.ANNOTATION_LIMITS])
    return {f"{v.kind}/{v.name}": v for v in published.limits}


def hold(lab: GatewayLab, name: str, gpus: int) -> None:
    """Let a session run, as the operator would say."""
    now = time.time()
    began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - 7200))
    status = {"phase": "Running", "attempt": 1, "attemptAllocatedTime": began, "gpus": gpus}
    with api_client(lab.kubeconfig) as api:
        client.CustomObjectsApi(api).patch_namespaced_custom_object_status(
            names.GROUP, names.VERSION, lab.namespace, names.SESSION_PLURAL, name,
            {"status": status},
        )  # fmt: skip


def test_the_operator_is_told_and_estimates_know_it(
    lab: GatewayLab, http: httpx.Client, ada: Person, team: str
) -> None:
    budget = {"gpuHours": 1, "period": "total", "whenSpent": "suspend"}
    http.put(f"/limits/team/{team}", json=budget).raise_for_status()
    http.put(f"/limits/key/{ada.key_id}", json={"queues": ["default"]}).raise_for_status()
    hold(lab, start(ada.http, 2).json()["name"], 2)

    def spent() -> bool:
        return bool(http.get(f"/limits/team/{team}").json()["spentGpuHours"] >= 4)

    eventually(spent, within=30, what="the ledger has it")
    told = eventually(
        lambda: (v := lease(lab).get(f"team/{team}")) and v.spent_gpu_seconds >= 4 * 3600 and v,
        within=60,
        what="the Lease has it",
    )
    assert (told.budget_gpu_seconds, told.when_spent.value) == (3600, "suspend")
    assert f"key/{ada.key_id}" not in lease(lab), "the operator needs no queues of keys"
    with api_client(lab.kubeconfig) as api:
        body = {
            "apiVersion": names.API_VERSION, "kind": names.QUEUE_KIND, "metadata": {"name": "default"},
        }  # fmt: skip
        client.CustomObjectsApi(api).create_namespaced_custom_object(
            names.GROUP, names.VERSION, lab.namespace, names.QUEUE_PLURAL, body
        )
    asked = {"command": ["x"], "resources": {"gpus": 1, "cpu": "100m", "memory": "64Mi"}}
    estimate = ada.http.post("/training/estimate", json=asked).json()
    assert (estimate["startsNow"], estimate["reason"]) == (False, "BudgetSpent")
    assert f"The budget of the team {team} is spent: 4.0 of 1.0" in estimate["message"]
    assert http.post("/training/estimate", json=asked).json()["reason"] != "BudgetSpent"


# ── sums on both databases ─────────────────────────────────────────────────────────────────


def micros(text: str) -> int:
    found = parse(text)
    assert found is not None
    return to_micros(found)


START, END = micros("2026-11-01T00:00:00Z"), micros("2026-12-01T00:00:00Z")
HOUR = 3_600_000_000
ROWS = {
    "within": (START + HOUR, START + 3 * HOUR, 2, 4.0),
    "over-the-start": (START - 5 * HOUR, START + HOUR, 1, 1.0),
    "over-the-end": (END - HOUR, END + 9 * HOUR, 1, 1.0),
    "over-both": (START - HOUR, END + HOUR, 1, 720.0),
    "under-way": (END - 2 * HOUR, None, 3, 6.0),
    "before": (START - 5 * HOUR, START, 1, None),
    "after": (END, END + HOUR, 1, None),
    "begins-after-and-is-under-way": (END, None, 1, None),
    "without-gpus": (START, START + HOUR, 0, None),
    "ends-before-it-begins": (START + 2 * HOUR, START + HOUR, 1, None),
    "start-unknown": (None, START + HOUR, 1, None),
}  # fmt: skip


@pytest.mark.parametrize("kind", list(SubjectKind), ids=lambda k: k.value)
async def test_sums_within_a_month(database: Store, kind: SubjectKind) -> None:
    column = {"user": "user", "team": "team", "key": "api_key"}[kind.value]
    rest = {
        "kind": "Attempt", "number": 1, "session": "s", "queue": "q", "labels": "{}", "exact": True,
        "ran": True, "cpu_millis": 0, "memory_bytes": 0, "outcome": "", "checkpoint": None,
    }  # fmt: skip
    blank = {"user": "", "team": "", "api_key": ""}
    rows = [
        {**rest, **blank, "session_uid": name, column: name, "start": s, "finish": f, "gpus": g}
        for name, (s, f, g, _) in ROWS.items()
    ]
    builder = {**rows[0], "kind": "Installation", "session_uid": "x"}
    await database.write(lambda c: c.execute(insert(allocations), [*rows, builder]))
    asked = [*ROWS, "nobody"]
    window = Interval(START, END)
    found = await database.read(lambda c: spent_by(c, kind, asked, window), applied=False)
    wanted = {name: hours * 3600 for name, (*_, hours) in ROWS.items() if hours is not None}
    assert found == pytest.approx(wanted)
    others = [k for k in SubjectKind if k != kind]
    for other in others:
        assert await database.read(lambda c, k=other: spent_by(c, k, asked, window)) == {}
