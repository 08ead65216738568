"""Deletion in every phase, gangs that lose a worker, back-off, and priorities that change, on a real API server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from operator_lab import Lab, Witness, laboratory, unique
from poll import eventually

pytestmark = pytest.mark.integration

STUCK = "stuck"
"""A runtime whose pods the API server refuses, so that sessions stay Starting."""
HOLD = "example.com/hold"


@pytest.fixture(scope="module")
def lab(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with laboratory(kubeconfig, tmp_path_factory.mktemp("operator"), (4,)) as found:
        found.stop()
        default = found.settings["runtimes"]["default"]
        found.settings["runtimes"][STUCK] = {**default, "runtimeClassName": "there-is-none"}
        found.start()
        yield found


@pytest.fixture(autouse=True)
def clean(lab: Lab) -> Iterator[None]:
    yield
    let_go(lab)
    lab.delete_all()


def spec(*command: str, gpus: int = 4, **more: Any) -> dict[str, Any]:
    return {
        "command": list(command) or ["run"],
        "resources": {"gpus": gpus, "cpu": "1", "memory": "1Gi"},
        **more,
    }


def hold(lab: Lab) -> None:
    """Keep pods after their end, as a kubelet does that is slow."""
    for pod in lab.live_pods():
        lab.core.patch_namespaced_pod(
            pod.metadata.name, lab.namespace, {"metadata": {"finalizers": [HOLD]}}
        )


def let_go(lab: Lab) -> None:
    for pod in lab.pods():
        if HOLD in (pod.metadata.finalizers or ()):
            lab.core.patch_namespaced_pod(
                pod.metadata.name, lab.namespace, {"metadata": {"finalizers": None}}
            )


def in_line(lab: Lab, name: str) -> None:
    lab.create(unique("blocker"), spec("sleep", "5"))
    eventually(lambda: lab.live_pods(), what="blocker")
    lab.create(name, spec())
    lab.wait_phase(name, "Queued")


def wanting(state: str) -> Callable[[Lab, str], None]:
    """Runs, has to leave, and its pods take their time."""

    def make(lab: Lab, name: str) -> None:
        lab.create(name, spec())
        lab.wait_phase(name, "Running")
        hold(lab)
        lab.patch(name, desiredState=state)

    return make


PHASES: dict[str, Callable[[Lab, str], None]] = {
    "Pending": lambda lab, name: lab.create(name, spec(queue="nonesuch")) and None,
    "Queued": in_line,
    "Starting": lambda lab, name: lab.create(name, spec(runtime=STUCK)) and None,
    "Running": lambda lab, name: lab.create(name, spec()) and None,
    "Suspending": wanting("Suspended"),
    "Suspended": lambda lab, name: lab.create(name, spec(desiredState="Suspended")) and None,
    "Stopping": wanting("Stopped"),
    "Cancelled": lambda lab, name: lab.create(name, spec(desiredState="Stopped")) and None,
    "Succeeded": lambda lab, name: lab.create(name, spec("sleep", "0.1")) and None,
    "Failed": lambda lab, name: lab.create(name, spec("exit", "64")) and None,
}


@pytest.mark.parametrize("phase", PHASES)
def test_deletion_in_every_phase_leaves_nothing(lab: Lab, phase: str) -> None:
    name, heir = unique("gone"), unique("heir")
    with Witness(lab) as witness:
        PHASES[phase](lab, name)
        lab.wait_phase(name, phase)
        uid = lab.get(name)["metadata"]["uid"]
        lab.delete(name)
        lab.create(heir, spec("sleep", "0.1"))
        if phase in ("Stopping", "Suspending"):
            eventually(lambda: lab.status(heir).get("phase") == "Queued", what="heir waits")
            assert lab.live_pods(), "its GPUs are not given away before its pods are gone"
            let_go(lab)
        lab.wait_phase(heir, "Succeeded", within=40)
        eventually(
            lambda: uid not in {o.uid for j in lab.jobs() for o in j.metadata.owner_references},
            what="no Job left",
        )
    assert witness.violations == []
    assert name not in lab.sessions()


def test_one_workers_death_restarts_the_gang(lab: Lab) -> None:
    name = unique("gang")
    lab.create(name, spec(gpus=1, workers=3, retry={"limit": 1, "backoffSeconds": 0}))
    lab.wait_phase(name, "Running")
    first = {pod.metadata.uid for pod in lab.live_pods()}
    ended = {"exitCode": 1, "reason": "Error", "message": "worker 1 broke"}
    container = {
        "name": "trainer",
        "image": "x",
        "imageID": "",
        "ready": False,
        "restartCount": 0,
        "state": {"terminated": ended},
    }
    victim = next(p for p in lab.live_pods() if p.metadata.name.split("-")[-2] == "1")
    lab.core.patch_namespaced_pod_status(
        victim.metadata.name,
        lab.namespace,
        {"status": {"phase": "Failed", "containerStatuses": [container]}},
    )
    eventually(lambda: lab.status(name).get("attempt") == 2, what="second attempt")
    status = lab.wait_phase(name, "Running")
    assert status["failure"]["class"] == "ProgramError"
    assert "worker 1 broke" in status["failure"]["lastLogLines"]
    alive = {pod.metadata.uid for pod in lab.live_pods()}
    assert len(alive) == 3
    assert alive.isdisjoint(first)


def test_back_off_doubles(lab: Lab) -> None:
    name = unique("again")
    lab.create(name, spec("exit", "71", gpus=1, retry={"limit": 2, "backoffSeconds": 2}))
    pauses = []
    for attempt in (1, 2):

        def waits(attempt: int = attempt) -> float | None:
            status = lab.status(name)
            if status.get("failures") != attempt or "retryTime" not in status:
                return None
            return datetime.fromisoformat(status["retryTime"]).timestamp() - time.time()

        pause = eventually(waits, within=60, every=0.05, what=f"back-off after attempt {attempt}")
        assert pause is not None
        pauses.append(pause)
    status = lab.wait_phase(name, "Failed")
    assert (status["attempt"], status["failures"]) == (3, 3)
    assert 0 < pauses[0] <= 2.1
    assert 2 < pauses[1] <= 4.1
    eventually(lambda: "Retrying" in lab.events(name), what="event")


def test_a_priority_that_rises_while_it_waits_counts(lab: Lab) -> None:
    blocker, early, late = (unique(n) for n in ("blocker", "early", "late"))
    lab.create(blocker, spec(priority=1000))
    lab.wait_phase(blocker, "Running")
    for name in (early, late):
        lab.create(name, spec("sleep", "0.5"))
        lab.wait_phase(name, "Queued")
    eventually(lambda: lab.status(late)["queue"]["position"] == 2, what="behind")
    lab.patch(late, priority=5)
    eventually(lambda: lab.status(late)["queue"]["position"] == 1, what="before")
    lab.delete(blocker)
    started = {n: lab.wait_phase(n, "Succeeded")["startTime"] for n in (late, early)}
    assert started[late] <= started[early]
    jobs = {j.metadata.name: j.metadata.creation_timestamp for j in lab.jobs()}
    made = {n: next(t for j, t in jobs.items() if j.startswith(n)) for n in (late, early)}
    assert made[late] <= made[early]
