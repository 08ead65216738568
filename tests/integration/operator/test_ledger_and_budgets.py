"""Operator and gateway together: the ledger through kills of both, and a budget that ends at the right session."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from gateway_lab import GatewayLab, running_gateway
from kubernetes import client
from operator_lab import Lab, held, laboratory, unique
from poll import eventually

from trainyard_api import names
from trainyard_api.limits.published import read_limits
from trainyard_api.timestamps import parse_seconds

pytestmark = pytest.mark.integration

KILLS = int(os.environ.get("TRAINYARD_LEDGER_KILLS", "6"))
SEED = int(
    os.environ.get("TRAINYARD_LEDGER_KILLS_SEED", str(random.SystemRandom().randrange(10**6)))
)
OVER = {"Succeeded", "Failed", "Stopped", "Cancelled"}
LABEL = "trainyard.io/proof"


@pytest.fixture(scope="module")
def lab(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with laboratory(kubeconfig, tmp_path_factory.mktemp("operator"), (4, 4)) as found:
        yield found


@pytest.fixture(scope="module")
def gateway(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayLab]:
    folder = tmp_path_factory.mktemp("gateway")
    with running_gateway(lab.kubeconfig, lab.namespace, folder, release="t") as found:
        yield found


@pytest.fixture
def http(gateway: GatewayLab) -> Iterator[httpx.Client]:
    with gateway.http() as found:
        yield found


def spec(seconds: float, gpus: int = 1, workers: int = 1) -> dict[str, Any]:
    resources = {"gpus": gpus, "cpu": "1", "memory": "1Gi"}
    return {"command": ["sleep", f"{seconds:.1f}"], "resources": resources, "workers": workers}


def recorded(pods: list[client.V1Pod]) -> tuple[float, float]:
    """When the first was bound and the last ended, in seconds since the epoch."""
    start, end = held(pods)
    return start.timestamp(), end.timestamp()


def test_the_ledger_through_kills_of_operator_and_gateway(
    lab: Lab, gateway: GatewayLab, http: httpx.Client
) -> None:
    print(f"\nTRAINYARD_LEDGER_KILLS={KILLS} TRAINYARD_LEDGER_KILLS_SEED={SEED}")  # noqa: T201  # to see the same again
    chance = random.Random(SEED)
    shapes = {unique("k"): (1 + i % 2, 1 + i % 3 % 2) for i in range(max(10, KILLS // 2))}
    for name, (gpus, workers) in shapes.items():
        length = chance.uniform(0.2, max(2.0, KILLS * 1.5))
        lab.create(name, spec(length, gpus, workers), proof=name)
    for i in range(KILLS):
        if i % 2:
            gateway.stop(signal.SIGKILL)
            # By turns while it works and while it still starts.
            gateway.start(wait=i % 4 == 1)
        else:
            lab.kill()
            lab.start(wait=i % 4 == 0)
        time.sleep(chance.uniform(0.0, 1.0))  # the time of the kill is what is tried out
    eventually(
        lambda: set(lab.phases(list(shapes))) <= OVER, within=180, every=0.3, what="all over"
    )
    gateway.wait()
    query = {"by": "label", "label": LABEL, "since": "2026-01-01T00:00:00Z"}

    def rows() -> dict[str, Any]:
        found = http.get("/usage", params=query).json()["usage"]
        known = {row["label"]: row for row in found if row["label"] in shapes}
        assert len(known) == len(shapes)
        assert not any(row.get("runningAttempts") for row in known.values())
        return known

    found = eventually(rows, within=60, what="the ledger has all")
    assert found is not None
    pods = lab.pods()
    for name, (gpus, workers) in shapes.items():
        start, end = recorded([p for p in pods if p.metadata.name.startswith(f"{name}-")])
        row = found[name]
        assert (row["attempts"], row.get("unknownAttempts", 0)) == (1, 0), name
        seconds = row["gpuSeconds"] / (gpus * workers)
        assert abs(seconds - (end - start)) <= 1.0, name


def since(lab: Lab, name: str) -> float:
    found = parse_seconds(lab.status(name)["attemptAllocatedTime"])
    assert found is not None
    return found


def published(lab: Lab, team: str, hours: float) -> bool:
    """Whether the operator may read the budget by now, which looks every three seconds."""
    lease = client.CoordinationV1Api(lab.api).read_namespaced_lease("t-gateway", lab.namespace)
    found = read_limits((lease.metadata.annotations or {})[names.ANNOTATION_LIMITS]).limits
    budgets = {limit.name: limit.budget_gpu_seconds for limit in found}
    return budgets.get(team) == pytest.approx(hours * 3600)


def start(http: httpx.Client, seconds: float, gpus: int = 1) -> str:
    answer = http.post("/training/start", json={"name": unique("b"), **spec(seconds, gpus)})
    answer.raise_for_status()
    return str(answer.json()["name"])


def test_a_budget_ends_at_the_right_session(
    lab: Lab, gateway: GatewayLab, http: httpx.Client
) -> None:
    """Of the team, by the ledger; the operator counts on while the gateway is away."""
    team = unique("vision")
    http.post("/teams", json={"name": team}).raise_for_status()
    user = unique("ada")
    http.post("/users", json={"name": user, "teams": [team]}).raise_for_status()
    key = http.post("/keys", json={"name": user, "scopes": ["sessions:read", "sessions:write"]})
    with httpx.Client(
        base_url=f"{gateway.url}/api/v1", headers={"X-API-Key": key.json()["key"]}, timeout=30
    ) as ada:
        first = start(ada, 3, 2)
        eventually(lambda: lab.phase(first) == "Succeeded", within=90, what="the first one is over")

        def spent() -> float:
            return float(http.get(f"/limits/team/{team}").json()["spentGpuHours"]) * 3600

        # What was held before the budget was set counts: that, and half a minute of one GPU.
        http.put(f"/limits/team/{team}", json={"gpuHours": 1}).raise_for_status()
        before = eventually(spent, within=30, what="the ledger has the first one")
        start_, end = recorded([p for p in lab.pods() if p.metadata.name.startswith(f"{first}-")])
        assert before == pytest.approx(2 * (end - start_), abs=1.0)
        budget = {"gpuHours": (before + 30) / 3600}
        http.put(f"/limits/team/{team}", json=budget).raise_for_status()
        eventually(lambda: published(lab, team, budget["gpuHours"]), within=60, what="published")
        second = start(ada, 600)
        lab.wait_phase(second, "Running", within=60)
        third = start(ada, 600)
        lab.wait_phase(third, "Running", within=60)
        gateway.stop(signal.SIGKILL)
        allocated = [since(lab, name) for name in (second, third)]
        # Both together spend what is left while no gateway runs.
        eventually(
            lambda: sum(time.time() - at for at in allocated) > 31, within=60, what="it is spent"
        )
        gateway.start()
        fourth, other = start(ada, 600), start(http, 1)
        eventually(lambda: lab.phase(other) == "Succeeded", within=90, what="another team's runs")
        place = eventually(
            lambda: (
                (lab.status(fourth).get("queue") or {}).get("position")
                and lab.status(fourth)["queue"]
            ),
            within=60,
            what="its place",
        )
        assert place["reason"] == "BudgetSpent"
        assert f"The budget of the team {team} is spent" in place["message"]
        assert lab.phases([second, third, fourth]) == ["Running", "Running", "Queued"]
        listed = ada.get("/training/queue").json()["waiting"]
        assert {"BudgetSpent"} == {v["reason"] for v in listed if v["name"] == fourth}
        held_now = sum(time.time() - at for at in allocated)
        assert spent() == pytest.approx(before + held_now, abs=3.0)
        http.put(f"/limits/team/{team}", json={"gpuHours": 1}).raise_for_status()
        lab.wait_phase(fourth, "Running", within=60)
