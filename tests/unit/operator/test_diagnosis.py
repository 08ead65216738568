"""Failure classes as a table: what the kubelet and the Job controller report → class, reason, exit code."""

# ruff: noqa: E501  # one case of a table is one line

from __future__ import annotations

import json
from typing import Any

import pytest
from operator_state import NOW, make_job, make_pod, make_session

from trainyard_api.phase import RETRYABLE, UNCOUNTED, FailureClass
from trainyard_operator.core.attempts.diagnosis import failure_of
from trainyard_operator.core.attempts.hints import HINTS

C = FailureClass
SESSION = make_session(workers=2)
TOLD = json.dumps(
    {
        "reason": "NaN",
        "message": "loss is NaN at step 7",
        "hint": "smaller",
        "lastLogLines": ["a", "b"],
    }
)

INTERRUPTED = '{"interrupted": true, "programExit": 0}'
FAILED = [
    pytest.param({"exit_code": 1}, C.PROGRAM_ERROR, id="program"),
    pytest.param({"exit_code": 137, "terminated_reason": "OOMKilled"}, C.OUT_OF_MEMORY, id="oom"),
    pytest.param({"exit_code": 64}, C.BAD_CONFIGURATION, id="configuration"),
    pytest.param({"exit_code": 65}, C.BAD_DATA, id="data"),
    pytest.param({"exit_code": 66}, C.DATASET_MISSING, id="dataset"),
    pytest.param({"exit_code": 67}, C.CHECKPOINT_MISSING, id="checkpoint"),
    pytest.param({"exit_code": 70}, C.DIVERGED, id="diverged"),
    pytest.param({"exit_code": 71}, C.WORKER_LOST, id="worker"),
    pytest.param({"exit_code": 69}, C.OUT_OF_MEMORY, id="GPU memory"),
    pytest.param({"exit_code": 74}, C.VOLUME_FULL, id="volume"),
    pytest.param({"exit_code": 77}, C.ACCESS_DENIED, id="access"),
    pytest.param({"exit_code": 75, "termination_message": INTERRUPTED}, C.EVICTED, id="interrupted"),
    pytest.param({"exit_code": 75, "termination_message": INTERRUPTED, "disruption": "EvictionByEvictionAPI"}, C.EVICTED, id="interrupted-by-a-drain"),
    pytest.param({"exit_code": 75, "termination_message": INTERRUPTED, "reason": "Evicted"}, C.EVICTED, id="interrupted-by-the-kubelet"),
    pytest.param({"exit_code": 75}, C.WORKER_LOST, id="its-own-75-in-a-gang"),
    pytest.param({"exit_code": 75, "disruption": "EvictionByEvictionAPI"}, C.EVICTED, id="its-own-75-in-a-drain"),
    pytest.param({"exit_code": 75, "disruption": "DeletionByTaintManager"}, C.NODE_LOST, id="its-own-75-on-a-lost-node"),
    pytest.param({"exit_code": 75, "reason": "Evicted"}, C.EVICTED, id="its-own-75-evicted-by-the-kubelet"),
    pytest.param({"exit_code": 137}, C.KILLED, id="sigkill"),
    pytest.param({"exit_code": 143}, C.KILLED, id="sigterm"),
    pytest.param({"exit_code": 127}, C.CONTAINER_CONFIG, id="command-not-found"),
    pytest.param({"exit_code": 128, "terminated_reason": "StartError"}, C.CONTAINER_CONFIG, id="start-error"),
    pytest.param({"reason": "Evicted", "message": "low on memory"}, C.EVICTED, id="evicted"),
    pytest.param({"exit_code": 137, "disruption": "TerminationByKubelet"}, C.EVICTED, id="evicted-by-kubelet"),
    pytest.param({"exit_code": 137, "disruption": "EvictionByEvictionAPI"}, C.EVICTED, id="drained"),
    pytest.param({"disruption": "DeletionByPodGC"}, C.NODE_LOST, id="node-gone"),
    pytest.param({"disruption": "DeletionByTaintManager"}, C.NODE_LOST, id="node-unreachable"),
    pytest.param({"reason": "NodeLost"}, C.NODE_LOST, id="node-lost"),
    pytest.param({}, C.UNKNOWN, id="nothing-known"),
    pytest.param({"reason": "Evicted", "message": 'Usage of EmptyDir volume "tmp" exceeds the limit "1Gi". '}, C.SCRATCH_FULL, id="scratch-volume"),
    pytest.param({"exit_code": 137, "reason": "Evicted", "message": 'Container trainer exceeded its local ephemeral storage limit "1280Mi". '}, C.SCRATCH_FULL, id="disk-of-the-container"),
    pytest.param({"exit_code": 143, "disruption": "TerminationByKubelet", "reason": "Evicted", "message": "Pod ephemeral local storage usage exceeds the total limit of containers 1280Mi. "}, C.SCRATCH_FULL, id="disk-of-the-pod"),
    pytest.param({"reason": "Evicted", "message": "The node was low on resource: ephemeral-storage."}, C.EVICTED, id="disk-of-the-node"),
    pytest.param({"reason": "UnexpectedAdmissionError", "message": "Allocate failed due to device plugin GetPreferredAllocation rpc failed"}, C.POD_REFUSED, id="device-plugin-refuses"),
    pytest.param({"reason": "NodeAffinity", "message": "Predicate NodeAffinity failed"}, C.POD_REFUSED, id="kubelet-refuses"),
    pytest.param({"reason": "OutOfnvidia.com/gpu", "message": "Node didn't have enough resource"}, C.UNSCHEDULABLE, id="no-room-any-more"),
    pytest.param({"reason": "Terminated", "message": "Pod was terminated in response to imminent node shutdown."}, C.NODE_LOST, id="node-shut-down"),
    pytest.param({"setup_reason": "Error", "setup_message": "no space"}, C.SETUP_FAILED, id="init-container-failed"),
    pytest.param({"setup_reason": "OOMKilled"}, C.OUT_OF_MEMORY, id="init-container-without-memory"),
    pytest.param({"setup_reason": "Error", "reason": "Evicted"}, C.EVICTED, id="evicted-before-its-start"),
    pytest.param({"exit_code": 64, "termination_message": '{"reason": "ProgramNotFound"}'}, C.CONTAINER_CONFIG, id="program-not-found"),
    pytest.param({"exit_code": 64, "termination_message": '{"reason": "ProgramNotFound", "programExit": 64}'}, C.BAD_CONFIGURATION, id="a-program-that-says-so-itself"),
    pytest.param({"exit_code": 64, "termination_message": "trainyard: the image's python3 is 3.6.9; the supervisor needs"}, C.CONTAINER_CONFIG, id="old-python"),
    pytest.param({"exit_code": 139, "termination_message": '{"programSignal": 11}'}, C.PROGRAM_ERROR, id="segmentation-fault"),
    pytest.param({"exit_code": 255, "terminated_reason": "Unknown"}, C.NODE_LOST, id="node-restarted"),
    pytest.param({"exit_code": 137, "terminated_reason": "ContainerStatusUnknown"}, C.NODE_LOST, id="container-not-there-any-more"),
    pytest.param({"exit_code": 255, "terminated_reason": "Error"}, C.PROGRAM_ERROR, id="its-own-255"),
    pytest.param({"exit_code": 137, "terminated_reason": "ContainerStatusUnknown", "termination_message": '{"programExit": 3}'}, C.KILLED, id="its-program-had-ended-before-the-restart"),
]  # fmt: skip


