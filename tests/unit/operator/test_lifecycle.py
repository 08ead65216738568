"""`evaluate` as a truth table: what exists → phase, reason, what is done about it."""

# ruff: noqa: E501  # one case of a table is one line

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from operator_state import CONFIG, NOW, make_job, make_pod, make_session, text

from trainyard_api.phase import DesiredState, Phase, Reason
from trainyard_operator.core.lifecycle import evaluate
from trainyard_operator.core.session_state import SessionState
from trainyard_scheduler.admissibility import ADMISSIBLE, Admissibility
from trainyard_scheduler.objects.model import Job, Pod, Session

STOPPED, SUSPENDED = DesiredState.STOPPED, DesiredState.SUSPENDED
FOUND = (("d", "Found"),)
REFUSED = Admissibility(False, Reason.NEVER_FITS, "too large")


def state_of(
    session: Session,
    *found: Job | Pod,
    admissibility: Admissibility = ADMISSIBLE,
    resume_ready: bool = True,
    now: float = NOW,
) -> SessionState:
    jobs = {item.attempt: item for item in found if isinstance(item, Job)}
    pods = {item.uid: item for item in found if isinstance(item, Pod)}
    return evaluate(session, jobs, pods, admissibility, resume_ready, now, CONFIG)


# ── no attempt is open ────────────────────────────────────────────────────────────────────────────────────

WAITING = [
    pytest.param({}, {}, Phase.QUEUED, Reason.WAITING_FOR_TURN, True, id="fresh"),
    pytest.param(
        {"desired": STOPPED},
        {},
        Phase.CANCELLED,
        Reason.STOPPED_BY_OWNER,
        False,
        id="stopped-fresh",
    ),
    pytest.param(
        {"desired": SUSPENDED},
        {},
        Phase.SUSPENDED,
        Reason.SUSPENDED_BY_OWNER,
        False,
        id="suspended-fresh",
    ),
    pytest.param(
        {"phase": Phase.QUEUED, "desired": STOPPED},
        {},
        Phase.CANCELLED,
        Reason.STOPPED_BY_OWNER,
        False,
        id="stopped-queued",
    ),
    pytest.param(
        {"phase": Phase.QUEUED, "desired": SUSPENDED},
        {},
        Phase.SUSPENDED,
        Reason.SUSPENDED_BY_OWNER,
        False,
        id="suspended-queued",
    ),
    pytest.param(
        {"phase": Phase.SUSPENDED}, {}, Phase.QUEUED, Reason.WAITING_FOR_TURN, True, id="resumed"
    ),
    pytest.param(
        {"phase": Phase.SUSPENDED, "status": {"attempt": 2}, "desired": STOPPED},
        {},
        Phase.STOPPED,
        Reason.STOPPED_BY_OWNER,
        False,
        id="stopped-suspended",
    ),
    pytest.param(
        {}, {"admissibility": REFUSED}, Phase.PENDING, Reason.NEVER_FITS, False, id="refused"
    ),
    pytest.param(
        {"desired": STOPPED},
        {"admissibility": REFUSED},
        Phase.CANCELLED,
        Reason.STOPPED_BY_OWNER,
        False,
        id="refused-stopped",
    ),
    pytest.param(
        {"spec": {"datasets": ("d",)}},
        {},
        Phase.PENDING,
        Reason.DATASET_UNKNOWN_YET,
        False,
        id="dataset-unknown",
    ),
    pytest.param(
        {"spec": {"datasets": ("d",)}, "status": {"dataset_states": (("d", "NotFound"),)}},
        {},
        Phase.PENDING,
        Reason.DATASET_NOT_FOUND,
        False,
        id="dataset-missing",
    ),
    pytest.param(
        {
            "spec": {"datasets": ("d",)},
            "status": {"dataset_states": FOUND, "dataset_problem": "no column 'y'"},
        },
        {},
        Phase.PENDING,
        Reason.DATASET_DOES_NOT_FIT,
        False,
        id="dataset-does-not-fit",
    ),
    pytest.param(
        {"spec": {"datasets": ("d",)}, "status": {"dataset_states": FOUND}},
        {},
        Phase.QUEUED,
        Reason.WAITING_FOR_TURN,
        True,
        id="dataset-found",
    ),
    pytest.param(
        {"spec": {"datasets": ("d", "e")}, "status": {"dataset_states": FOUND}},
        {},
        Phase.PENDING,
        Reason.DATASET_UNKNOWN_YET,
        False,
        id="second-dataset-unknown",
    ),
    pytest.param(
        {
            "spec": {"datasets": ("d", "e")},
            "status": {"dataset_states": (*FOUND, ("e", "NotFound"))},
        },
        {},
        Phase.PENDING,
        Reason.DATASET_NOT_FOUND,
        False,
        id="second-dataset-missing",
    ),
    pytest.param(
        {
            "spec": {"datasets": ("d", "e")},
            "status": {"dataset_states": (*FOUND, ("f", "Found"))},
        },
        {},
        Phase.PENDING,
        Reason.DATASET_UNKNOWN_YET,
        False,
        id="another-dataset-found-than-the-second",
    ),
    pytest.param(
        {
            "spec": {"datasets": ("d", "e")},
            "status": {"dataset_states": (*FOUND, ("e", "Found"))},
        },
        {},
        Phase.QUEUED,
        Reason.WAITING_FOR_TURN,
        True,
        id="both-datasets-found",
    ),
    pytest.param(
        {"spec": {"code": "c" * 64}},
        {},
        Phase.PENDING,
        Reason.CODE_UNKNOWN_YET,
        False,
        id="code-unknown",
    ),
    pytest.param(
        {"spec": {"code": "c" * 64}, "status": {"code_state": "NotFound"}},
        {},
        Phase.PENDING,
        Reason.CODE_NOT_FOUND,
        False,
        id="code-missing",
    ),
    pytest.param(
        {"spec": {"code": "c" * 64}, "status": {"code_state": "Found"}},
        {},
        Phase.QUEUED,
        Reason.WAITING_FOR_TURN,
        True,
        id="code-found",
    ),
    pytest.param(
        {"spec": {"resume_session": "x"}},
        {"resume_ready": False},
        Phase.PENDING,
        Reason.RESUME_SOURCE_NOT_FOUND,
        False,
        id="fork-of-nothing",
    ),
    pytest.param(
        {"phase": Phase.QUEUED, "status": {"attempt": 1, "retry": NOW + 5}},
        {},
        Phase.QUEUED,
        Reason.WAITING_FOR_RETRY,
        False,
        id="back-off",
    ),
    pytest.param(
        {"phase": Phase.QUEUED, "status": {"attempt": 1, "retry": NOW}},
        {},
        Phase.QUEUED,
        Reason.WAITING_FOR_TURN,
        True,
        id="back-off-over",
    ),
    pytest.param(
        {"deleting": True}, {}, Phase.CANCELLED, Reason.STOPPED_BY_OWNER, False, id="being-deleted"
    ),
]


