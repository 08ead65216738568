"""Starts that do not come, on a real API server: what its controllers say is in the status, before anything is deleted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client
from operator_lab import Lab, laboratory, unique
from poll import eventually

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def lab(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("operator")
    with laboratory(kubeconfig, folder, (4,), startTimeoutSeconds=5) as found:
        yield found


@pytest.fixture(autouse=True)
def clean(lab: Lab) -> Iterator[None]:
    yield
    lab.delete_all()


def spec(gpus: int = 1) -> dict[str, Any]:
    resources = {"gpus": gpus, "cpu": "1", "memory": "1Gi"}
    retry = {"limit": 0, "backoffSeconds": 1}
    return {"command": ["run"], "resources": resources, "retry": retry}


def failure(lab: Lab, name: str) -> dict[str, Any]:
    found = eventually(lambda: lab.status(name).get("failure"), within=60, what="the diagnosis")
    assert found is not None
    return dict(found)


def test_a_full_quota_costs_no_retry(lab: Lab) -> None:
    quota = {"metadata": {"name": "few"}, "spec": {"hard": {"pods": "0"}}}
    lab.core.create_namespaced_resource_quota(lab.namespace, quota)
    name = unique("quota")
    try:
        used = lambda: (  # noqa: E731  # a condition
            lab.core.read_namespaced_resource_quota("few", lab.namespace).status.hard
        )
        eventually(used, what="the quota is counted")
        lab.create(name, spec())
        found = failure(lab, name)
        status = lab.wait_phase(name, "Queued", within=60)
    finally:
        lab.core.delete_namespaced_resource_quota("few", lab.namespace)
    assert found["class"] == "QuotaExceeded"
    assert "exceeded quota: few" in found["message"]
    assert "exceeded quota: few" in status["message"]
    assert status.get("failures", 0) == 0
    lab.wait_phase(name, "Running", within=90)


def test_the_words_of_a_limit_range_are_kept(lab: Lab) -> None:
    limits = {"limits": [{"type": "Container", "max": {"memory": "32Mi"}}]}
    lab.core.create_namespaced_limit_range(
        lab.namespace, {"metadata": {"name": "small"}, "spec": limits}
    )
    name = unique("range")
    try:
        lab.create(name, spec())
        status = lab.wait_phase(name, "Failed", within=60)
    finally:
        lab.core.delete_namespaced_limit_range("small", lab.namespace)
    assert status["failure"]["class"] == "PodRefused"
    assert "maximum memory usage per Container is 32Mi" in status["message"]


def warn(lab: Lab, pod: client.V1Pod, reason: str, message: str) -> None:
    """A Warning Event about a pod, as the kubelet writes them."""
    now = datetime.now(UTC).isoformat()
    about = {"apiVersion": "v1", "kind": "Pod", "name": pod.metadata.name}
    event = {
        "metadata": {"generateName": "warning-"},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "involvedObject": {**about, "namespace": lab.namespace, "uid": pod.metadata.uid},
    }
    lab.core.create_namespaced_event(lab.namespace, event)


def test_a_sandbox_that_is_never_made_says_what_its_kubelet_warns_of(lab: Lab) -> None:
    name = unique("sandbox")
    lab.create(name, spec())
    lab.wait_phase(name, "Running", within=60)
    [pod] = lab.live_pods()
    warn(lab, pod, "FailedCreatePodSandBox", 'no runtime for "nvidia" is configured')
    # Not Pending: a simulated node starts every pod that is.
    container = {"name": "trainer", "image": "x", "imageID": "", "ready": False, "restartCount": 0}
    creating = {**container, "state": {"waiting": {"reason": "ContainerCreating"}}}
    lab.core.patch_namespaced_pod_status(
        pod.metadata.name, lab.namespace, {"status": {"containerStatuses": [creating]}}
    )
    found = failure(lab, name)
    assert found["class"] == "StartTimeout"
    assert 'FailedCreatePodSandBox: no runtime for "nvidia" is configured' in found["message"]
    assert pod.spec.node_name in found["message"]
    assert found["message"][:200] in lab.wait_phase(name, "Failed", within=60)["message"]


def test_a_long_name_has_a_job_at_a_high_attempt(lab: Lab) -> None:
    name = "n" * 48
    lab.create(name, {**spec(0), "workers": 11, "desiredState": "Suspended"})
    lab.wait_phase(name, "Suspended", within=60)
    lab.patch_status(name, {"attempt": 99})
    lab.patch(name, desiredState="Running")
    status = lab.wait_phase(name, "Running", within=90)
    assert (status["attempt"], len(status["jobName"]) <= 60) == (100, True)