@pytest.mark.parametrize(("pod", "kind"), FAILED)
def test_class_of_a_failed_pod(pod: dict[str, Any], kind: FailureClass) -> None:
    job = make_job(SESSION, finished="Failed")
    found = failure_of(job, [make_pod(job, SESSION, "Failed", **pod)])
    assert found is not None
    assert (found.kind, found.exit_code) == (kind, pod.get("exit_code"))
    assert found.reason
    assert found.message
    assert found.hint == HINTS[kind]
    by_kubelet = pod.get("reason") == "Evicted"
    assert found.preempted == (
        "termination_message" in pod
        and "interrupted" in pod["termination_message"]
        and not by_kubelet
    )


@pytest.mark.parametrize("message", ["", "text", '{"programExit": 75}', '{"interrupted": "yes"}'])
def test_a_program_that_ends_with_75_by_itself_ends_as_any_other(message: str) -> None:
    session = make_session()
    job = make_job(session, finished="Failed")
    ended = make_pod(job, session, "Failed", exit_code=75, termination_message=message)
    found = failure_of(job, [ended])
    assert found is not None
    assert (found.kind, found.exit_code, found.preempted) == (C.PROGRAM_ERROR, 75, False)


SENTENCES = [
    pytest.param({"exit_code": 2, "termination_message": '{"programExit": 2, "lastLogLines": ["a", "can\'t open file", " "]}'}, "Worker 0 ended with exit code 2. Its last line: can't open file", id="exit-code-and-last-line"),
    pytest.param({"exit_code": 139, "termination_message": '{"programSignal": 11}'}, "The program of worker 0 was killed by signal 11 (SIGSEGV).", id="signal"),
    pytest.param({"exit_code": 192, "termination_message": '{"programSignal": 64}'}, "The program of worker 0 was killed by signal 64", id="signal-without-a-name"),
    pytest.param({"exit_code": 1, "termination_message": '{"programSignal": "x"}'}, "Worker 0 ended with exit code 1.", id="nonsense"),
    pytest.param({"exit_code": 255, "terminated_reason": "Unknown"}, "The end of worker 0 was not seen: node ", id="node-restarted"),
    pytest.param({"disruption": "DeletionByPodGC"}, "Worker 0 was taken off its node", id="node-deleted"),
    pytest.param({}, "Worker 0 ended without an exit code.", id="no-word"),
    pytest.param({"setup_reason": "Error", "setup_message": "no space left"}, "The pod of worker 0 could not be prepared for the program: no space left", id="init-container"),
    pytest.param({"exit_code": 64, "termination_message": "trainyard: the image's python3 is 3.6.9; the supervisor needs 3.9"}, "trainyard: the image's python3 is 3.6.9", id="old-python"),
]  # fmt: skip


