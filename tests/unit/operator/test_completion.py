"""How an attempt with a complete Job ended, as a truth table: what happened decides, not exit code 0."""

# ruff: noqa: E501  # one case of a table is one line

from __future__ import annotations

import json
from typing import Any

import pytest
from operator_state import CONFIG, NOW, make_job, make_pod, make_session, text

from trainyard_api.phase import DesiredState, Phase, Reason
from trainyard_operator.core.lifecycle import evaluate
from trainyard_operator.core.session_state import SessionState
from trainyard_scheduler.admissibility import ADMISSIBLE
from trainyard_scheduler.objects.model import Job, Pod, Session

STOPPED, SUSPENDED = DesiredState.STOPPED, DesiredState.SUSPENDED
RAN = {"attempt": 1, "attempt_started": NOW - 900, "started": NOW - 900, "queued": NOW - 990}
DRAINED = {"disruption": "EvictionByEvictionAPI", "disrupted": NOW - 25, "deleting": True}
GOAL = {"progress_attempt": 1, "steps_total": 1000, "eta_at": NOW - 20}
SHORT, REACHED = GOAL | {"steps_done": 16}, GOAL | {"steps_done": 1000}
LATE = SHORT | {"eta_at": NOW - 300}
FINISHED = {"finished": "Complete", "finish_time": NOW - 19}
NO_GOAL = "All workers ended with exit code 0; the program reported no goal that could be checked."
LEFT: dict[str, Any] = {}
"""A pod that ended twenty seconds ago with 0."""


def told(step: int, total: int = 1000, **more: int) -> dict[str, str]:
    """The pod's termination message with the program's last word."""
    return {"termination_message": json.dumps({"end": {"step": step, "totalSteps": total, **more}})}


def evaluated(session: Session, job: Job | None, *pods: Pod, now: float = NOW) -> SessionState:
    jobs = {job.attempt: job} if job else {}
    return evaluate(session, jobs, {p.uid: p for p in pods}, ADMISSIBLE, True, now, CONFIG)


def ended(
    status: dict[str, Any],
    *pods: dict[str, Any],
    job: dict[str, Any] | None = None,
    now: float = NOW,
    **session: Any,
) -> SessionState:
    """A session whose workers all ended with 0."""
    workers = max(1, len(pods))
    subject = make_session(
        **{"phase": Phase.RUNNING, "workers": workers, "status": {**RAN, **status}, **session}
    )
    its = make_job(subject, **{**FINISHED, **(job or {})})
    made = [
        make_pod(its, subject, "Succeeded", **{"ended": NOW - 20, "exit_code": 0, "worker": i, **p})
        for i, p in enumerate(pods)
    ]
    return evaluated(subject, its, *made, now=now)