@pytest.mark.parametrize(("session", "around", "phase", "reason", "in_queue"), WAITING)
def test_waiting(
    session: dict[str, Any], around: dict[str, Any], phase: Phase, reason: Reason, in_queue: bool
) -> None:
    found = state_of(make_session(**session), **around)
    assert (found.phase, found.reason, found.in_queue) == (phase, reason, in_queue)
    assert not found.delete_jobs


def test_the_next_attempt_waits_for_the_pods_of_the_last() -> None:
    session = make_session(phase=Phase.QUEUED, status={"attempt": 1, "queued": NOW})
    job = make_job(session, finished="Failed")
    found = state_of(session, job, make_pod(job, session, deleting=True))
    assert (found.reason, found.in_queue) == (Reason.WAITING_FOR_PREVIOUS_PODS, False)


# ── an attempt is open ────────────────────────────────────────────────────────────────────────────────────

RAN = {"attempt": 1, "attempt_started": NOW - 40, "started": NOW - 40, "queued": NOW - 90}
IMAGE = {"waiting_reason": "ImagePullBackOff", "waiting_message": "no such image"}

INTERRUPTED = '{"interrupted": true, "programExit": 0}'
OPEN = [
    pytest.param({}, {}, None, Phase.STARTING, Reason.PODS_STARTING, id="no-pod-yet"),
    pytest.param({}, {}, {"phase": "Pending"}, Phase.STARTING, Reason.PODS_STARTING, id="pod-pending"),
    pytest.param({}, {}, {}, Phase.RUNNING, Reason.PODS_RUNNING, id="pod-running"),
    pytest.param({}, {"finished": "Complete"}, {"phase": "Succeeded"}, Phase.SUCCEEDED, Reason.SUCCEEDED, id="complete"),
    pytest.param({"desired": STOPPED}, {"finished": "Complete"}, {"phase": "Succeeded"}, Phase.SUCCEEDED, Reason.SUCCEEDED, id="complete-before-stop"),
    pytest.param({"desired": STOPPED}, {}, {}, Phase.STOPPING, Reason.STOPPED_BY_OWNER, id="stop"),
    pytest.param({"desired": SUSPENDED}, {}, {}, Phase.SUSPENDING, Reason.SUSPENDED_BY_OWNER, id="suspend"),
    pytest.param({"desired": STOPPED}, {"finished": "Failed"}, {"phase": "Failed", "exit_code": 75}, Phase.STOPPED, Reason.STOPPED_BY_OWNER, id="stopped"),
    pytest.param({"desired": SUSPENDED}, {"finished": "Failed"}, {"phase": "Failed", "exit_code": 1}, Phase.SUSPENDED, Reason.SUSPENDED_BY_OWNER, id="suspended-whatever-the-code"),
    pytest.param({}, {"finished": "Failed"}, {"phase": "Failed", "exit_code": 1}, Phase.QUEUED, Reason.WAITING_FOR_RETRY, id="retryable"),
    pytest.param({}, {"finished": "Failed"}, {"phase": "Failed", "exit_code": 64}, Phase.FAILED, "BadConfiguration", id="final"),
    pytest.param({}, {"finished": "Failed"}, {"phase": "Failed", "exit_code": 75, "termination_message": INTERRUPTED}, Phase.QUEUED, Reason.WAITING_FOR_TURN, id="interrupted"),
    pytest.param({}, {"finished": "Failed"}, {"phase": "Failed", "exit_code": 75}, Phase.QUEUED, Reason.WAITING_FOR_RETRY, id="left-by-itself"),
    pytest.param({"spec": {"retry_limit": 0}}, {"finished": "Failed"}, {"phase": "Failed", "exit_code": 75}, Phase.FAILED, "ProgramError", id="left-by-itself-without-retries"),
    pytest.param({"spec": {"retry_limit": 0}}, {"finished": "Failed"}, {"phase": "Failed", "exit_code": 75, "disruption": "EvictionByEvictionAPI"}, Phase.QUEUED, Reason.WAITING_FOR_TURN, id="left-in-a-drain"),
    pytest.param({"spec": {"retry_limit": 0}}, {"finished": "Failed"}, {"phase": "Failed", "exit_code": 75, "termination_message": INTERRUPTED, "reason": "Evicted"}, Phase.FAILED, "Evicted", id="interrupted-by-the-kubelet"),
    pytest.param({"spec": {"retry_limit": 0}}, {"finished": "Failed"}, {"phase": "Failed", "exit_code": 1}, Phase.FAILED, "ProgramError", id="no-retries"),
    pytest.param({}, {}, {"phase": "Pending", **IMAGE}, Phase.STARTING, Reason.PODS_STARTING, id="bad-image-said-first"),
    pytest.param({}, {}, {"phase": "Failed", "exit_code": 1}, Phase.STARTING, Reason.PODS_STARTING, id="pod-failed-before-job"),
    pytest.param({"spec": {"max_runtime": 30}}, {}, {}, Phase.STARTING, Reason.PODS_STARTING, id="overdue-said-first"),
]  # fmt: skip