@pytest.mark.parametrize(("pod", "sentence"), SENTENCES)
def test_the_message_says_what_happened_where(pod: dict[str, Any], sentence: str) -> None:
    job = make_job(SESSION, finished="Failed")
    found = failure_of(job, [make_pod(job, SESSION, "Failed", **pod)])
    assert found is not None
    assert found.message.startswith(sentence)


@pytest.mark.parametrize("code", [0, 1, 75, 143])
def test_an_interrupted_program_is_neither_an_error_nor_a_success(code: int) -> None:
    job = make_job(SESSION, finished="Failed")
    words = f'{{"interrupted": true, "programExit": {code}}}'
    ended = make_pod(job, SESSION, "Failed", exit_code=75, termination_message=words)
    found = failure_of(job, [ended])
    assert found is not None
    assert (found.kind, found.preempted) == (C.EVICTED, True)


def test_every_class_has_a_hint() -> None:
    assert set(HINTS) == set(FailureClass)


def test_what_costs_no_retry_may_be_tried_again() -> None:
    assert UNCOUNTED <= RETRYABLE


def test_the_trainers_own_words_come_first() -> None:
    job = make_job(SESSION)
    found = failure_of(
        job, [make_pod(job, SESSION, "Failed", exit_code=70, termination_message=TOLD)]
    )
    assert found is not None
    assert (found.reason, found.message, found.hint) == ("NaN", "loss is NaN at step 7", "smaller")
    assert found.lines == ("a", "b")


def test_the_runtimes_words_say_why_a_program_did_not_start() -> None:
    job = make_job(SESSION)
    words = 'exec: "pyhton": executable file not found in $PATH'
    ill = {"exit_code": 128, "terminated_reason": "StartError", "termination_message": words}
    found = failure_of(job, [make_pod(job, SESSION, "Failed", **ill)])
    assert found is not None
    assert (found.kind, found.message) == (C.CONTAINER_CONFIG, words)