END = [
    pytest.param({}, [LEFT], Phase.SUCCEEDED, "Succeeded", id="goal unknown"),
    pytest.param(REACHED, [LEFT], Phase.SUCCEEDED, "Succeeded", id="goal reached"),
    pytest.param(REACHED, [DRAINED], Phase.SUCCEEDED, "Succeeded", id="goal reached, then drained"),
    pytest.param(SHORT, [told(1000)], Phase.SUCCEEDED, "Succeeded", id="goal reached, and the report is late"),
    pytest.param(SHORT, [told(16, 16)], Phase.SUCCEEDED, "Succeeded", id="goal lowered to what is done"),
    pytest.param({}, [told(999)], Phase.SUCCEEDED, "Succeeded", id="steps counted from 0"),
    pytest.param({}, [told(990, stride=10)], Phase.SUCCEEDED, "Succeeded", id="every tenth step reported"),
    pytest.param(SHORT, [told(0, 0)], Phase.SUCCEEDED, "Succeeded", id="no goal in this attempt, one in the attempt before"),
    pytest.param(SHORT, [LEFT], Phase.FAILED, "EndedEarly", id="ended early"),
    pytest.param({}, [told(16)], Phase.FAILED, "EndedEarly", id="ended early by its own word"),
    pytest.param({"progress_attempt": 1, "epochs_done": 1, "epochs_total": 9, "eta_at": NOW - 20}, [LEFT], Phase.FAILED, "EndedEarly", id="ended early in epochs"),
    pytest.param(SHORT, [DRAINED], Phase.QUEUED, Reason.WAITING_FOR_TURN, id="drained"),
    pytest.param({}, [DRAINED], Phase.QUEUED, Reason.WAITING_FOR_TURN, id="drained, goal unknown"),
    pytest.param({}, [DRAINED | told(999)], Phase.QUEUED, Reason.WAITING_FOR_TURN, id="drained a step before the goal"),
    pytest.param({}, [LEFT, DRAINED], Phase.QUEUED, Reason.WAITING_FOR_TURN, id="one worker drained"),
    pytest.param({}, [{"deleting": True, "deletion": NOW - 25}], Phase.QUEUED, Reason.WAITING_FOR_TURN, id="pod deleted"),
    pytest.param({}, [{"reason": "NodeLost"}], Phase.QUEUED, Reason.WAITING_FOR_TURN, id="node lost"),
    pytest.param({}, [{"reason": "Terminated", "disruption": "TerminationByKubelet"}], Phase.QUEUED, Reason.WAITING_FOR_TURN, id="node shut down"),
    pytest.param({}, [{"reason": "Shutdown"}], Phase.QUEUED, Reason.WAITING_FOR_TURN, id="node shut down, as older kubelets say"),
    pytest.param({}, [{"reason": "Evicted"}], Phase.QUEUED, Reason.WAITING_FOR_TURN, id="evicted by the kubelet"),
    pytest.param({}, [{"disruption": "PreemptionByScheduler", "disrupted": NOW - 25}], Phase.QUEUED, Reason.WAITING_FOR_TURN, id="preempted by kube-scheduler"),
    pytest.param({}, [{"disruption": "DeletionByTaintManager"}], Phase.QUEUED, Reason.WAITING_FOR_TURN, id="taint manager"),
    pytest.param({}, [{"disruption": "SomethingNew"}], Phase.QUEUED, Reason.WAITING_FOR_TURN, id="a reason of a later Kubernetes"),
    pytest.param({"disrupted_attempt": 1, "disruption_reason": "EvictionByEvictionAPI"}, [], Phase.QUEUED, Reason.WAITING_FOR_TURN, id="drained, and the pod is gone"),
    pytest.param({"disrupted_attempt": 1, "disruption_reason": "EvictionByEvictionAPI"}, [LEFT], Phase.SUCCEEDED, "Succeeded", id="marked, and the mark was taken back"),
    pytest.param({}, [], Phase.QUEUED, Reason.WAITING_FOR_TURN, id="the pod is gone, goal unknown"),
    pytest.param(SHORT, [], Phase.QUEUED, Reason.WAITING_FOR_TURN, id="the pod is gone, goal not reached"),
    pytest.param(REACHED, [], Phase.SUCCEEDED, "Succeeded", id="the pod is gone, goal reached"),
    pytest.param({}, [{"disruption": "EvictionByEvictionAPI", "disrupted": NOW - 5, "deleting": True}], Phase.SUCCEEDED, "Succeeded", id="drained after the Job was complete"),
    pytest.param({}, [{"deleting": True, "deletion": NOW - 1}], Phase.SUCCEEDED, "Succeeded", id="deleted after the Job was complete"),
    pytest.param({}, [{"ended": NOW - 90, "disruption": "EvictionByEvictionAPI", "disrupted": NOW - 25}], Phase.SUCCEEDED, "Succeeded", id="drained long after its end"),
    pytest.param({"progress_attempt": 2, "steps_done": 1000, "steps_total": 1000}, [DRAINED], Phase.QUEUED, Reason.WAITING_FOR_TURN, id="progress of an attempt that never was"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "pods", "phase", "reason"), END)