@pytest.mark.parametrize(("session", "job", "pod", "phase", "reason"), OPEN)
def test_open_attempt(
    session: dict[str, Any],
    job: dict[str, Any],
    pod: dict[str, Any] | None,
    phase: Phase,
    reason: str,
) -> None:
    subject = make_session(phase=Phase.STARTING, **{"status": {"attempt": 1}, **session})
    its_job = make_job(subject, **job)
    pods = [] if pod is None else [make_pod(its_job, subject, **pod)]
    found = state_of(subject, its_job, *pods)
    assert (found.phase, found.reason) == (phase, reason)
    assert not found.delete_jobs, "the status comes first"


LEAVING = [
    pytest.param({"phase": Phase.STOPPING, "desired": STOPPED}, id="stopping"),
    pytest.param({"phase": Phase.SUSPENDING, "desired": SUSPENDED}, id="suspending"),
    pytest.param({"phase": Phase.SUSPENDING}, id="resumed-while-suspending"),
    pytest.param({"phase": Phase.SUSPENDING, "status": {**RAN, "preempting": True}}, id="preempted"),
    pytest.param({"phase": Phase.RUNNING, "status": {**RAN, "failed_attempt": 1, "failure_class": "Stalled"}}, id="stalled"),
    pytest.param({"phase": Phase.STARTING, "status": {"attempt": 1, "failed_attempt": 1, "failure_class": "ImageUnavailable"}}, id="bad-image"),
    pytest.param({"phase": Phase.STOPPING, "deleting": True}, id="being-deleted"),
]  # fmt: skip


