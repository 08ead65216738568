"""Three real nodes: a gang of two trains on, whatever befalls its nodes. build/nodes has what a user reads.

`make test` drains and loses nodes; `make nodes` does all of it (TRAINYARD_NODES_ALL=1).
"""

from __future__ import annotations

import os
import time
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
    "runtime": PLAIN,
    "workers": 2,
    "resources": {"gpus": 1, "cpu": "100m", "memory": "128Mi"},
    "retry": {"limit": 0, "backoffSeconds": 1},
}


by_make_nodes = pytest.mark.skipif(
    not os.environ.get("TRAINYARD_NODES_ALL"), reason="takes minutes: make nodes"
)


def light(steps: int, **more: Any) -> dict[str, Any]:
    """A gang of two for that many tenths of a second."""
    return {**LIGHT, "command": light_gang.command(steps), **more}


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
    name = people.start_training(light(STEPS), unique("moved")).name
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


def unwell(readings: Readings, node: str) -> None:
    """Wait until the user reads that the node does not answer."""
    eventually(
        lambda: readings.said(f"Node {node} does not answer since"),
        within=180,
        every=0.5,
        what="the session's message about the silent node",
    )


@by_make_nodes
def test_a_gang_trains_on_below_a_dead_kubelet_and_containerd(
    ground: Ground, release: Installation, people: Client
) -> None:
    name = people.start_training(light(1200), unique("kubelet")).name
    with Readings(release.kubeconfig, release.namespace, name) as readings:
        trains(people, name, attempt=1)
        silent = one_of(release, ground, name)
        readings.note(f"kill -9 of kubelet and containerd of {silent}")
        ground.fault("kill", silent)
        unwell(readings, silent)
        trains(people, name, attempt=1)
        readings.note(f"{silent} is started again")
        ground.fault("revive", silent)
        eventually(
            lambda: people.status(name).status.message == "All workers run.",
            within=120,
            every=0.5,
            what="the status is as before",
        )
        ended = succeeded(people, name)
    readings.write("kubelet")

    assert ended.status.attempt == 1
    assert (ended.status.failures or 0, ended.status.preemptions or 0) == (0, 0)
    assert printed(people, name, "result") == [light_gang.result(1200)]


@by_make_nodes
def test_a_node_that_starts_anew_costs_no_retry(
    ground: Ground, release: Installation, people: Client
) -> None:
    name = people.start_training(light(STEPS), unique("reboot")).name
    with Readings(release.kubeconfig, release.namespace, name) as readings:
        trains(people, name, attempt=1)
        rebooted = one_of(release, ground, name)
        readings.note(f"{rebooted} loses its power")
        ground.fault("kill", rebooted, "--whole")
        unwell(readings, rebooted)
        readings.note(f"{rebooted} starts")
        ground.fault("revive", rebooted)
        trains(people, name, attempt=2)
        ended = succeeded(people, name)
    readings.write("reboot")

    assert ended.status.attempt == 2
    assert (ended.status.failures or 0, ended.status.preemptions) == (0, 1)
    assert printed(people, name, "result") == [light_gang.result(STEPS)]


@by_make_nodes
def test_a_cordoned_node_keeps_its_worker_and_gets_no_other(
    ground: Ground, release: Installation, people: Client
) -> None:
    name = people.start_training(light(400), unique("cordon")).name
    with Readings(release.kubeconfig, release.namespace, name) as readings:
        trains(people, name, attempt=1)
        cordoned = one_of(release, ground, name)
        readings.note(f"kubectl cordon {cordoned}")
        release.kubectl("cordon", cordoned)
        trains(people, name, attempt=1)
        ended = succeeded(people, name)
    readings.write("cordon")
    assert (ended.status.attempt, ended.status.preemptions or 0) == (1, 0)

    # Three nodes of one GPU, one of them cordoned: a gang of three cannot start, and says why.
    three = light(20, workers=3)
    waiting = people.start_training(three, unique("three")).name

    def said() -> bool:
        place = people.status(waiting).status.queue
        return place is not None and f"Node {cordoned} is cordoned" in (place.message or "")

    eventually(said, within=60, every=0.5, what="a message that names the cordoned node")
    people.stop(waiting)
    release.kubectl("uncordon", cordoned)


@by_make_nodes
def test_a_gang_waits_while_its_nodes_are_cut_from_each_other(
    ground: Ground, release: Installation, people: Client
) -> None:
    # The control plane's node takes no worker, so that the cut is between two workers alone.
    release.kubectl("cordon", ground.name)
    name = people.start_training(light(600), unique("cut")).name
    with Readings(release.kubeconfig, release.namespace, name) as readings:
        trains(people, name, attempt=1)
        first, second = sorted(nodes_of(release, name))
        readings.note(f"{first} and {second} are cut from each other")
        ground.fault("cut", first, second)
        still(people, name)
        readings.note("the cut is mended")
        ground.fault("mend", first, second)
        ended = succeeded(people, name)
    readings.write("cut")
    release.kubectl("uncordon", ground.name)

    assert (ended.status.attempt, ended.status.failures or 0) == (1, 0)
    assert printed(people, name, "result") == [light_gang.result(600)]


def still(people: Client, name: str, seconds: float = 20.0) -> None:
    """Wait until no step was made for that long."""
    last: list[tuple[int, float]] = [(-1, time.monotonic())]

    def check() -> bool:
        progress = people.status(name).status.progress
        step = (progress.step or 0) if progress else 0
        if step != last[0][0]:
            last[0] = (step, time.monotonic())
        return time.monotonic() - last[0][1] >= seconds

    eventually(check, within=180, every=0.5, what=f"{name} makes no step")
