"""A session that waits for its packages: what it is, and which Jobs are made and ended for it."""

# ruff: noqa: E501  # one case of a table is one line

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
from operator_state import (
    CONFIG,
    NOW,
    make_builder,
    make_builder_pod,
    make_job,
    make_pod,
    make_session,
    make_state,
    text,
)

from trainyard_api.phase import DesiredState, FailureClass, Phase, Reason
from trainyard_operator.core.actions import (
    CreateBuilder,
    CreateJob,
    DeleteJobs,
    PatchQueue,
    PatchStatus,
)
from trainyard_operator.core.config import EnvironmentConfig
from trainyard_operator.core.decide import decide
from trainyard_operator.core.environments.preparation import NO_PREPARATION, Preparation
from trainyard_operator.core.lifecycle import evaluate
from trainyard_operator.core.session_state import SessionState
from trainyard_scheduler.admissibility import ADMISSIBLE
from trainyard_scheduler.objects.model import BuilderJob, Pod, Session

LOCK = "a" * 64
IMAGE = "trainyard/trainer:1"
STATUS = {"environment": LOCK, "environment_image": IMAGE}


def session(name: str = "s1", **more: Any) -> Session:
    body = {"command": ["run"], "packages": {"requirements": ["einops"]}}
    spec = {"packages": True, "json": orjson.dumps(body), **more.pop("spec", {})}
    return make_session(name, spec=spec, **more)


def ended(code: int, **report: Any) -> dict[str, Any]:
    """Fields of a pod whose builder ended so."""
    message = orjson.dumps(report).decode() if report else ""
    return {
        "phase": "Succeeded" if code == 0 else "Failed",
        "exit_code": code,
        "termination_message": message,
        "ended": NOW - 5,
    }


def state_of(
    waits: Session, job: BuilderJob | None = None, pod: Pod | None = None, now: float = NOW
) -> SessionState:
    found = Preparation({job.number: job} if job else {}, {pod.uid: pod} if pod else {})
    return evaluate(waits, {}, {}, ADMISSIBLE, True, now, CONFIG, (), found)


MADE = {"environment": {"lock": LOCK, "packages": 7, "bytes": 9, "reused": False}}


def test_without_its_packages_a_session_is_pending_and_wants_an_installation() -> None:
    found = state_of(session())

    assert (found.phase, found.reason) == (Phase.PENDING, Reason.PREPARING_ENVIRONMENT)
    assert (found.in_queue, found.build) == (False, 1)


@pytest.mark.parametrize(
    ("status", "in_queue"),
    [
        ({"environment": LOCK, "environment_image": IMAGE}, True),
        ({"environment": LOCK}, True),
        ({"environment": LOCK, "environment_image": "trainyard/trainer:0"}, False),
        ({}, False),
    ],
    ids=["installed", "image unknown", "the runtime has another image now", "not installed"],
)
def test_with_its_packages_it_is_in_the_queue(status: dict[str, Any], in_queue: bool) -> None:
    found = state_of(session(status=status))

    assert found.in_queue is in_queue
    assert (found.build is None) is in_queue


def test_what_was_installed_stands_in_the_status() -> None:
    waits = session()
    job = make_builder(waits, finished="Complete", finish_time=NOW - 4)

    found = state_of(waits, job, make_builder_pod(job, **ended(0, **MADE)))

    assert found.phase == Phase.PENDING
    assert found.changes["environment"] == {"lock": LOCK, "packages": 7, "image": IMAGE}
    assert found.changes["environmentBuild"] == {"number": 1}
    (held,) = found.changes["allocations"]
    assert (held["kind"], held["outcome"], held["gpus"]) == ("Installation", "Succeeded", 0)


def again(failures: int, seconds: float, number: int = 1) -> dict[str, Any]:
    retry = text(seconds)
    return {"number": number, "failures": failures, "retryTime": retry}


AGAIN = {
    "the index does not answer": (ended(76, reason="IndexUnavailable", message="no answer"), {}, again(1, 60)),
    "for the second time": (ended(76, message="no answer"), {"build_failures": 1, "builds": 4}, again(2, 120, 5)),
    "for the third time": (ended(76, message="no answer"), {"build_failures": 2, "builds": 1}, again(3, 240, 2)),
    "the volume is full": (ended(73, reason="NoRoomForEnvironment", message="full"), {}, again(1, 60)),
    "killed": (ended(137), {}, again(1, 60)),
    "an unknown end": (ended(1), {}, again(1, 60)),
    "evicted": ({**ended(137), "disruption": "EvictionByEvictionAPI"}, {}, again(0, 10)),
    "its node is lost": ({"phase": "Failed", "reason": "NodeLost"}, {}, again(0, 10)),
    "asked to stop": (ended(75, interrupted=True), {"build_failures": 2}, again(2, 10)),
    "evicted for its own use": ({**ended(137), "reason": "Evicted"}, {}, again(1, 60)),
    "an end without a word": (ended(0), {}, again(1, 60)),
    "a lock that is none": (ended(0, environment={"lock": "../x"}), {}, again(1, 60)),
}  # fmt: skip