@pytest.mark.parametrize("session", LEAVING)
def test_the_job_goes_once_the_status_says_so(session: dict[str, Any]) -> None:
    subject = make_session(**{"status": RAN, **session})
    job = make_job(subject)
    found = state_of(subject, job, make_pod(job, subject))
    assert found.delete_jobs == (job,)
    deleting = make_job(subject, deleting=True)
    assert not state_of(subject, deleting, make_pod(deleting, subject)).delete_jobs


GONE = [
    pytest.param(Phase.RUNNING, {}, {}, Phase.QUEUED, Reason.WAITING_FOR_RETRY, id="deleted-from-outside"),
    pytest.param(Phase.RUNNING, {"spec": {"retry_limit": 0}}, {}, Phase.FAILED, "JobDeleted", id="deleted-no-retries"),
    pytest.param(Phase.SUSPENDING, {}, {"preempting": True}, Phase.QUEUED, Reason.WAITING_FOR_TURN, id="preempted"),
    pytest.param(Phase.SUSPENDING, {"desired": SUSPENDED}, {}, Phase.SUSPENDED, Reason.SUSPENDED_BY_OWNER, id="suspended"),
    pytest.param(Phase.SUSPENDING, {}, {}, Phase.QUEUED, Reason.WAITING_FOR_TURN, id="resumed-meanwhile"),
    pytest.param(Phase.SUSPENDING, {"desired": SUSPENDED}, {"preempting": True}, Phase.SUSPENDED, Reason.SUSPENDED_BY_OWNER, id="suspended-while-preempted"),
    pytest.param(Phase.STOPPING, {"desired": STOPPED}, {}, Phase.STOPPED, Reason.STOPPED_BY_OWNER, id="stopped"),
    pytest.param(Phase.RUNNING, {}, {"failed_attempt": 1, "failure_class": "Stalled"}, Phase.QUEUED, Reason.WAITING_FOR_RETRY, id="stalled"),
    pytest.param(Phase.RUNNING, {}, {"failed_attempt": 1, "failure_class": "DeadlineExceeded"}, Phase.FAILED, "DeadlineExceeded", id="deadline"),
]  # fmt: skip


@pytest.mark.parametrize(("phase", "session", "status", "then", "reason"), GONE)
def test_the_job_is_gone(
    phase: Phase, session: dict[str, Any], status: dict[str, Any], then: Phase, reason: str
) -> None:
    subject = make_session(phase=phase, status={**RAN, **status}, **session)
    found = state_of(subject)
    assert (found.phase, found.reason) == (then, reason)
    assert found.changes["runSeconds"] == 40


def test_pods_that_are_still_ending_hold_the_account_open() -> None:
    subject = make_session(phase=Phase.SUSPENDING, status={**RAN, "preempting": True})
    ghost = make_job(subject)
    found = state_of(subject, make_pod(ghost, subject, deleting=True))
    assert (found.phase, found.reason) == (Phase.SUSPENDING, Reason.PREEMPTED)


@pytest.mark.parametrize(
    ("failures", "pause"), [(0, 10), (1, 20), (2, 40)], ids=["first", "second", "third"]
)
def test_the_pause_doubles(failures: int, pause: int) -> None:
    subject = make_session(phase=Phase.RUNNING, status={**RAN, "failures": failures})
    job = make_job(subject, finished="Failed")
    found = state_of(subject, job, make_pod(job, subject, phase="Failed", exit_code=1))
    assert found.changes["retryTime"] == text(pause)
    assert found.changes["failures"] == failures + 1


