"""Packages are installed by a Job without a GPU before a session waits for GPUs, on a real API server."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client
from operator_lab import GPU, Lab, Witness, laboratory, unique
from poll import eventually

pytestmark = pytest.mark.integration

LOCK = "b" * 64
MADE = {"environment": {"lock": LOCK, "packages": 12, "bytes": 5, "reused": False}}
GONE = {"reason": "EnvironmentGone", "message": "the packages are not there"}
AT_ONCE = 2


@pytest.fixture(scope="module")
def lab(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("operator")
    chosen = {"maxBuilders": AT_ONCE, "indexUrl": "https://index.example/simple"}
    with laboratory(kubeconfig, folder, (4,), environments=chosen) as found:
        yield found


@pytest.fixture(autouse=True)
def clean(lab: Lab) -> Iterator[None]:
    yield
    lab.delete_all()


def create(lab: Lab, name: str, **more: Any) -> None:
    resources = {"gpus": 4, "cpu": "1", "memory": "1Gi"}
    packages = {"requirements": ["einops"]}
    lab.create(name, {"command": ["run"], "resources": resources, "packages": packages, **more})


def pods_of(lab: Lab, name: str, *, builders: bool = True) -> list[client.V1Pod]:
    return [
        p
        for p in lab.pods()
        if p.metadata.labels.get("trainyard.io/session") == name
        and ("trainyard.io/component" in p.metadata.labels) is builders
        and p.metadata.deletion_timestamp is None
    ]


def builder(lab: Lab, name: str, *, after: str = "") -> client.V1Pod:
    """The running pod that installs the packages of a session, another one than `after`."""

    def found() -> client.V1Pod:
        running = [
            p for p in pods_of(lab, name) if p.status.phase == "Running" and p.metadata.uid != after
        ]
        assert len(running) == 1, lab.status(name)
        return running[0]

    return eventually(found, within=30, every=0.05, what=f"installation for {name}")


def end(lab: Lab, pod: client.V1Pod, code: int, report: dict[str, Any]) -> None:
    """The pod ends with an exit code and a termination message."""
    terminated = {"exitCode": code, "reason": "Error", "message": json.dumps(report)}
    container = {
        "name": pod.spec.containers[0].name,
        "image": "x",
        "imageID": "",
        "ready": False,
        "restartCount": 0,
        "state": {"terminated": terminated},
    }
    status = {"phase": "Failed" if code else "Succeeded", "containerStatuses": [container]}
    lab.core.patch_namespaced_pod_status(pod.metadata.name, lab.namespace, {"status": status})


def preparing(lab: Lab, name: str) -> dict[str, Any]:
    def found() -> dict[str, Any]:
        status = lab.status(name)
        reasons = {c["type"]: c["reason"] for c in status.get("conditions", ())}
        assert (status.get("phase"), reasons.get("Admitted")) == ("Pending", "PreparingEnvironment")
        return status

    return eventually(found, within=60, every=0.05, what=f"{name} prepares")


def gpus_of(pod: client.V1Pod) -> int:
    containers = [*pod.spec.init_containers, *pod.spec.containers]
    return sum(int((c.resources.limits or {}).get(GPU, 0)) for c in containers)


def test_packages_are_installed_without_a_gpu_and_then_mounted(lab: Lab) -> None:
    name = unique("pack")
    with Witness(lab) as witness:
        create(lab, name)
        preparing(lab, name)
        pod = builder(lab, name)
        held = dict(witness.highest)
        other = unique("other")
        lab.create(other, {"command": ["sleep", "0.1"], "resources": {"gpus": 4}})
        lab.wait_phase(other, "Succeeded")

        end(lab, pod, 0, MADE)
        status = lab.wait_phase(name, "Running")

    assert set(held.values()) <= {0}, "no event showed a GPU in use while it was preparing"
    assert gpus_of(pod) == 0
    assert witness.violations == []
    image = lab.settings["runtimes"]["default"]["image"]
    assert status["environment"] == {"lock": LOCK, "packages": 12, "image": image}
    (worker,) = pods_of(lab, name, builders=False)
    mounts = {
        m.mount_path: (m.sub_path, m.read_only) for m in worker.spec.containers[0].volume_mounts
    }
    assert mounts["/trainyard-environment"] == (f"environments/{LOCK}", True)
    env = {e.name: e.value for e in worker.spec.containers[0].env}
    assert env["TRAINYARD_ENVIRONMENT_DIR"] == "/trainyard-environment"


def test_a_list_that_cannot_be_had_fails_the_session_in_the_resolvers_words(lab: Lab) -> None:
    name, words = unique("pack"), "there is no version of einops==99"
    create(lab, name)
    end(lab, builder(lab, name), 65, {"reason": "EnvironmentNotResolved", "message": words})

    status = lab.wait_phase(name, "Failed")

    assert status["failure"]["class"] == "EnvironmentNotResolved"
    assert words in status["failure"]["message"]
    assert "attempt" not in status
    eventually(lambda: "Failed" in lab.events(name), what="event")


def test_an_index_that_does_not_answer_is_asked_again_later(lab: Lab) -> None:
    name = unique("pack")
    create(lab, name)
    end(lab, builder(lab, name), 76, {"reason": "IndexUnavailable", "message": "no answer"})

    def waits() -> dict[str, Any]:
        status = lab.status(name)
        assert status.get("environmentBuild", {}).get("failures") == 1, status
        return status

    status = eventually(waits, within=60, every=0.05, what="back-off")
    build = status["environmentBuild"]
    pause = datetime.fromisoformat(build["retryTime"]).timestamp() - time.time()
    assert (build["number"], build["message"]) == (1, "no answer")
    assert 50 < pause <= 61
    assert status["phase"] == "Pending"
    assert "installed again" in status["message"]


@pytest.mark.parametrize(
    ("wanted", "phase"), [("Stopped", "Cancelled"), ("Suspended", "Suspended")]
)
def test_an_installation_ends_with_the_wish_for_its_session(
    lab: Lab, wanted: str, phase: str
) -> None:
    name = unique("pack")
    create(lab, name)
    builder(lab, name)
    lab.patch(name, desiredState=wanted)

    lab.wait_phase(name, phase)
    assert eventually(lambda: not pods_of(lab, name) and not lab.jobs(), within=30, what="gone")


def test_a_suspended_session_installs_its_packages_when_it_is_resumed(lab: Lab) -> None:
    name = unique("pack")
    create(lab, name)
    first = builder(lab, name)
    lab.patch(name, desiredState="Suspended")
    eventually(lambda: not lab.jobs(), within=30, what="Job gone")
    lab.patch(name, desiredState="Running")

    end(lab, builder(lab, name, after=first.metadata.uid), 0, MADE)
    assert lab.wait_phase(name, "Running")["attempt"] == 1


def test_a_deleted_session_takes_its_installation_along(lab: Lab) -> None:
    name = unique("pack")
    create(lab, name)
    builder(lab, name)
    lab.delete(name)

    assert eventually(lambda: not pods_of(lab, name) and not lab.jobs(), within=30, what="gone")


def test_a_deleted_job_is_made_again(lab: Lab) -> None:
    name = unique("pack")
    create(lab, name)
    first = builder(lab, name)
    (job,) = lab.jobs()
    lab.batch.delete_namespaced_job(
        job.metadata.name, lab.namespace, propagation_policy="Background"
    )

    second = builder(lab, name, after=first.metadata.uid)
    end(lab, second, 0, MADE)

    status = lab.wait_phase(name, "Running")
    assert status.get("failures") is None


def test_at_most_so_many_installations_run_at_once_and_all_have_their_turn(lab: Lab) -> None:
    waiting = [unique("pack") for _ in range(5)]
    for name in waiting:
        create(lab, name, resources={"gpus": 0, "cpu": "1", "memory": "1Gi"})
    most = 0

    def turns() -> bool:
        nonlocal most
        running = [p for n in waiting for p in pods_of(lab, n) if p.status.phase == "Running"]
        most = max(most, len(running))
        if len(running) == AT_ONCE or sum("environment" in lab.status(n) for n in waiting) > 3:
            for pod in running:
                end(lab, pod, 0, MADE)
        assert set(lab.phases(waiting)) == {"Running"}
        return True

    eventually(turns, within=60, every=0.1, what="all installed")
    assert most == AT_ONCE


def test_packages_that_are_gone_are_installed_again(lab: Lab) -> None:
    name = unique("pack")
    create(lab, name)
    first = builder(lab, name)
    end(lab, first, 0, MADE)
    lab.wait_phase(name, "Running")
    (worker,) = pods_of(lab, name, builders=False)
    end(lab, worker, 64, GONE)

    status = preparing(lab, name)
    assert "environment" not in status
    end(lab, builder(lab, name, after=first.metadata.uid), 0, MADE)
    status = lab.wait_phase(name, "Running")
    assert (status["attempt"], status.get("failures")) == (2, None)
    assert "failure" not in status


def test_an_operator_that_is_killed_meanwhile_goes_on(lab: Lab) -> None:
    name = unique("pack")
    create(lab, name)
    pod = builder(lab, name)
    lab.kill()
    end(lab, pod, 0, MADE)
    lab.start()

    status = lab.wait_phase(name, "Running")
    assert status["environmentBuild"]["number"] == 1
    assert len(lab.jobs()) == 2