@pytest.mark.parametrize(("pod", "status", "build"), AGAIN.values(), ids=AGAIN)
def test_another_installation_follows(
    pod: dict[str, Any], status: dict[str, Any], build: dict[str, Any]
) -> None:
    waits = session(status=status)
    job = make_builder(
        waits,
        waits.status.builds + 1,
        finished="Complete" if pod.get("exit_code") == 0 else "Failed",
        finish_time=NOW - 4,
    )

    found = state_of(waits, job, make_builder_pod(job, **pod))

    assert found.phase == Phase.PENDING
    written = dict(found.changes["environmentBuild"])
    assert written.pop("message")
    assert written == build
    assert found.delete_jobs == ()


C = FailureClass
REFUSED = {
    "not to be had": (ended(65, reason="EnvironmentNotResolved", message="no einops==99"), {}, C.ENVIRONMENT_NOT_RESOLVED),
    "another torch": (ended(65, reason="TorchWouldBeReplaced", message="2.1, 2.15"), {}, C.TORCH_WOULD_BE_REPLACED),
    "an unknown word": (ended(65, reason="SomethingElse", message="no"), {}, C.ENVIRONMENT_NOT_RESOLVED),
    "wrong arguments": (ended(64, message="no file"), {}, C.ENVIRONMENT_NOT_RESOLVED),
    "the supervisor cannot start it": (ended(64, reason="ProgramNotFound", message="no python3"), {}, C.CONTAINER_CONFIG),
    "out of memory": ({**ended(137), "terminated_reason": "OOMKilled"}, {}, C.OUT_OF_MEMORY),
    "no answer for the fourth time": (ended(76, message="no answer"), {"build_failures": 3}, C.INDEX_UNAVAILABLE),
    "full for the fourth time": (ended(73, message="full"), {"build_failures": 3}, C.NO_ROOM_FOR_ENVIRONMENT),
    "killed for the fourth time": (ended(137), {"build_failures": 3}, C.ENVIRONMENT_NOT_BUILT),
}  # fmt: skip


@pytest.mark.parametrize(("pod", "status", "kind"), REFUSED.values(), ids=REFUSED)
def test_the_session_fails(pod: dict[str, Any], status: dict[str, Any], kind: FailureClass) -> None:
    waits = session(status=status)
    job = make_builder(waits, finished="Failed", finish_time=NOW - 4)

    found = state_of(waits, job, make_builder_pod(job, **pod))

    assert found.phase == Phase.FAILED
    failure = found.changes["failure"]
    assert failure["class"] == kind
    assert failure["hint"]
    words = orjson.loads(pod["termination_message"] or b"{}").get("message", "")
    assert words in failure["message"]
    assert found.changes["environmentBuild"] == {"number": 1}
    assert found.changes["completionTime"] == text(0)


def test_what_its_resolver_says_is_kept_and_control_characters_are_shown() -> None:
    waits = session()
    job = make_builder(waits, finished="Failed", finish_time=NOW - 4)
    report = {"reason": "EnvironmentNotResolved", "message": "no \x1b[1meinops", "hint": "ask less"}

    found = state_of(waits, job, make_builder_pod(job, **ended(65, **report)))

    failure = found.changes["failure"]
    assert (failure["hint"], failure["exitCode"]) == ("ask less", 65)
    assert "\x1b" not in failure["message"]


def test_the_job_alone_tells_the_end_where_its_pod_is_gone() -> None:
    waits = session()
    words = "Container builder for pod ns/x failed with exit code 76 matching FailJob rule"
    job = make_builder(waits, finished="Failed", finish_time=NOW - 60, message=words)

    found = state_of(waits, job)

    assert found.changes["environmentBuild"]["failures"] == 1


def test_it_waits_a_moment_for_the_pod_of_a_finished_job() -> None:
    waits = session()
    job = make_builder(waits, finished="Complete", finish_time=NOW - 2)

    found = state_of(waits, job)

    assert (found.delayed, found.wake) == (True, NOW + 8)
    assert found.changes == {}