def test_age_is_kept_over_preemption_and_lost_by_suspension() -> None:
    preempted = make_session(phase=Phase.SUSPENDING, status={**RAN, "preempting": True})
    assert state_of(preempted).changes["queuedTime"].startswith(text(-90)[:-1])
    assert state_of(preempted).changes["preemptions"] == 1
    suspended = make_session(phase=Phase.SUSPENDING, status=RAN, desired=SUSPENDED)
    assert state_of(suspended).changes["queuedTime"] is None


def test_an_attempt_counts_from_its_job_even_before_the_status_knows() -> None:
    subject = make_session(phase=Phase.QUEUED, status={"attempt": 1, "queued": NOW})
    job = make_job(subject, attempt=2)
    found = state_of(subject, job, make_pod(job, subject))
    assert (found.phase, found.changes["attempt"]) == (Phase.RUNNING, 2)


def test_starting_is_not_worth_a_write_for_three_seconds() -> None:
    subject = make_session(phase=Phase.QUEUED, status={"queued": NOW})
    young, old = make_job(subject, created=NOW - 1), make_job(subject, created=NOW - 3)
    assert state_of(subject, young).delayed
    assert state_of(subject, young).wake == NOW + 2
    assert not state_of(subject, old).delayed


@pytest.mark.parametrize(
    ("ends", "delayed", "message"),
    [
        ((-1, -4), True, "All workers have ended; waits for Job s1-"),
        ((-10, -19), False, "All workers have ended; waits for Job s1-"),
        ((3, -9), True, "All workers have ended; waits for Job s1-"),
        ((60, 60), False, "All workers have ended; waits for Job s1-"),
        ((-1, None), False, "A worker is gone, and Job s1-"),
    ],
    ids=["just now", "long ago", "one just now", "in the future", "one gone"],
)
def test_the_end_of_all_workers_is_not_worth_a_write_for_ten_seconds(
    ends: tuple[int, int | None], delayed: bool, message: str
) -> None:
    subject = make_session(workers=2, phase=Phase.RUNNING, status=RAN)
    job = make_job(subject)
    pods = [
        make_pod(job, subject, "Succeeded", worker=worker, ended=NOW + end)
        for worker, end in enumerate(ends)
        if end is not None
    ]
    found = state_of(subject, job, *pods)
    assert (found.phase, found.delayed) == (Phase.RUNNING, delayed)
    assert found.message.startswith(message)
    assert found.wake == (NOW + max(e for e in ends if e is not None) + 10 if delayed else None)


def test_a_gang_runs_when_all_its_workers_do() -> None:
    subject = make_session(workers=2, phase=Phase.STARTING, status={"attempt": 1})
    job = make_job(subject)
    first = make_pod(job, subject, worker=0, started=NOW - 9)
    second = make_pod(job, subject, worker=1, started=NOW - 5)
    assert state_of(subject, job, first).phase == Phase.STARTING
    found = state_of(subject, job, first, second)
    assert (found.phase, found.changes["attemptStartTime"]) == (Phase.RUNNING, text(-5))


def test_a_stall_is_measured_from_the_last_step() -> None:
    spec = {"stall_timeout": 30}
    status = {**RAN, "progress_attempt": 1, "stepped": NOW - 29}
    fresh = make_session(phase=Phase.RUNNING, spec=spec, status=status)
    job = make_job(fresh)
    pod = make_pod(job, fresh)
    assert state_of(fresh, job, pod).wake == NOW + 1
    stalled = state_of(fresh, job, pod, now=NOW + 1)
    assert stalled.changes["failure"]["class"] == "Stalled"
    foreign = make_session(phase=Phase.RUNNING, spec=spec, status={**status, "progress_attempt": 0})
    assert state_of(foreign, job, pod).changes["failure"]["class"] == "Stalled"


