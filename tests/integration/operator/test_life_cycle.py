"""The real operator against a real API server: every phase, every desired state, restarts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from operator_lab import Lab, Witness, held, laboratory, unique
from poll import eventually

from trainyard_api.timestamps import parse

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def lab(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with laboratory(kubeconfig, tmp_path_factory.mktemp("operator"), (4,)) as found:
        yield found


@pytest.fixture(autouse=True)
def clean(lab: Lab) -> Iterator[None]:
    yield
    lab.delete_all()


def spec(*command: str, gpus: int = 1, **more: object) -> dict[str, object]:
    return {
        "command": list(command) or ["run"],
        "resources": {"gpus": gpus, "cpu": "1", "memory": "1Gi"},
        **more,
    }


def test_a_session_runs_to_its_end_and_tells_its_story(lab: Lab) -> None:
    name = unique("ends")
    lab.create(name, spec("sleep", "1"))
    status = lab.wait_phase(name, "Succeeded")
    assert status["attempt"] == 1
    assert status["startTime"] <= status["completionTime"]
    assert {c["type"]: c["status"] for c in status["conditions"]}["Complete"] == "True"
    eventually(lambda: {"Running", "Succeeded"} <= set(lab.events(name)), what="events")


def test_the_status_says_what_each_attempt_held_and_when(lab: Lab) -> None:
    name, crashed = unique("held"), unique("crashed")
    lab.create(name, spec("sleep", "1", gpus=2, workers=2))
    (record,) = lab.wait_phase(name, "Succeeded", within=60)["allocations"]
    pods = [p for p in lab.pods() if p.metadata.name.startswith(name)]

    start, end = held(pods)
    assert len(pods) == 2
    assert parse(record["startTime"]) == start
    assert parse(record["endTime"]) == end
    assert (record["gpus"], record["cpuMillis"], record["memoryBytes"]) == (4, 2000, 2 << 30)
    assert (record["kind"], record["outcome"], record["exact"]) == ("Attempt", "Succeeded", True)

    lab.create(crashed, spec("exit", "71", retry={"limit": 1, "backoffSeconds": 1}))
    records = lab.wait_phase(crashed, "Failed", within=60)["allocations"]
    assert [(r["number"], r["outcome"]) for r in records] == [(1, "Failed"), (2, "Failed")]


def test_overflow_queues_in_order_and_drains(lab: Lab) -> None:
    first, second, third = (unique(n) for n in ("a", "b", "c"))
    with Witness(lab) as witness:
        for name in (first, second, third):
            lab.create(name, spec("sleep", "2", gpus=4))
        lab.wait_phase(first, "Running", "Succeeded")
        waiting = lab.wait_phase(third, "Queued")
        assert waiting["queue"]["position"] == 2
        assert waiting["queue"]["ahead"] == {"sessions": 1, "gpus": 4}
        assert waiting["queue"]["reason"] == "WaitingForGPUs"
        ends = [lab.wait_phase(n, "Succeeded")["completionTime"] for n in (first, second, third)]
    assert ends == sorted(ends)
    assert witness.violations == []


def test_higher_priority_goes_first(lab: Lab) -> None:
    blocker, low, high = (unique(n) for n in ("blocker", "low", "high"))
    lab.create(blocker, spec("sleep", "3", gpus=4))
    lab.wait_phase(blocker, "Running")
    lab.create(low, spec("sleep", "1", gpus=4))
    lab.wait_phase(low, "Queued")
    lab.create(high, spec("sleep", "1", gpus=4, priority=10))
    started = {n: lab.wait_phase(n, "Succeeded")["startTime"] for n in (high, low)}
    assert started[high] < started[low]


def test_cancel_while_queued(lab: Lab) -> None:
    blocker, name = unique("blocker"), unique("cancelled")
    lab.create(blocker, spec(gpus=4))
    lab.wait_phase(blocker, "Running")
    lab.create(name, spec(gpus=4))
    lab.wait_phase(name, "Queued")
    lab.patch(name, desiredState="Stopped")
    status = lab.wait_phase(name, "Cancelled")
    assert "queue" not in status
    assert "attempt" not in status


def test_suspend_and_resume_gives_a_new_attempt(lab: Lab) -> None:
    name = unique("paused")
    lab.create(name, spec())
    lab.wait_phase(name, "Running")
    lab.patch(name, desiredState="Suspended")
    status = lab.wait_phase(name, "Suspended")
    assert status["attempt"] == 1
    assert status.get("failures", 0) == 0
    lab.patch(name, desiredState="Running")
    assert lab.wait_phase(name, "Running")["attempt"] == 2


def test_suspended_while_queued_is_suspended_at_once(lab: Lab) -> None:
    blocker, name = unique("blocker"), unique("early")
    lab.create(blocker, spec(gpus=4))
    lab.create(name, spec(gpus=4))
    lab.wait_phase(name, "Queued")
    lab.patch(name, desiredState="Suspended")
    status = lab.wait_phase(name, "Suspended", within=60)
    assert status.get("attempt", 0) == 0
    assert lab.wait_phase(blocker, "Running")["attempt"] == 1


def test_a_retryable_failure_is_retried_until_the_limit(lab: Lab) -> None:
    name = unique("crashes")
    lab.create(name, spec("exit", "71", retry={"limit": 1, "backoffSeconds": 1}))
    status = lab.wait_phase(name, "Failed")
    assert status["attempt"] == 2
    assert status["failures"] == 2
    assert status["failure"]["class"] == "WorkerLost"
    assert status["failure"]["exitCode"] == 71


def test_a_program_that_fails_at_its_start_is_not_retried(lab: Lab) -> None:
    name = unique("crashes")
    lab.create(name, spec("exit", "1", retry={"limit": 3, "backoffSeconds": 1}))
    status = lab.wait_phase(name, "Failed")
    assert (status["attempt"], status["failure"]["class"]) == (1, "ProgramError")


def test_a_bad_configuration_is_never_retried(lab: Lab) -> None:
    name = unique("wrong")
    lab.create(name, spec("exit", "64"))
    status = lab.wait_phase(name, "Failed")
    assert (status["attempt"], status["failure"]["class"]) == (1, "BadConfiguration")


def test_an_interrupted_program_goes_back_to_the_queue_without_a_failure(lab: Lab) -> None:
    name = unique("evicted")
    lab.create(name, spec("run", retry={"limit": 0, "backoffSeconds": 30}))
    lab.wait_phase(name, "Running")
    [pod] = lab.live_pods()
    said = {"exitCode": 75, "reason": "Error", "message": '{"interrupted": true}'}
    container = {"name": "trainer", "image": "x", "imageID": "", "ready": False, "restartCount": 0}
    ended = {"phase": "Failed", "containerStatuses": [{**container, "state": {"terminated": said}}]}
    lab.core.patch_namespaced_pod_status(pod.metadata.name, lab.namespace, {"status": ended})
    status = lab.wait_phase(name, "Queued", within=60)
    assert (status["attempt"], status.get("failures", 0), status["preemptions"]) == (1, 0, 1)


def test_a_program_that_ends_with_75_by_itself_has_failed(lab: Lab) -> None:
    name = unique("own")
    lab.create(name, spec("exit", "75", retry={"limit": 3, "backoffSeconds": 1}))
    status = lab.wait_phase(name, "Failed", within=60)
    assert (status["attempt"], status["failure"]["class"]) == (1, "ProgramError")
    assert status.get("preemptions", 0) == 0


def test_a_dataset_gates_the_start(lab: Lab) -> None:
    name = unique("data")
    training = {"task": "tabular-classification"}
    lab.create(name, {"training": training, "dataset": "digits", "resources": {"gpus": 1}})
    status = lab.wait_phase(name, "Pending")
    reasons = {c["type"]: c["reason"] for c in status["conditions"]}
    assert reasons["DatasetReady"] == "DatasetUnknownYet"
    lab.patch_status(name, {"dataset": {"state": "NotFound", "name": "digits"}})
    eventually(
        lambda: any(
            c["reason"] == "DatasetNotFound" and "Upload" in c["message"]
            for c in lab.status(name)["conditions"]
        ),
        what="condition",
    )
    found = {"state": "Found", "name": "digits", "file": "1/digits.csv", "format": "csv"}
    lab.patch_status(name, {"dataset": {**found, "sha256": "0" * 64}})
    lab.wait_phase(name, "Running")
    assert lab.status(name)["dataset"]["file"] == "1/digits.csv"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({"runtime": "nonesuch"}, "UnknownRuntime", id="runtime"),
        pytest.param({"queue": "nonesuch"}, "UnknownQueue", id="queue"),
        pytest.param({"gpus": 5}, "NeverFits", id="gpus"),
        pytest.param({"gpus": 4, "workers": 2}, "NeverFits", id="gang"),
        pytest.param({"resumeFrom": {"session": "nonesuch"}}, "ResumeSourceNotFound", id="fork"),
    ],
)
def test_what_can_never_run_says_so_at_once(
    lab: Lab, change: dict[str, object], reason: str
) -> None:
    name = unique("never")
    lab.create(name, spec(**change))  # type: ignore[arg-type]  # each case is a field of the spec
    status = lab.wait_phase(name, "Pending", within=60)
    accepted = {c["type"]: c for c in status["conditions"]}["Accepted"]
    assert (accepted["status"], accepted["reason"]) == ("False", reason)
    assert accepted["message"]


def test_a_gang_starts_whole_with_its_service(lab: Lab) -> None:
    name = unique("gang")
    lab.create(name, spec(gpus=1, workers=3))
    lab.wait_phase(name, "Running")
    assert len(lab.live_pods()) == 3
    services = lab.core.list_namespaced_service(lab.namespace).items
    assert [s.spec.cluster_ip for s in services] == ["None"]


def test_a_deleted_session_leaves_nothing_and_its_name_can_be_used_again(lab: Lab) -> None:
    name = unique("again")
    old = lab.create(name, spec())["metadata"]["uid"]
    lab.wait_phase(name, "Running")
    lab.delete(name)
    new = lab.create(name, spec("sleep", "1"))["metadata"]["uid"]
    lab.wait_phase(name, "Succeeded")
    owners = {j.metadata.owner_references[0].uid for j in lab.jobs()}
    eventually(lambda: {j.metadata.owner_references[0].uid for j in lab.jobs()} == {new})
    assert old != new, owners


def test_a_deleted_job_is_a_retryable_failure(lab: Lab) -> None:
    name = unique("robbed")
    lab.create(name, spec(retry={"limit": 1, "backoffSeconds": 1}))
    job = lab.wait_phase(name, "Running")["jobName"]
    lab.batch.delete_namespaced_job(job, lab.namespace, propagation_policy="Background")
    eventually(lambda: lab.status(name).get("attempt") == 2, what="second attempt")
    assert lab.status(name)["failure"]["class"] == "JobDeleted"


def test_time_to_live_removes_the_object(lab: Lab) -> None:
    name = unique("short")
    lab.create(name, spec("sleep", "1", ttlSecondsAfterFinished=1))
    eventually(lambda: name not in lab.sessions(), within=30, what="session removed")
    assert lab.live_pods() == []


def test_a_deadline_ends_a_session(lab: Lab) -> None:
    name = unique("late")
    lab.create(name, spec(maxRuntimeSeconds=2))
    status = lab.wait_phase(name, "Failed")
    assert status["failure"]["class"] == "DeadlineExceeded"
    eventually(lambda: not lab.live_pods(), what="pods gone")


def test_a_restarted_operator_goes_on_where_the_old_one_was_killed(lab: Lab) -> None:
    names = [unique("life") for _ in range(6)]
    with Witness(lab) as witness:
        for name in names:
            lab.create(name, spec("sleep", "1", gpus=2))
        for _ in range(3):
            lab.kill()
            lab.start(wait=False)
            eventually(lab.ready, within=60, every=0.05)
        for name in names:
            assert lab.wait_phase(name, "Succeeded", within=60)["attempt"] == 1
    assert witness.violations == []
    made = [job for job in witness.jobs_seen if job.startswith(tuple(names))]
    assert len(made) == len(names)


def test_a_graceful_stop_gives_the_lease_back(lab: Lab) -> None:
    assert lab.stop() == 0
    lab.settings["identity"] = unique("successor")
    lab.start()
    name = unique("next")
    lab.create(name, spec("sleep", "1"))
    lab.wait_phase(name, "Succeeded", within=60)