def test_an_installation_that_takes_too_long_fails_the_session() -> None:
    waits = session()
    job = make_builder(
        waits,
        finished="Failed",
        reason="DeadlineExceeded",
        finish_time=NOW - 60,
        message="too long",
    )

    assert state_of(waits, job).changes["failure"]["class"] == C.ENVIRONMENT_NOT_BUILT


RUNNING: dict[str, tuple[dict[str, Any] | None, Phase, str]] = {
    "no pod yet": (None, Phase.PENDING, "are being installed"),
    "runs": ({"phase": "Running"}, Phase.PENDING, "trainyard logs s1"),
    "no node": ({"phase": "Pending", "unschedulable": "0/1 nodes"}, Phase.PENDING, "0/1 nodes"),
    "its image cannot be had yet": ({"phase": "Pending", "waiting_reason": "ImagePullBackOff", "waiting_message": "no such image"}, Phase.PENDING, "no such image"),
    "its image cannot be had": ({"phase": "Pending", "waiting_reason": "ImagePullBackOff", "waiting_message": "x", "scheduled": NOW - 120}, Phase.PENDING, "again in 60 s"),
    "its registry is away": ({"phase": "Pending", "waiting_reason": "ErrImagePull", "waiting_message": "i/o timeout", "scheduled": NOW - 120}, Phase.PENDING, "again in 10 s"),
    "its image is none": ({"phase": "Pending", "waiting_reason": "InvalidImageName", "waiting_message": "x"}, Phase.FAILED, "InvalidImage"),
    "its sandbox is not made": ({"phase": "Pending", "assigned": "n1", "waiting_reason": "ContainerCreating", "scheduled": NOW - 120}, Phase.PENDING, "again in 60 s"),
    "a Secret is not there": ({"phase": "Pending", "waiting_reason": "CreateContainerConfigError", "waiting_message": "no secret"}, Phase.FAILED, "no secret"),
    "our image cannot be had": ({"phase": "Pending", "setup_reason": "ImagePullBackOff", "setup_message": "y", "scheduled": NOW - 120}, Phase.PENDING, "again in 60 s"),
}  # fmt: skip


@pytest.mark.parametrize(("pod", "phase", "words"), RUNNING.values(), ids=RUNNING)
def test_an_installation_that_is_under_way(
    pod: dict[str, Any] | None, phase: Phase, words: str
) -> None:
    waits = session()
    job = make_builder(waits)

    found = state_of(waits, job, make_builder_pod(job, **pod) if pod else None)

    assert (found.phase, found.build, found.in_queue) == (phase, None, False)
    assert words in found.message


def test_a_job_that_was_given_up_is_ended_before_the_next() -> None:
    waits = session(status={"builds": 1})
    job = make_builder(waits)

    assert state_of(waits, job).delete_jobs == (job,)
    assert state_of(waits, replace(job, deleting=True)).build == 2


@pytest.mark.parametrize(
    ("phase", "desired", "deleted"),
    [
        (Phase.PENDING, DesiredState.STOPPED, False),
        (Phase.CANCELLED, DesiredState.STOPPED, True),
        (Phase.PENDING, DesiredState.SUSPENDED, False),
        (Phase.SUSPENDED, DesiredState.SUSPENDED, True),
        (Phase.FAILED, DesiredState.RUNNING, True),
        (Phase.PENDING, DesiredState.RUNNING, False),
    ],
    ids=["stop-said-first", "stopped", "suspend-said-first", "suspended", "failed", "wanted"],
)
def test_an_installation_that_nobody_wants_is_ended(
    phase: Phase, desired: DesiredState, deleted: bool
) -> None:
    waits = session(phase=phase, desired=desired)
    job = make_builder(waits)
    pod = make_builder_pod(job, phase="Running")

    assert bool(state_of(waits, job, pod).delete_jobs) is deleted


# ── packages that are gone when the program starts ────────────────────────────────────────────────────────


def gone(attempt: int = 1, missing: tuple[int, int] = (0, 0), **more: Any) -> SessionState:
    """After `attempt`; `missing` is the last attempt that found them removed, and how many in a row."""
    status = {**STATUS, "attempt": attempt, "failures": 1}
    status |= {"missing_attempt": missing[0], "missing_times": missing[1]}
    runs = session(phase=Phase.STARTING, status=status, **more)
    job = make_job(runs, attempt, finished="Failed")
    report = orjson.dumps({"reason": "EnvironmentGone", "message": "not there"}).decode()
    pod = make_pod(job, runs, "Failed", exit_code=64, termination_message=report, ended=NOW - 3)
    return evaluate(
        runs, {attempt: job}, {pod.uid: pod}, ADMISSIBLE, True, NOW, CONFIG, (), NO_PREPARATION
    )


