"""Three real nodes: a gang of two trains on, whatever node is drained or lost. build/nodes has what a user reads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import light_gang
import pytest
from cluster import unique
from installation import Installation, installed
from poll import eventually
from readings import Readings
from real_nodes import PLAIN, Ground, load_few_images, real_nodes, session_values

from trainyard.client import Client
from trainyard.models import Session

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(os.geteuid() != 0, reason="real nodes need root"),
]
STEPS = 200
LIGHT: dict[str, Any] = {
    "command": light_gang.command(STEPS),
    "runtime": PLAIN,
    "workers": 2,
    "resources": {"gpus": 1, "cpu": "100m", "memory": "128Mi"},
    "retry": {"limit": 0, "backoffSeconds": 1},
}


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    with real_nodes() as found:
        yield found


@pytest.fixture(scope="module")
def release(ground: Ground) -> Iterator[Installation]:
    values = session_values(ground)
    with installed(ground.kubeconfig, load=load_few_images, **values) as found:
        yield found


@pytest.fixture(scope="module")
def people(release: Installation) -> Iterator[Client]:
    with release.client() as client:
        yield client


def succeeded(people: Client, name: str) -> Session:
    def check() -> Session | None:
        found = people.status(name)
        assert found.phase not in ("Failed", "Stopped"), (
            found.status.message,
            found.status.failure,
        )
        return found if found.phase == "Succeeded" else None

    return eventually(check, within=600, every=0.5, what=f"{name} Succeeded")


def trains(people: Client, name: str, attempt: int, steps: int = 5) -> None:
    """Wait until this attempt has made some steps beyond the first one that is known of it."""
    first: list[int] = []

    def check() -> bool:
        found = people.status(name).status
        assert (found.failures or 0) == 0, found.failure
        progress = found.progress
        if found.attempt != attempt or progress is None or progress.attempt != attempt:
            return False
        first.append(progress.step or 0)
        return (progress.step or 0) >= first[0] + steps

    eventually(check, within=300, every=0.3, what=f"attempt {attempt} of {name} training")


def nodes_of(release: Installation, name: str) -> set[str]:
    """Nodes of a session's live pods."""
    pods = release.items("pods", f"trainyard.io/session={name}")
    return {
        pod["spec"]["nodeName"]
        for pod in pods
        if pod["status"]["phase"] == "Running" and "deletionTimestamp" not in pod["metadata"]
    }


def one_of(release: Installation, ground: Ground, name: str) -> str:
    """A node of a gang that is not the one of the control plane."""
    found = nodes_of(release, name)
    assert len(found) == 2, found
    return max(found - {ground.name})


def printed(people: Client, name: str, word: str) -> list[str]:
    """What follows `word` in the lines of a session's log that begin with it."""
    lines = [line.message for line in people.logs(name).lines]
    return [line.removeprefix(f"{word} ") for line in lines if line.startswith(f"{word} ")]


def test_a_drained_and_a_lost_node_cost_no_retry_and_change_no_bit(
    ground: Ground, release: Installation, people: Client
) -> None:
    name = people.start_training(LIGHT, unique("moved")).name
    with Readings(release.kubeconfig, release.namespace, name) as readings:
        trains(people, name, attempt=1)
        drained = one_of(release, ground, name)
        readings.note(f"drain of node {drained}")
        ground.fault("drain", drained)
        trains(people, name, attempt=2)
        assert drained not in nodes_of(release, name)
        ground.fault("revive", drained)

        lost = one_of(release, ground, name)
        readings.note(f"loss of node {lost}")
        ground.fault("kill", lost, "--whole")
        eventually(
            lambda: readings.said(f"Node {lost} does not answer since", "kubectl delete node"),
            within=180,
            every=0.5,
            what="the session's message about the lost node",
        )
        readings.note(f"kubectl delete node {lost}")
        release.kubectl("delete", "node", lost)
        trains(people, name, attempt=3)
        assert lost not in nodes_of(release, name)
        ended = succeeded(people, name)
    readings.write("drain-and-loss")

    assert ended.status.attempt == 3
    assert (ended.status.failures or 0, ended.status.preemptions) == (0, 2)
    assert readings.said("disrupted (EvictionByEvictionAPI)")
    assert printed(people, name, "result") == [light_gang.result(STEPS)]
