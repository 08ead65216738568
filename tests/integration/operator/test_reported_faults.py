"""What administrators of other training queues reported as bugs, on a real API server and with the real operator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client
from operator_lab import GROUP, SESSIONS, VERSION, Lab, laboratory, unique
from poll import eventually

pytestmark = pytest.mark.integration

KEEPS_OUT = {"key": "reserved", "value": "others", "effect": "NoSchedule"}
LARGE = "x" * 200_000


@pytest.fixture(scope="module")
def lab(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("operator")
    with laboratory(kubeconfig, folder, (4,), startTimeoutSeconds=30) as found:
        yield found


@pytest.fixture(autouse=True)
def clean(lab: Lab) -> Iterator[None]:
    yield
    lab.delete_all()


def spec(gpus: int = 1, **more: Any) -> dict[str, Any]:
    resources = {"gpus": gpus, "cpu": "1", "memory": "1Gi"}
    retry = {"limit": 1, "backoffSeconds": 1}
    return {"command": ["run"], "resources": resources, "retry": retry, **more}


def says(lab: Lab, name: str, *words: str, within: float = 60) -> dict[str, Any]:
    """The status once its message has all these words."""

    def check() -> dict[str, Any]:
        found = lab.status(name)
        message = str(found.get("message", ""))
        assert all(word in message for word in words), found
        return found

    return eventually(check, within=within, what=f"{name} saying {words}")


def test_a_quota_on_jobs_is_waited_for_in_its_own_words(lab: Lab) -> None:
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"count/jobs.batch": "0"}}}
    lab.core.create_namespaced_resource_quota(lab.namespace, quota)
    name = unique("jobs")
    try:
        eventually(
            lambda: lab.core.read_namespaced_resource_quota("none", lab.namespace).status.hard,
            what="the quota is counted",
        )
        lab.create(name, spec())
        status = says(lab, name, "exceeded quota: none")
    finally:
        lab.core.delete_namespaced_resource_quota("none", lab.namespace)
    assert status["phase"] == "Queued"
    after = lab.wait_phase(name, "Running", within=120)
    assert (after["attempt"], after.get("failures", 0)) == (1, 0)


def test_three_hundred_that_never_fit_are_all_told(lab: Lab) -> None:
    names = [f"crowd-{number}" for number in range(300)]
    for name in names:
        lab.create(name, spec(gpus=64))

    def all_told() -> bool:
        found = lab.sessions()
        assert {found[name].get("status", {}).get("phase") for name in names} == {"Pending"}
        return True

    eventually(all_told, within=120, what="300 sessions Pending")
    assert "will never fit" in lab.status(names[-1])["message"]


def test_an_apply_after_the_gateway_changed_the_priority_names_it(lab: Lab) -> None:
    name = unique("apply")
    body = {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "TrainingSession",
        "metadata": {"name": name},
        "spec": spec(gpus=4, priority=1),
    }

    def apply(priority: int, manager: str, *, force: bool = False) -> None:
        asked = {**body, "spec": spec(gpus=4, priority=priority)}
        lab.custom.patch_namespaced_custom_object(
            GROUP,
            VERSION,
            lab.namespace,
            SESSIONS,
            name,
            asked,
            field_manager=manager,
            force=force,
            _content_type="application/apply-patch+yaml",
        )

    apply(1, "kubectl")
    apply(5, "gateway", force=True)

    with pytest.raises(client.ApiException, match=r"conflict with \\\\?\"gateway"):
        apply(1, "kubectl")
    assert lab.get(name)["spec"]["priority"] == 5


def test_a_session_that_is_deleted_while_no_operator_runs_is_gone(lab: Lab) -> None:
    name = unique("gone")
    lab.create(name, spec())
    lab.wait_phase(name, "Running", within=60)
    lab.stop()
    try:
        lab.delete(name)
        eventually(lambda: name not in lab.sessions(), within=60, what="the session gone")
        eventually(lambda: not lab.jobs(), within=60, what="its Job gone")
    finally:
        lab.start()

    eventually(lambda: not lab.live_pods(), within=60, what="its pods gone")
    lab.create(name, spec(gpus=4))
    assert lab.wait_phase(name, "Running", within=60)["attempt"] == 1


def test_a_session_starts_by_itself_when_the_taint_of_its_node_is_removed(lab: Lab) -> None:
    [node] = lab.nodes
    taints = lab.core.read_node(node).to_dict()["spec"]["taints"]
    kept = [{k: t[k] for k in ("key", "value", "effect")} for t in taints]
    lab.core.patch_node(node, {"spec": {"taints": [*kept, KEEPS_OUT]}})
    name = unique("tainted")
    try:
        lab.create(name, spec())
        says(lab, name, "will never fit", "reserved=others:NoSchedule")
    finally:
        lab.core.patch_node(node, {"spec": {"taints": kept}})

    assert lab.wait_phase(name, "Running", within=60)["attempt"] == 1


def test_a_runtime_that_comes_with_an_upgrade_lets_its_session_start(lab: Lab) -> None:
    name = unique("runtime")
    lab.create(name, spec(runtime="later"))
    says(lab, name, "There is no runtime 'later'")
    lab.stop()
    runtimes = lab.settings["runtimes"]
    runtimes["later"] = {**runtimes["default"], "image": "docker.io/trainyard/trainer:later"}
    lab.start()

    lab.wait_phase(name, "Running", within=60)
    [pod] = lab.live_pods()
    [image] = [c.image for c in pod.spec.containers if c.name == "trainer"]
    assert image.endswith(":later")


def test_a_large_annotation_and_another_priority_leave_a_running_session_alone(lab: Lab) -> None:
    name = unique("large")
    lab.create(name, spec())
    before = lab.wait_phase(name, "Running", within=60)
    change = {"metadata": {"annotations": {"notes": LARGE}}, "spec": {"priority": 7}}
    lab.custom.patch_namespaced_custom_object(GROUP, VERSION, lab.namespace, SESSIONS, name, change)

    eventually(
        lambda: lab.status(name)["observedGeneration"] == 2, within=60, what="the change is seen"
    )
    after = lab.status(name)
    assert (after["phase"], after["attempt"]) == ("Running", before["attempt"])