@pytest.mark.parametrize(
    ("attempt", "missing", "times"),
    [(1, (0, 0), 1), (2, (1, 1), 2), (4, (3, 3), 4), (5, (3, 3), 1), (9, (1, 3), 1)],
    ids=["first", "again", "fourth in a row", "after one that started", "long ago"],
)
def test_packages_that_are_gone_again_and_again_end_the_session(
    attempt: int, missing: tuple[int, int], times: int
) -> None:
    found = gone(attempt, missing)

    if times <= 3:
        assert (found.phase, found.reason) == (Phase.PENDING, Reason.PREPARING_ENVIRONMENT)
        assert found.changes["environmentMissing"] == {"attempt": attempt, "times": times}
        return
    assert (found.phase, found.reason) == (Phase.FAILED, C.ENVIRONMENT_GONE)
    assert "removed from the volume 4 times in a row" in found.message
    assert "environments.maxBytes" in found.changes["failure"]["hint"]


def test_packages_that_are_gone_are_installed_again_and_use_no_retry() -> None:
    found = gone()

    assert (found.phase, found.reason) == (Phase.PENDING, Reason.PREPARING_ENVIRONMENT)
    assert found.changes["environment"] is None
    assert not {"failure", "failures", "preemptions"} & found.changes.keys()


def test_a_session_that_was_stopped_meanwhile_is_stopped() -> None:
    assert gone(desired=DesiredState.STOPPED).phase == Phase.STOPPED


# ── places for installations ──────────────────────────────────────────────────────────────────────────────


def writes(*items: Any, most: int = 2, starting: tuple[str, ...] = ()) -> list[Any]:
    state = make_state(*items)
    for uid in starting:
        state.begin(uid)
        state.builders.starting.add(uid)
    config = replace(CONFIG, environments=EnvironmentConfig(max_builders=most))
    return [w for w in decide(state, NOW, config).writes if not isinstance(w, PatchQueue)]


def started(*items: Any, **more: Any) -> list[str]:
    return [w.uid for w in writes(*items, **more) if isinstance(w, CreateBuilder)]


def test_the_oldest_session_goes_first_and_only_as_many_as_are_allowed() -> None:
    waiting = [session(f"s{n}", created=NOW - n) for n in range(5)]

    assert started(*waiting) == ["uid-s4", "uid-s3"]


def test_installations_that_run_or_are_being_started_take_places() -> None:
    waiting = [session(f"s{n}", created=NOW - n) for n in range(5)]
    job = make_builder(waiting[4])

    assert started(*waiting, job) == ["uid-s3"]
    assert started(*waiting, job, starting=("uid-s3",)) == []
    assert started(*waiting, replace(job, finished="Failed")) == ["uid-s3", "uid-s2"]


def test_a_job_of_a_session_that_is_gone_takes_its_place_until_it_is_gone() -> None:
    job = make_builder(session("gone"))

    assert started(session("s1"), job, most=1) == []
    assert started(session("s1"), replace(job, finished="Complete"), most=1) == ["uid-s1"]


def test_a_session_without_its_packages_holds_nothing_of_the_queue() -> None:
    """Another session takes all GPUs meanwhile."""
    waits = session("s1", gpus=4, created=NOW - 100)
    runs = make_session("s2", gpus=4)

    found = writes(waits, runs, make_builder(waits))

    assert [w.uid for w in found if isinstance(w, CreateJob)] == ["uid-s2"]


def test_its_status_says_that_it_prepares_once_the_job_is_there() -> None:
    waits = session("s1")

    assert [type(w) for w in writes(waits)] == [CreateBuilder]
    (patch,) = [w for w in writes(waits, make_builder(waits)) if isinstance(w, PatchStatus)]
    status = patch.patch["status"]
    assert status["phase"] == "Pending"
    (admitted,) = [c for c in status["conditions"] if c["type"] == "Admitted"]
    assert (admitted["status"], admitted["reason"]) == ("False", "PreparingEnvironment")


def test_a_stopped_session_loses_its_job() -> None:
    stopped = session("s1", phase=Phase.CANCELLED, desired=DesiredState.STOPPED)

    (delete,) = writes(stopped, make_builder(stopped))

    assert isinstance(delete, DeleteJobs)
    assert delete.jobs == ((make_builder(stopped).name, "builder-s1-1"),)
