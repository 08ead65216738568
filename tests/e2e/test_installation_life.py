"""The life of an installation with trainings under way: first session, upgrade, rollback, uninstall, installation over what was left."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster import apply_crds, unique
from installation import (
    RELEASE,
    CommandError,
    Installation,
    installed,
)
from poll import eventually

from trainyard.client import Client
from trainyard.errors import TrainyardError
from trainyard_demo.data import write_digits

pytestmark = pytest.mark.e2e

SPEC = {
    "dataset": "digits",
    # Long enough to outlive what is done to the installation.
    "training": {"task": "tabular-classification", "epochs": 100_000, "batchSize": 512},
    "resources": {"gpus": 1, "cpu": "200m", "memory": "512Mi"},
    "retry": {"limit": 0},
}
NEXT_VERSION = {"operator.logLevel": "debug", "gateway.logLevel": "debug", "priority.max": 900}
"""Restarts operator and gateway and changes a policy, as a new version would."""
COLUMN = {"name": "Next", "type": "string", "jsonPath": ".spec.queue"}
LIVE = int(os.environ.get("TRAINYARD_LIVE", "2"))
"""Trainings under way; `make life` takes five."""
CROWD = int(os.environ.get("TRAINYARD_CROWD", "1"))
"""Sessions of an own program beside them when the installation is removed; `make life` takes fifteen."""
SLEEP = {
    "command": [
        "python3",
        "-c",
        "import signal, sys; signal.signal(15, lambda *_: sys.exit(0)); signal.pause()",
    ],
    "resources": {"gpus": 0, "cpu": "10m", "memory": "64Mi"},
    "retry": {"limit": 0},
}
KEPT = {"secret": [f"{RELEASE}-api-key"], "pvc": [f"{RELEASE}-data"]}
"""What an uninstall leaves on purpose."""


@pytest.fixture(scope="module")
def release(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation with trainings under way."""
    began = time.monotonic()
    with installed(kubeconfig) as found:
        with found.client() as people:
            people.upload_dataset("digits", write_digits(tmp_path_factory.mktemp("digits")))
            start(people)
            tell("installation to first points", began)
            for _ in range(LIVE - 1):
                start(people)
        yield found
    apply_crds(kubeconfig)


def tell(what: str, began: float) -> None:
    """A figure for who runs the test with -s."""
    sys.stdout.write(f"\n{what}: {time.monotonic() - began:.1f} s\n")


def start(people: Client) -> str:
    name = people.start_training(SPEC, unique("live")).name
    eventually(lambda: last_epoch(people, name), within=90, what=f"first points of {name}")
    return name


def last_epoch(people: Client, name: str) -> int:
    """The newest epoch that the gateway knows of, after a check that none before it is missing or there twice."""
    try:
        series = people.history(name, "val/accuracy", max_points=10_000).series
    except TrainyardError as error:
        raise AssertionError(str(error)) from error
    if not series:
        return 0
    found = [point.epoch for point in series[0].points]
    assert found == list(range(1, len(found) + 1))
    return len(found)


def trainers(release: Installation) -> dict[str, int]:
    """Trainer pods by UID, with the restarts of their containers."""
    pods = release.items("pods", "trainyard.io/session-uid")
    return {
        p["metadata"]["uid"]: sum(c["restartCount"] for c in p["status"]["containerStatuses"])
        for p in pods
    }


def names(release: Installation) -> list[str]:
    return [s["metadata"]["name"] for s in release.items("ts")]


def go_on(release: Installation, before: dict[str, int]) -> None:
    """The same pods train on, and everything that they reported meanwhile arrives."""
    with release.client() as people:
        reached = {name: last_epoch_soon(people, name) for name in names(release)}
        for name, epoch in reached.items():
            eventually(
                lambda name=name, epoch=epoch: last_epoch(people, name) > epoch + 5,  # type: ignore[misc]  # bound here
                within=60,
                what=f"epochs of {name} after {epoch}",
            )
            assert people.status(name).phase == "Running"
    assert trainers(release) == before
    assert set(before.values()) == {0}
    assert len(before) == LIVE


def last_epoch_soon(people: Client, name: str) -> int:
    return eventually(lambda: last_epoch(people, name), within=30, what=f"points of {name}")


def policy_refuses(release: Installation, priority: int) -> bool:
    changes = json.dumps({"spec": {"priority": priority}})
    try:
        release.kubectl(
            "patch", "ts", names(release)[0], "--type=merge", "-p", changes, "--dry-run=server"
        )
    except CommandError as error:
        return "spec.priority must be from" in str(error)
    return False


def test_upgrade_and_rollback_stop_no_trainer_and_lose_no_point(release: Installation) -> None:
    before = trainers(release)
    crd = "trainingsessions.trainyard.io"
    change = [{"op": "add", "path": "/spec/versions/0/additionalPrinterColumns/-", "value": COLUMN}]
    release.kubectl("patch", "crd", crd, "--type=json", "-p", json.dumps(change))
    assert not policy_refuses(release, 950)

    began = time.monotonic()
    release.upgrade(**NEXT_VERSION)
    tell("upgrade", began)
    eventually(lambda: policy_refuses(release, 950), within=30, what="the new policy")
    go_on(release, before)

    began = time.monotonic()
    release.helm("rollback", RELEASE, "--wait")
    tell("rollback", began)
    eventually(lambda: not policy_refuses(release, 950), within=30, what="the old policy")
    go_on(release, before)


def left(release: Installation) -> dict[str, list[str]]:
    return {kind: [o["metadata"]["name"] for o in release.items(kind)] for kind in KEPT}


def test_uninstall_leaves_trainers_data_and_key_for_the_next_installation(
    release: Installation,
) -> None:
    before, key = trainers(release), release.key
    began = time.monotonic()
    release.helm("uninstall", RELEASE, "--wait")
    tell("uninstall", began)

    assert left(release) == KEPT
    assert trainers(release) == before
    assert all("finalizers" not in s["metadata"] for s in release.items("ts")), (
        "nothing to get stuck on"
    )

    release.upgrade()
    assert release.key == key
    with release.client() as people:
        assert [dataset.name for dataset in people.datasets().datasets] == ["digits"]
    go_on(release, before)


def test_sessions_can_be_removed_when_nobody_is_there_to_do_it(release: Installation) -> None:
    with release.client() as people:
        crowd = [people.start_training(SLEEP, unique("crowd")).name for _ in range(CROWD)]
        for name in crowd:
            eventually(
                lambda name=name: people.status(name).phase == "Running",  # type: ignore[misc]  # bound here
                within=180,
                what=f"{name} running",
            )
    began = time.monotonic()
    release.helm("uninstall", RELEASE, "--wait")
    tell(f"uninstall with {LIVE + CROWD} sessions", began)
    assert len(trainers(release)) == LIVE + CROWD

    began = time.monotonic()
    release.kubectl("delete", "ts", "--all", "--timeout=120s")
    eventually(lambda: not trainers(release), within=180, what="the end of the trainers")
    tell("sessions and trainers gone", began)
    assert release.items("jobs") == []
    assert left(release) == KEPT
