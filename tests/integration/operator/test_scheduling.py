"""Queues, preemption, backfill and diagnosis by the real operator on a real API server."""

# ruff: noqa: E501  # one case of a table is one line

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client
from operator_lab import Lab, Witness, laboratory, unique
from poll import eventually

from trainyard_api.names import job_name

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def lab(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    settings = {"minimumRunSeconds": 1, "startTimeoutSeconds": 3}
    folder = tmp_path_factory.mktemp("operator")
    with laboratory(kubeconfig, folder, (4,), **settings) as found:
        found.create_queue("small", gpuQuota=2, borrow=False)
        found.create_queue("team-a", gpuQuota=2)
        found.create_queue("team-b", gpuQuota=2)
        found.create_queue("paused", paused=True)
        found.create_queue("turns", queueingStrategy="ShortestRemainingTime", timeSliceSeconds=2)
        found.create_queue("shared", maxSessionsPerUser=1, maxGpusPerSession=2)
        yield found


@pytest.fixture(autouse=True)
def clean(lab: Lab) -> Iterator[None]:
    yield
    lab.delete_all()


def spec(*command: str, gpus: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "command": list(command) or ["run"],
        "resources": {"gpus": gpus, "cpu": "1", "memory": "1Gi"},
        **more,
    }


def reason(lab: Lab, name: str) -> str | None:
    return (lab.status(name).get("queue") or {}).get("reason")


def begun(lab: Lab, *names: str) -> float:
    """When the last of the sessions started to run, in seconds since the epoch."""
    starts = [lab.status(name)["startTime"] for name in names]
    return max(datetime.fromisoformat(text).timestamp() for text in starts)


def test_a_higher_priority_preempts_who_loses_least_and_he_comes_back(lab: Lab) -> None:
    dear, cheap, urgent = unique("dear"), unique("cheap"), unique("urgent")
    with Witness(lab) as witness:
        lab.create(dear, spec(gpus=2))
        lab.create(cheap, spec(gpus=2))
        before = lab.wait_phase(cheap, "Running")
        lab.wait_phase(dear, "Running")
        # Both past their minimum run time, and the checkpoint clearly younger than either.
        eventually(lambda: time.time() - begun(lab, dear, cheap) > 2, what="both have run enough")
        saved = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        checkpoint = {"attempt": 1, "lastCheckpoint": {"step": 5, "time": saved}}
        lab.patch_status(cheap, {"progress": checkpoint})
        lab.create(urgent, spec("sleep", "2", gpus=2, priority=5))
        lab.wait_phase(urgent, "Running")
        assert lab.phase(dear) == "Running"
        after = lab.wait_phase(cheap, "Queued")
        assert after["preemptions"] == 1
        assert after["queuedTime"] == before["queuedTime"]
        assert after["progress"] == checkpoint
        assert lab.wait_phase(cheap, "Running")["attempt"] == 2
    assert witness.violations == []
    eventually(lambda: "Preempted" in lab.events(cheap), what="event")


def test_a_long_one_gives_way_after_its_turn_and_goes_on_from_its_checkpoint(lab: Lab) -> None:
    long, later, short = unique("long"), unique("later"), unique("short")
    with Witness(lab) as witness:
        lab.create(long, spec(gpus=4, queue="turns"))
        lab.wait_phase(long, "Running")
        eventually(lambda: time.time() - begun(lab, long) > 3, what="its turn is over")
        lab.create(later, spec(gpus=4, queue="turns", maxRuntimeSeconds=30_000))
        lab.create(short, spec("sleep", "2", gpus=4, queue="turns", maxRuntimeSeconds=600))
        lab.wait_phase(short, "Queued")
        assert lab.phase(long) == "Running", "it has saved nothing yet"
        saved = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        progress = {
            "attempt": 1,
            "step": 5,
            "etaSeconds": 20_000,
            "lastHeartbeat": saved,
            "lastCheckpoint": {"step": 5, "time": saved},
        }
        lab.patch_status(long, {"progress": progress})
        lab.wait_phase(short, "Running", "Succeeded")
        assert lab.phase(later) == "Queued", "it needs more than half as long"
        assert lab.status(long)["preemptions"] == 1
        lab.wait_phase(short, "Succeeded")
        assert lab.wait_phase(long, "Running")["attempt"] == 2
        assert lab.phase(later) == "Queued"
    assert witness.violations == []


def test_a_quota_without_borrowing_holds(lab: Lab) -> None:
    first, second = unique("q1"), unique("q2")
    lab.create(first, spec(gpus=2, queue="small"))
    lab.wait_phase(first, "Running")
    lab.create(second, spec(gpus=1, queue="small"))
    eventually(lambda: reason(lab, second) == "WaitingForQuota", what="reason")
    assert lab.phases([first, second]) == ["Running", "Queued"]


def test_what_is_borrowed_is_given_back(lab: Lab) -> None:
    borrower, owner = unique("borrower"), unique("owner")
    lab.create(borrower, spec(gpus=4, queue="team-a"))
    lab.wait_phase(borrower, "Running")
    lab.create(owner, spec(gpus=2, queue="team-b"))
    lab.wait_phase(owner, "Running")
    assert lab.status(borrower)["preemptions"] == 1


def test_a_paused_queue_starts_nothing_until_it_goes_on(lab: Lab) -> None:
    name = unique("paused")
    lab.create(name, spec(queue="paused"))
    eventually(lambda: reason(lab, name) == "QueuePaused", what="reason")
    waiting = lab.status(name)
    lab.patch_queue("paused", paused=False)
    started = lab.wait_phase(name, "Running")
    lab.patch_queue("paused", paused=True)
    assert (waiting["phase"], waiting.get("attempt", 0)) == ("Queued", 0)
    assert started["attempt"] == 1


def test_limits_per_user_and_per_session(lab: Lab) -> None:
    first, second, other, large = (unique(n) for n in ("one", "two", "other", "large"))
    lab.create(first, spec(queue="shared"), user="ada")
    lab.wait_phase(first, "Running")
    lab.create(second, spec(queue="shared"), user="ada")
    lab.create(other, spec(queue="shared"), user="bob")
    lab.create(large, spec(queue="shared", gpus=3), user="eve")
    lab.wait_phase(other, "Running")
    eventually(lambda: reason(lab, second) == "WaitingForUserLimit", what="reason")
    conditions = lab.wait_phase(large, "Pending")["conditions"]
    assert "ExceedsQueueLimit" in {c["reason"] for c in conditions}


def test_queue_status(lab: Lab) -> None:
    lab.create(unique("used"), spec(gpus=3))
    wanted = {"running": 1, "waiting": 0, "gpusUsed": 3}
    eventually(lambda: lab.queue_status("default").get("running") == 1, what="status")
    assert wanted.items() <= lab.queue_status("default").items()


def test_who_was_let_past_gives_way_to_who_waited_longer(lab: Lab) -> None:
    runs, big, small = unique("runs"), unique("big"), unique("small")
    lab.create(runs, spec("sleep", "3", gpus=2))
    lab.wait_phase(runs, "Running")
    lab.create(big, spec("sleep", "1", gpus=4))
    lab.wait_phase(big, "Queued")
    lab.create(small, spec(gpus=2))
    lab.wait_phase(small, "Running")
    lab.wait_phase(big, "Running", "Succeeded")
    assert lab.status(small)["preemptions"] == 1


def test_foreign_pods_count(lab: Lab) -> None:
    body = {
        "metadata": {"name": unique("foreign"), "namespace": lab.namespace},
        "spec": {
            "nodeName": next(iter(lab.nodes)),
            "tolerations": [{"operator": "Exists"}],
            "securityContext": {"runAsNonRoot": True, "runAsUser": 1, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {
                    "name": "c",
                    "image": "x",
                    "resources": {"limits": {"nvidia.com/gpu": "3"}},
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                }
            ],
        },
    }  # fmt: skip
    pod = lab.core.create_namespaced_pod(lab.namespace, body)
    eventually(lambda: lab.live_pods(), what="foreign pod")
    name = unique("waits")
    lab.create(name, spec(gpus=2))
    eventually(lambda: reason(lab, name) == "WaitingForGPUs", what="reason")
    lab.core.delete_namespaced_pod(pod.metadata.name, lab.namespace, grace_period_seconds=0)
    assert lab.wait_phase(name, "Running")["attempt"] == 1


# ── diagnosis ─────────────────────────────────────────────────────────────────────────────────────────────


def state(**state: Any) -> dict[str, Any]:
    return {"containerStatuses": [{"name": "trainer", "image": "x", "imageID": "", "ready": False, "restartCount": 0, "state": state}]}  # fmt: skip


def ended(code: int, reason: str = "Error", message: str = "") -> dict[str, Any]:
    return {
        "phase": "Failed",
        **state(terminated={"exitCode": code, "reason": reason, "message": message}),
    }


def waiting(reason: str) -> dict[str, Any]:
    # Not Pending: a simulated node starts every pod that is.
    return {
        "phase": "Running",
        **state(waiting={"reason": reason, "message": "as the kubelet says"}),
    }


DIAGNOSES = [
    pytest.param(ended(137, "OOMKilled"), "OutOfMemory", 137, id="oom"),
    pytest.param(ended(1, message="Traceback\nValueError: x"), "ProgramError", 1, id="crash"),
    pytest.param(ended(66), "DatasetMissing", 66, id="dataset"),
    pytest.param(ended(70), "Diverged", 70, id="nan"),
    pytest.param(ended(74), "VolumeFull", 74, id="volume"),
    pytest.param(ended(77), "AccessDenied", 77, id="access"),
    pytest.param(waiting("ImagePullBackOff"), "ImageUnavailable", None, id="image"),
    pytest.param(waiting("CreateContainerConfigError"), "ContainerConfig", None, id="config"),
    pytest.param({"phase": "Failed", "reason": "Evicted", "message": "low on memory"}, "Evicted", None, id="evicted"),
]  # fmt: skip


@pytest.mark.parametrize(("report", "kind", "code"), DIAGNOSES)
def test_what_the_kubelet_reports_is_explained_within_seconds(
    lab: Lab, report: dict[str, Any], kind: str, code: int | None
) -> None:
    name = unique("ill")
    lab.create(name, spec(retry={"limit": 0}))
    lab.wait_phase(name, "Running")
    [pod] = lab.live_pods()
    lab.core.patch_namespaced_pod_status(pod.metadata.name, lab.namespace, {"status": report})
    failure = eventually(lambda: lab.status(name).get("failure"), within=60, what="diagnosis")
    assert failure is not None
    assert failure["class"] == kind
    assert failure.get("exitCode") == code
    assert failure["hint"]
    if kind == "ProgramError":
        assert failure["lastLogLines"] == ["Traceback", "ValueError: x"]
    lab.wait_phase(name, "Failed")


@pytest.fixture
def silent_gateway(lab: Lab) -> Iterator[Callable[[], None]]:
    """A gateway that renews its Lease no more; the function takes the Lease away."""
    leases = client.CoordinationV1Api(lab.api)
    spec = {"holderIdentity": "gateway", "leaseDurationSeconds": 5}
    leases.create_namespaced_lease(lab.namespace, {"metadata": {"name": "t-gateway"}, "spec": spec})

    def remove() -> None:
        with suppress(client.ApiException):
            leases.delete_namespaced_lease("t-gateway", lab.namespace)

    yield remove
    remove()


def test_a_stall_is_noticed_and_retried_once_the_gateway_is_not_silent(
    lab: Lab, silent_gateway: Callable[[], None]
) -> None:
    name = unique("stalls")
    lab.create(name, spec(stallTimeoutSeconds=30, retry={"limit": 1, "backoffSeconds": 0}))
    lab.wait_phase(name, "Running")
    past = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
    lab.patch_status(name, {"attemptStartTime": past})
    [pod] = lab.live_pods()
    long_ago = state(running={"startedAt": past})["containerStatuses"]
    lab.core.patch_namespaced_pod_status(
        pod.metadata.name, lab.namespace, {"status": {"containerStatuses": long_ago}}
    )
    silence = "the gateway has not renewed its Lease since"
    eventually(lambda: silence in lab.status(name)["message"], within=90, what="why it waits")
    status = lab.status(name)
    assert (status["phase"], status["attempt"], status.get("failure")) == ("Running", 1, None)
    silent_gateway()
    eventually(lambda: lab.status(name).get("attempt") == 2, within=60, what="second attempt")
    assert lab.status(name)["failure"]["class"] == "Stalled"


def test_a_lost_node_is_told_from_a_crash_and_costs_no_retry(lab: Lab) -> None:
    name = unique("lost")
    lab.create(name, spec(retry={"limit": 0, "backoffSeconds": 0}))
    lab.wait_phase(name, "Running")
    [pod] = lab.live_pods()
    condition = {"type": "DisruptionTarget", "status": "True", "reason": "DeletionByPodGC"}
    lab.core.patch_namespaced_pod_status(
        pod.metadata.name, lab.namespace, {"status": {"phase": "Failed", "conditions": [condition]}}
    )
    eventually(lambda: lab.status(name).get("attempt") == 2, what="second attempt")
    status = lab.wait_phase(name, "Running")
    assert (status["failure"]["class"], status["preemptions"]) == ("NodeLost", 1)
    assert status["disruption"]["reason"] == "DeletionByPodGC"
    assert status.get("failures", 0) == 0


# ── bad company ───────────────────────────────────────────────────────────────────────────────────────────


def test_forged_labels_annotations_and_owners_stop_nobody(lab: Lab) -> None:
    honest, forged = unique("honest"), unique("forged")
    body = {
        "apiVersion": "trainyard.io/v1alpha1",
        "kind": "TrainingSession",
        "metadata": {
            "name": forged,
            "labels": {"trainyard.io/session-uid": "x", "trainyard.io/attempt": "999999999"},
            "annotations": {"kopf.zalando.org/last-handled-configuration": "{" * 100_000},
        },
        "spec": spec("sleep", "1"),
    }
    lab.custom.create_namespaced_custom_object(
        "trainyard.io", "v1alpha1", lab.namespace, "trainingsessions", body
    )
    lab.create(honest, spec("sleep", "1"))
    ended = [lab.wait_phase(name, "Succeeded") for name in (forged, honest)]
    assert [status["attempt"] for status in ended] == [1, 1]


def test_a_forged_status_is_put_right(lab: Lab) -> None:
    name = unique("forged")
    lab.create(name, spec(gpus=4))
    lab.wait_phase(name, "Running")
    lab.patch_status(
        name, {"phase": "Queued", "attempt": 1, "jobName": "x", "queue": {"position": 7}}
    )
    status = lab.wait_phase(name, "Running")
    eventually(lambda: lab.status(name)["jobName"] != "x", what="job name")
    assert status["attempt"] == 1
    assert len(lab.jobs()) == 1


def test_a_job_of_that_name_that_is_not_ours_is_left_alone(lab: Lab) -> None:
    blocker, name, honest = unique("blocker"), unique("squatted"), unique("honest")
    lab.create(blocker, spec("sleep", "2", gpus=4))
    lab.wait_phase(blocker, "Running")
    uid = lab.create(name, spec("sleep", "1"))["metadata"]["uid"]
    lab.create(honest, spec("sleep", "1"))
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]}}
    squatter = {
        "metadata": {"name": job_name(name, uid, 1)},
        "spec": {"suspend": True, "template": template},
    }
    lab.batch.create_namespaced_job(lab.namespace, squatter)
    lab.wait_phase(honest, "Succeeded")
    assert lab.phase(name) in ("Queued", None)
    eventually(
        lambda: job_name(name, uid, 1) in (lab.status(name).get("message") or ""),
        what="status written",
    )
    lab.batch.delete_namespaced_job(job_name(name, uid, 1), lab.namespace)