def test_what_happened_decides(
    status: dict[str, Any], pods: list[dict[str, Any]], phase: Phase, reason: str
) -> None:
    found = ended(status, *pods)

    assert (found.phase, found.reason) == (phase, reason)


@pytest.mark.parametrize(
    ("status", "pod", "message"),
    [
        (REACHED, LEFT, "Trained to the end."),
        ({}, told(1000), "Trained to the end."),
        ({}, told(1000, 0), NO_GOAL),
        ({}, LEFT, NO_GOAL),
    ],
    ids=["goal reported", "goal in its last word", "steps without a goal", "nothing known"],
)
def test_success_says_only_what_is_known(
    status: dict[str, Any], pod: dict[str, Any], message: str
) -> None:
    found = ended(status, pod)

    assert (found.phase, found.message) == (Phase.SUCCEEDED, message)


def test_a_disruption_is_no_failure_and_waits_its_pause() -> None:
    found = ended({**SHORT, "failures": 1, "preemptions": 2}, DRAINED)

    assert "failures" not in found.changes
    assert (found.changes["preemptions"], found.changes["retryTime"]) == (3, text(10))
    assert "EvictionByEvictionAPI" in found.message
    assert found.changes["disruption"]["attempt"] == 1


def test_an_early_end_says_where_and_what_to_do() -> None:
    found = ended({}, told(16))

    assert "step 16 of 1000" in found.message
    failure = found.changes["failure"]
    assert (failure["class"], failure["message"]) == (
        "EndedEarly",
        "The program ended with exit code 0 at step 16 of 1000, before its goal.",
    )
    assert "goal(total_steps=" in failure["hint"]


LATER = [
    pytest.param(SHORT, [LEFT], -5.0, Phase.RUNNING, id="the report may still be on its way"),
    pytest.param(SHORT, [LEFT], 0.0, Phase.FAILED, id="a report of the end, and nothing after it"),
    pytest.param(LATE, [LEFT], 0.0, Phase.RUNNING, id="no report of the end"),
    pytest.param(LATE, [LEFT], 580.0, Phase.RUNNING, id="no report for nearly ten minutes"),
    pytest.param(LATE, [LEFT], 581.0, Phase.FAILED, id="no report for ten minutes"),
    pytest.param(LATE, [DRAINED], 580.0, Phase.RUNNING, id="drained, no report"),
    pytest.param(LATE, [DRAINED], 581.0, Phase.QUEUED, id="drained, no report for ten minutes"),
    pytest.param(LATE, [told(16)], -19.0, Phase.FAILED, id="its own word needs no report"),
    pytest.param({}, [], -5.0, Phase.RUNNING, id="the pod may still show"),
    pytest.param(SHORT | {"eta_at": NOW + 1e9}, [LEFT], 0.0, Phase.RUNNING, id="a report from the future is no report"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "pods", "after", "phase"), LATER)
def test_a_verdict_against_success_waits_for_the_last_report(
    status: dict[str, Any], pods: list[dict[str, Any]], after: float, phase: Phase
) -> None:
    found = ended(status, *pods, now=NOW + after)

    assert found.phase == phase
    if phase == Phase.RUNNING:
        assert found.wake is not None
        assert found.wake > NOW + after


ASKED = [
    pytest.param({"phase": Phase.STOPPING, "desired": STOPPED}, {}, Phase.STOPPED, id="stopped"),
    pytest.param({"phase": Phase.SUSPENDING, "desired": SUSPENDED}, {}, Phase.SUSPENDED, id="suspended"),
    pytest.param({"phase": Phase.SUSPENDING}, {"preempting": True}, Phase.QUEUED, id="preempted"),
    pytest.param({"phase": Phase.SUSPENDING}, {}, Phase.QUEUED, id="resumed meanwhile"),
    pytest.param({}, {"failed_attempt": 1, "failure_class": "DeadlineExceeded"}, Phase.FAILED, id="deadline"),
    pytest.param({}, {"failed_attempt": 1, "failure_class": "Stalled"}, Phase.QUEUED, id="stalled"),
]  # fmt: skip