def test_a_node_whose_clock_is_behind_makes_no_session_overdue() -> None:
    spec = {"stall_timeout": 600, "max_runtime": 600}
    fresh = make_session(phase=Phase.STARTING, spec=spec, status={"attempt": 1})
    job = make_job(fresh, created=NOW - 50)
    pod = make_pod(job, fresh, started=NOW - 3600)
    found = state_of(fresh, job, pod)

    assert (found.phase, found.changes["attemptStartTime"]) == (Phase.RUNNING, text(-50))
    assert found.wake == NOW + 550


@pytest.mark.parametrize(
    ("ended", "seconds"), [(NOW - 3580, 20), (None, 50)], ids=["by its own clock", "pod is gone"]
)
def test_the_run_time_on_a_node_whose_clock_is_behind(ended: float | None, seconds: int) -> None:
    subject = make_session(phase=Phase.RUNNING, status={"attempt": 1})
    job = make_job(subject, created=NOW - 50, finished="Failed", finish_time=NOW)
    pod = make_pod(job, subject, "Failed", started=NOW - 3600, ended=ended)
    found = state_of(subject, job, pod)

    assert (found.changes["runSeconds"], found.changes["attemptStartTime"]) == (seconds, text(-50))


def test_pods_that_never_appear_are_a_failure() -> None:
    subject = make_session(phase=Phase.STARTING, status={"attempt": 1})
    found = state_of(subject, make_job(subject, created=NOW - 120))
    assert found.changes["failure"]["class"] == "PodRefused"


@pytest.mark.parametrize("phase", [Phase.SUCCEEDED, Phase.FAILED, Phase.STOPPED, Phase.CANCELLED])
@pytest.mark.parametrize("desired", list(DesiredState))
def test_the_end_never_changes(phase: Phase, desired: DesiredState) -> None:
    subject = make_session(phase=phase, desired=desired, status={**RAN, "completed": NOW - 5})
    job = make_job(subject, finished="Failed")
    found = state_of(subject, job, make_pod(job, subject, phase="Failed", exit_code=1))
    assert (found.phase, dict(found.changes), found.in_queue) == (phase, {}, False)


def test_an_end_that_was_written_by_hand_frees_the_gpus() -> None:
    subject = make_session(phase=Phase.SUCCEEDED, status=RAN)
    job = make_job(subject)
    assert state_of(subject, job, make_pod(job, subject)).delete_jobs == (job,)


def test_time_to_live() -> None:
    status = {**RAN, "completed": NOW - 5}
    young = make_session(phase=Phase.FAILED, spec={"ttl": 6}, status=status)
    assert (state_of(young).delete_session, state_of(young).wake) == (False, NOW + 1)
    assert state_of(young, now=NOW + 1).delete_session


@pytest.mark.parametrize(
    ("own", "configured", "kept"),
    [(None, None, None), (None, 60, 60), (5, 60, 5), (0, 60, 0), (5, None, 5)],
    ids=["not-set", "administrator", "session-first", "session-zero", "session-only"],
)
def test_how_long_a_finished_session_is_kept(
    own: int | None, configured: int | None, kept: int | None
) -> None:
    status = {**RAN, "completed": NOW}
    subject = make_session(phase=Phase.FAILED, spec={"ttl": own}, status=status)
    config = replace(CONFIG, retention_seconds=configured)

    found = evaluate(subject, {}, {}, ADMISSIBLE, True, NOW, config)

    assert found.delete_session is (kept == 0)
    assert found.wake == (None if not kept else NOW + kept)