def test_the_tail_of_the_log_stands_in_for_a_message() -> None:
    job = make_job(SESSION)
    log = "\n".join(f"line {i}" for i in range(30)) + "\n" + "x" * 600
    found = failure_of(
        job, [make_pod(job, SESSION, "Failed", exit_code=1, termination_message=log)]
    )
    assert found is not None
    assert len(found.lines) == 20
    assert found.lines[-2:] == ("line 29", "x" * 512)


FIRST = [
    pytest.param({"exit_code": 1, "ended": NOW}, {"exit_code": 71, "ended": NOW - 5}, id="follower-ended-first"),
    pytest.param({"exit_code": 1, "ended": NOW - 5}, {"exit_code": 70, "ended": NOW}, id="first-to-end"),
    pytest.param({"exit_code": 1, "ended": NOW}, {"exit_code": 143, "ended": NOW - 5}, id="terminated-by-the-job"),
    pytest.param({"exit_code": 1, "ended": NOW}, {"exit_code": 2, "ended": NOW - 5, "deleting": True}, id="being-deleted"),
    pytest.param({"exit_code": 1, "ended": NOW}, {"exit_code": 75, "ended": NOW - 5}, id="left-with-the-others"),
    pytest.param({"exit_code": 1, "ended": NOW}, {"exit_code": 75, "ended": NOW - 5, "termination_message": INTERRUPTED}, id="interrupted-by-the-job"),
    pytest.param({"exit_code": 75, "ended": NOW}, {"exit_code": 75, "ended": NOW, "termination_message": INTERRUPTED}, id="its-own-75-in-the-same-second"),
    pytest.param({"exit_code": 75, "ended": NOW - 1, "termination_message": INTERRUPTED}, {"exit_code": 75, "ended": NOW}, id="interrupted-before-the-others-left"),
]  # fmt: skip


@pytest.mark.parametrize(("guilty", "follower"), FIRST)
@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["first-worker", "second-worker"])
def test_the_worker_that_failed_first_decides(
    guilty: dict[str, Any], follower: dict[str, Any], order: tuple[int, int]
) -> None:
    job = make_job(SESSION)
    pods = [
        make_pod(job, SESSION, "Failed", worker=i, **p)
        for i, p in zip(order, (guilty, follower), strict=True)
    ]
    found = failure_of(job, pods)
    assert found is not None
    assert found.exit_code == guilty["exit_code"]
    assert found.preempted == ("termination_message" in guilty)


def test_a_job_whose_node_is_gone_says_that_it_lost_it() -> None:
    message = "Pod ns/x has condition DisruptionTarget matching FailJob rule at index 0"
    job = make_job(SESSION, finished="Failed", reason="PodFailurePolicy", message=message)
    found = failure_of(job, [], node_lost=True)
    assert found is not None
    assert (found.kind, found.told_by_job) == (C.NODE_LOST, True)


def test_a_program_that_ended_is_judged_though_another_container_lives() -> None:
    job = make_job(SESSION)
    [found] = [failure_of(job, [make_pod(job, SESSION, "Running", exit_code=65, ended=NOW)])]
    assert found is not None
    assert (found.kind, found.exit_code) == (C.BAD_DATA, 65)
    assert failure_of(job, [make_pod(job, SESSION, "Running", exit_code=0, ended=NOW)]) is None


GHOSTS = [
    pytest.param("Container trainer for pod ns/x failed with exit code 65 matching FailJob rule at index 1", C.BAD_DATA, 65, id="exit-code"),
    pytest.param("Pod ns/x has condition DisruptionTarget matching FailJob rule at index 0", C.EVICTED, None, id="disruption"),
    pytest.param("Container trainer for pod ns/x failed with exit code 75 matching FailJob rule at index 1", C.UNKNOWN, 75, id="its-own-75-or-an-interruption"),
    pytest.param("whatever", C.UNKNOWN, None, id="unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("message", "kind", "code"), GHOSTS)
def test_the_job_remembers_for_pods_that_are_gone(
    message: str, kind: FailureClass, code: int | None
) -> None:
    found = failure_of(
        make_job(SESSION, finished="Failed", reason="PodFailurePolicy", message=message), []
    )
    assert found is not None
    assert (found.kind, found.exit_code, found.preempted) == (kind, code, False)