@pytest.mark.parametrize(("session", "status", "phase"), ASKED)
def test_a_program_that_was_asked_to_end_has_not_trained_to_the_end(
    session: dict[str, Any], status: dict[str, Any], phase: Phase
) -> None:
    asked = {"deleting": True, "deletion": NOW - 30}
    assert ended(status, asked, job={"deleting": True}, **session).phase == phase
    done = ended({**REACHED, **status}, asked, job={"deleting": True}, **session)
    assert done.phase == Phase.SUCCEEDED


GANG = {"phase": Phase.RUNNING, "workers": 2}


def test_a_gang_that_lost_a_worker_to_the_cluster_leaves_as_a_whole() -> None:
    subject = make_session(**GANG, status=RAN)
    job = make_job(subject)
    lost = make_pod(job, subject, "Succeeded", worker=0, **DRAINED)
    left = make_pod(job, subject, worker=1)

    said = evaluated(subject, job, lost, left)
    assert (said.phase, said.reason) == (Phase.SUSPENDING, Reason.DISRUPTED)
    assert said.changes["disruption"]["reason"] == "EvictionByEvictionAPI"
    remembered = {"disrupted_attempt": 1, "disruption_reason": "EvictionByEvictionAPI"}
    subject = make_session(
        phase=Phase.SUSPENDING, workers=2, status={**RAN, **remembered, "disruption_message": "m"}
    )
    assert evaluated(subject, job, left).delete_jobs == (job,)
    gone = evaluated(subject, None)
    assert (gone.phase, gone.changes["preemptions"]) == (Phase.QUEUED, 1)
    assert "failures" not in gone.changes


def test_a_disruption_is_said_at_once_and_forgotten_when_it_is_taken_back() -> None:
    subject = make_session(phase=Phase.RUNNING, status=RAN)
    job = make_job(subject)
    marked = make_pod(job, subject, disruption="DeletionByTaintManager", deleting=True)
    found = evaluated(subject, job, marked)
    assert found.phase == Phase.RUNNING
    assert "kubectl delete node n1" in found.message
    assert found.changes["disruption"]["attempt"] == 1
    known = make_session(phase=Phase.RUNNING, status={**RAN, "disrupted_attempt": 1})
    assert evaluated(known, job, make_pod(job, known)).changes["disruption"] is None


CODES = [
    pytest.param("EvictionByEvictionAPI", 143, False, id="drained, killed by SIGTERM"),
    pytest.param("EvictionByEvictionAPI", 1, False, id="drained, and its handler ends with 1"),
    pytest.param("DeletionByPodGC", None, False, id="node gone"),
    pytest.param("TerminationByKubelet", 137, True, id="node short of memory or disk"),
]


@pytest.mark.parametrize(("disruption", "code", "counts"), CODES)
def test_whether_a_disruption_counts_depends_on_who_caused_it(
    disruption: str, code: int | None, counts: bool
) -> None:
    subject = make_session(phase=Phase.RUNNING, status=RAN)
    job = make_job(subject, finished="Failed")
    pod = make_pod(job, subject, "Failed", disruption=disruption, exit_code=code)
    found = evaluated(subject, job, pod)
    assert found.phase == Phase.QUEUED
    assert ("failures" in found.changes) is counts
    assert found.changes["failure"]["class"] in ("Evicted", "NodeLost")


def test_a_data_fault_stays_one_where_the_node_is_drained_as_well() -> None:
    subject = make_session(phase=Phase.RUNNING, status=RAN)
    job = make_job(subject, finished="Failed")
    pod = make_pod(job, subject, "Failed", disruption="EvictionByEvictionAPI", exit_code=65)
    found = evaluated(subject, job, pod)
    assert (found.phase, found.reason) == (Phase.FAILED, "BadData")