CRASH = {"exit_code": 1, "termination_message": "start at 0x7f01\nKeyError: 'cost'"}
BEFORE = {
    "failed_attempt": 1,
    "failure_class": "ProgramError",
    "failure_exit_code": 1,
    "failure_message": "Worker 0 ended with exit code 1. Its last line: KeyError: 'cost'",
    "failure_line": "KeyError: 'cost'",
    "failure_alike": 1,
}
AGAIN = [
    pytest.param({}, {}, Phase.FAILED, id="alike"),
    pytest.param({"failure_line": "KeyError: 'x'"}, {}, Phase.QUEUED, id="another error"),
    pytest.param({"failure_exit_code": 2}, {}, Phase.QUEUED, id="another code"),
    pytest.param({"failure_class": "OutOfMemory"}, {}, Phase.QUEUED, id="another class"),
    pytest.param({"failure_message": "x"}, {}, Phase.QUEUED, id="another message"),
    pytest.param({"progress_attempt": 1, "steps_done": 1}, {}, Phase.QUEUED, id="a step before"),
    pytest.param({"progress_attempt": 2, "steps_done": 1}, {}, Phase.QUEUED, id="a step now"),
    pytest.param({"progress_attempt": 2, "epochs_done": 1}, {}, Phase.QUEUED, id="an epoch"),
    pytest.param({"progress_attempt": 1, "checkpoint": NOW}, {}, Phase.QUEUED, id="a checkpoint"),
    pytest.param({"progress_attempt": 2}, {}, Phase.FAILED, id="a sign of life only"),
    pytest.param({"failed_attempt": 0, "failure_alike": 0}, {}, Phase.QUEUED, id="the first failure"),
    pytest.param({"failure_class": "Killed"}, {"exit_code": 137}, Phase.QUEUED, id="killed from outside"),
    pytest.param({"failure_line": "start at 0x7f02", "failure_message": "Worker 0 ended with exit code 1. Its last line: start at 0x7f02"}, {"termination_message": "start at 0x7fff"}, Phase.FAILED, id="other numbers"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "pod", "phase"), AGAIN)
def test_a_program_that_fails_twice_alike_before_its_first_step(
    status: dict[str, Any], pod: dict[str, Any], phase: Phase
) -> None:
    known = {**RAN, "attempt": 2, "failures": 1, **BEFORE, **status}
    subject = make_session(phase=Phase.RUNNING, status=known)
    job = make_job(subject, attempt=2, finished="Failed")
    found = state_of(subject, job, make_pod(job, subject, "Failed", **{**CRASH, **pod}))

    assert found.phase == phase
    assert found.changes["failure"]["alike"] == (2 if phase == Phase.FAILED else 1)
    assert ("not tried again" in found.message) == (phase == Phase.FAILED)


START = [
    pytest.param({}, {}, Phase.FAILED, id="at-its-start"),
    pytest.param({}, {"exit_code": 3}, Phase.FAILED, id="any-code-of-its-own"),
    pytest.param({"steps_done": 1, "progress_attempt": 1}, {}, Phase.QUEUED, id="after-a-step"),
    pytest.param({"epochs_done": 1, "progress_attempt": 1}, {}, Phase.QUEUED, id="after-an-epoch"),
    pytest.param({"checkpoint": NOW, "progress_attempt": 1}, {}, Phase.QUEUED, id="after-a-checkpoint"),
    pytest.param({}, {"termination_message": '{"end": {"step": 1}}'}, Phase.QUEUED, id="a-step-that-only-the-pod-knows"),
    pytest.param({}, {"termination_message": '{"end": {"step": 0}}'}, Phase.FAILED, id="no-step-says-the-pod"),
    pytest.param({}, {"started": NOW - 301}, Phase.QUEUED, id="after-five-minutes"),
    pytest.param({}, {"exit_code": 137}, Phase.QUEUED, id="killed"),
    pytest.param({}, {"exit_code": 69}, Phase.QUEUED, id="out-of-memory"),
    pytest.param({}, {"exit_code": 75}, Phase.FAILED, id="its-own-75"),
    pytest.param({}, {"exit_code": 75, "termination_message": INTERRUPTED}, Phase.QUEUED, id="interrupted"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "pod", "phase"), START)
def test_a_program_that_fails_at_its_start_is_not_tried_again(
    status: dict[str, Any], pod: dict[str, Any], phase: Phase
) -> None:
    subject = make_session(phase=Phase.RUNNING, status={**RAN, **status})
    job = make_job(subject, finished="Failed")
    ended = {**CRASH, "started": NOW - 20, "ended": NOW, **pod}
    found = state_of(subject, job, make_pod(job, subject, "Failed", **ended))

    assert found.phase == phase
    assert ("the same program is not tried again" in found.message) == (phase == Phase.FAILED)


def test_a_failure_that_was_recorded_before_its_pods_were_gone_counts_once() -> None:
    recorded = {**BEFORE, "failed_attempt": 2, "failure_alike": 2}
    subject = make_session(phase=Phase.RUNNING, status={**RAN, "attempt": 2, **recorded})
    found = state_of(subject)
    assert found.phase == Phase.FAILED
    assert "not tried again" in found.message
