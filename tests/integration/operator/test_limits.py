"""Limits that the gateway has published: who waits, with which words, until when; also while no gateway runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client
from operator_lab import Lab, laboratory, unique
from poll import eventually

from trainyard_api import names
from trainyard_api.limits.period import Period, period_at
from trainyard_api.limits.published import PublishedLimit, PublishedLimits
from trainyard_api.timestamps import parse_seconds, to_seconds_text

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def lab(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with laboratory(kubeconfig, tmp_path_factory.mktemp("operator"), (4,)) as found:
        yield found


@pytest.fixture(autouse=True)
def clean(lab: Lab) -> Iterator[None]:
    yield
    lab.delete_all()


def publish(
    lab: Lab, *limits: dict[str, Any], as_of: float | None = None, restart: bool = False
) -> None:
    """As the gateway does: on its Lease, which nothing renews afterwards."""
    found = PublishedLimits(
        as_of=time.time() if as_of is None else as_of,
        limits=[PublishedLimit.model_validate(limit) for limit in limits],
    )
    text = found.model_dump_json(by_alias=True, exclude_none=True)
    metadata = {"name": "t-gateway", "annotations": {names.ANNOTATION_LIMITS: text}}
    spec = {"holderIdentity": "test", "renewTime": datetime.now(UTC).isoformat()}
    leases = client.CoordinationV1Api(lab.api)
    body = {"metadata": metadata, "spec": spec}
    with suppress(client.ApiException):  # It may be there.
        leases.create_namespaced_lease(lab.namespace, {"metadata": {"name": "t-gateway"}})
    leases.patch_namespaced_lease("t-gateway", lab.namespace, body)
    if restart:
        # It reads the Lease before it decides about any session.
        lab.kill()
        lab.start()


def spec(gpus: int = 1, seconds: str = "600") -> dict[str, Any]:
    resources = {"gpus": gpus, "cpu": "1", "memory": "1Gi"}
    return {"command": ["sleep", seconds], "resources": resources}


def queue(lab: Lab, name: str) -> dict[str, Any]:
    return dict(lab.status(name).get("queue") or {})


def waits_for(lab: Lab, name: str, reason: str) -> dict[str, Any]:
    found = eventually(
        lambda: (place := queue(lab, name)).get("reason") == reason and place,
        within=60,
        what=f"{name} waits with {reason}",
    )
    assert isinstance(found, dict)
    return found


def budget(seconds: float, spent: float, **more: Any) -> dict[str, Any]:
    limit = {"kind": "team", "name": "vision", "budgetGpuSeconds": seconds}
    return {**limit, "spentGpuSeconds": spent, **more}


def test_a_program_with_a_limit_leaves_the_others_their_gpus(lab: Lab) -> None:
    publish(lab, {"kind": "key", "name": "k1", "maxGpus": 1}, restart=True)
    first = [unique("program") for _ in range(12)]
    for name in first:
        lab.create(name, spec(), user="ada", key="k1")
    eventually(lambda: lab.phases(first).count("Running") == 1, within=60, what="one of them runs")
    person = unique("person")
    lab.create(person, spec(3), user="bob")
    lab.wait_phase(person, "Running", within=60)
    assert lab.phases(first).count("Running") == 1
    queued = lambda: [n for n, phase in zip(first, lab.phases(first)) if phase == "Queued"]  # noqa: E731, B905
    (waiting, *_) = eventually(queued, within=60, what="the others wait")
    place = waits_for(lab, waiting, "WaitingForGPULimit")
    assert place["message"] == (
        "The key k1 may hold 1 GPUs at once and holds 1; it asks for 1. It starts when enough of"
        " them are free."
    )
    lab.delete(person)
    publish(lab)
    eventually(lambda: lab.phases(first).count("Running") == 4, within=60, what="no limit any more")


def test_a_budget_ends_at_the_right_session_without_a_gateway_and_over_a_kill(lab: Lab) -> None:
    publish(lab, budget(1000, 990), restart=True)
    first, second, other = (unique(n) for n in ("first", "second", "other"))
    lab.create(first, spec(2), team="vision")
    lab.wait_phase(first, "Running", within=60)
    held = parse_seconds(lab.status(first)["attemptAllocatedTime"])
    assert held is not None
    # Ten GPU-seconds are left, and two GPUs spend them.
    eventually(lambda: time.time() > held + 7, within=30, what="the budget is spent")
    lab.create(second, spec(), team="vision")
    lab.create(other, spec(), team="language")
    lab.wait_phase(other, "Running", within=60)
    place = waits_for(lab, second, "BudgetSpent")
    renews = to_seconds_text(period_at(Period.MONTH, time.time()).end)
    assert place["message"].startswith("The budget of the team vision is spent: 0.3 of 0.3 GPU-hou")
    assert place["message"].endswith(f"It renews at {renews}.")
    assert place["estimatedStart"] == {"earliest": renews, "latest": renews}
    lab.kill()
    lab.start()
    assert lab.phases([first, second]) == ["Running", "Queued"]
    publish(lab, budget(10_000, 1010))
    lab.wait_phase(second, "Running", within=60)


def test_running_sessions_wait_as_well_where_the_budget_says_so(lab: Lab) -> None:
    publish(lab, budget(1000, 997, whenSpent="suspend"), restart=True)
    name, other = unique("budget"), unique("other")
    lab.create(name, spec(), team="vision")
    lab.create(other, spec(), team="language")
    lab.wait_phase(name, "Running", "Suspending", "Queued", within=60)
    waits_for(lab, name, "BudgetSpent")
    status = lab.status(name)
    assert (status["phase"], status["attempt"], status["preemptions"]) == ("Queued", 1, 1)
    assert status["allocations"][0]["outcome"] == "Preempted"
    assert lab.phase(other) == "Running"
    publish(lab, budget(1000, 1010, whenSpent="suspend"), as_of=time.time() - 40 * 86_400)
    assert lab.wait_phase(name, "Running", within=60)["attempt"] == 2, "a new month has begun"


def test_limits_that_make_no_sense_change_nothing(lab: Lab) -> None:
    publish(lab, budget(1000, 1000), restart=True)
    name = unique("session")
    lab.create(name, spec(), team="vision")
    waits_for(lab, name, "BudgetSpent")
    annotations = {names.ANNOTATION_LIMITS: '{"asOf": 1, "limits": "none"}'}
    client.CoordinationV1Api(lab.api).patch_namespaced_lease(
        "t-gateway", lab.namespace, {"metadata": {"annotations": annotations}}
    )
    eventually(lambda: "cannot read the limits" in lab.log(), within=30, what="a warning")
    client.CoordinationV1Api(lab.api).delete_namespaced_lease("t-gateway", lab.namespace)
    other = unique("other")
    lab.create(other, spec(), team="vision")
    waits_for(lab, other, "BudgetSpent")
    assert lab.phase(name) == "Queued"