def test_the_second_operator_waits_for_the_lease(lab: Lab, tmp_path: Path) -> None:
    second = Lab(lab.kubeconfig, lab.namespace, tmp_path, {})
    second.settings = {**lab.settings, "identity": unique("second")}
    second.start(wait=False)
    try:
        eventually(second.ready, what="second one ready")
        names = [unique("once") for _ in range(4)]
        with Witness(lab) as witness:
            for name in names:
                lab.create(name, spec("sleep", "1", gpus=2))
            for name in names:
                lab.wait_phase(name, "Succeeded")
        assert witness.violations == []
        assert second.writes() == 0
        lab.kill()
        last = unique("taken-over")
        lab.create(last, spec("sleep", "1"))
        lab.wait_phase(last, "Succeeded", within=60)
        assert second.writes() > 0
    finally:
        second.kill()
        second.api.close()
        lab.settings["identity"] = unique("third")
        lab.start()


def test_an_idle_operator_writes_nothing_but_its_lease(lab: Lab) -> None:
    name = unique("idle")
    lab.create(name, spec())
    lab.wait_phase(name, "Running")
    seen = [(lab.writes(), time.monotonic())]

    def quiet() -> bool:
        count = lab.writes()
        if count != seen[-1][0]:
            seen.append((count, time.monotonic()))
        return time.monotonic() - seen[-1][1] > 6

    eventually(quiet, within=60, every=0.5, what="six seconds without a write")
    assert lab.phase(name) == "Running"
