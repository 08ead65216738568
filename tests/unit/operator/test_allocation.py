"""What ended attempts and installations held: pods and what the status knows → the record."""

from __future__ import annotations

from typing import Any

import pytest
from operator_state import CONFIG, GIB, NOW, make_job, make_pod, make_session, text

from trainyard_api.phase import DesiredState, Phase
from trainyard_api.session.allocation import MOST_ALLOCATIONS
from trainyard_operator.core.attempts.allocation import Span, span_of, with_record
from trainyard_operator.core.lifecycle import evaluate
from trainyard_scheduler.admissibility import ADMISSIBLE
from trainyard_scheduler.objects.model import Job, Pod, Session

UNKNOWN = Span(None, NOW, ran=False)
STARTED = Span(NOW - 45, NOW, ran=True)

SPANS = [
    pytest.param([(-50, -40, -10)], 1, UNKNOWN, (-50, -10, True, True), id="its-pod-says-all"),
    pytest.param([(-50, -40, -10), (-48, -39, -5)], 2, UNKNOWN, (-50, -5, True, True), id="first-bound-last-ended"),
    pytest.param([(-48, -39, -5)], 2, STARTED, (-48, -5, False, True), id="one-pod-is-gone"),
    pytest.param([], 1, STARTED, (-45, 0, False, True), id="all-pods-are-gone"),
    pytest.param([(-50, None, None)], 1, UNKNOWN, (-50, 0, False, False), id="bound-and-never-ran"),
    pytest.param([(None, None, None)], 1, UNKNOWN, (None, 0, True, False), id="never-bound"),
    pytest.param([], 1, UNKNOWN, (None, 0, True, False), id="no-pod-ever"),
    pytest.param([], 1, Span(None, NOW), (None, 0, False, True), id="ran-and-nobody-saw-when"),
    pytest.param([(-50, -70, -60)], 1, UNKNOWN, (-50, -50, True, True), id="clock-of-the-node-is-behind"),
    pytest.param([(-50, -40, 900)], 1, UNKNOWN, (-50, 0, False, True), id="end-in-the-future"),
    pytest.param([(900, -40, -10)], 1, STARTED, (-45, -10, True, True), id="binding-in-the-future"),
]  # fmt: skip


@pytest.mark.parametrize(("times", "workers", "known", "wanted"), SPANS)
def test_the_span_of_an_attempt(
    times: list[tuple[int | None, ...]], workers: int, known: Span, wanted: tuple[Any, ...]
) -> None:
    def at(offset: int | None) -> float | None:
        return None if offset is None else NOW + offset

    session = make_session(workers=workers)
    job = make_job(session)
    pods = [
        make_pod(job, session, "Failed", worker=i, scheduled=at(b), started=at(s), ended=at(e))
        for i, (b, s, e) in enumerate(times)
    ]
    start, end, exact, ran = wanted
    assert span_of(pods, workers, known, NOW) == (at(start), at(end), exact, ran)


def evaluated(session: Session, *found: Job | Pod) -> dict[str, Any]:
    jobs = {item.attempt: item for item in found if isinstance(item, Job)}
    pods = {item.uid: item for item in found if isinstance(item, Pod)}
    return dict(evaluate(session, jobs, pods, ADMISSIBLE, True, NOW, CONFIG).changes)


RAN = {"attempt": 1, "allocated": NOW - 45, "attempt_started": NOW - 40}
OUTCOMES = [
    pytest.param(Phase.SUSPENDING, {}, {"preempting": True}, "Preempted", id="preempted"),
    pytest.param(Phase.SUSPENDING, {}, {"disrupted_attempt": 1, "disruption_reason": "x"}, "Disrupted", id="disrupted"),
    pytest.param(Phase.SUSPENDING, {"desired": DesiredState.SUSPENDED}, {}, "Suspended", id="suspended"),
    pytest.param(Phase.STOPPING, {"desired": DesiredState.STOPPED}, {}, "Stopped", id="stopped"),
    pytest.param(Phase.RUNNING, {}, {"failed_attempt": 1, "failure_class": "Stalled"}, "Failed", id="failed"),
    pytest.param(Phase.RUNNING, {}, {"failed_attempt": 1, "failure_class": "QuotaExceeded"}, "Disrupted", id="kept-from-running"),
]  # fmt: skip


@pytest.mark.parametrize(("phase", "session", "status", "outcome"), OUTCOMES)
def test_how_an_attempt_whose_pods_are_gone_is_recorded(
    phase: Phase, session: dict[str, Any], status: dict[str, Any], outcome: str
) -> None:
    subject = make_session(phase=phase, gpus=2, workers=2, status={**RAN, **status}, **session)
    (record,) = evaluated(subject)["allocations"]
    assert record == {
        "kind": "Attempt",
        "number": 1,
        "startTime": text(-45),
        "endTime": text(0),
        "exact": False,
        "ran": True,
        "gpus": 4,
        "cpuMillis": 2000,
        "memoryBytes": 2 * GIB,
        "outcome": outcome,
    }


def test_a_success_is_recorded_with_its_last_checkpoint() -> None:
    subject = make_session(phase=Phase.RUNNING, status={**RAN, "checkpoint": NOW - 20})
    job = make_job(subject, finished="Complete", finish_time=NOW - 8)
    pod = make_pod(job, subject, "Succeeded", exit_code=0, scheduled=NOW - 46, ended=NOW - 9)
    (record,) = evaluated(subject, job, pod)["allocations"]
    assert (record["startTime"], record["endTime"], record["exact"]) == (text(-46), text(-9), True)
    assert (record["checkpointTime"], record["outcome"]) == (text(-20), "Succeeded")


def test_the_status_keeps_when_an_attempt_got_its_gpus() -> None:
    subject = make_session(phase=Phase.STARTING, status={"attempt": 1, "allocated": NOW - 45})
    job = make_job(subject)
    seen = evaluated(subject, job, make_pod(job, subject, scheduled=NOW - 44))
    assert seen["attemptAllocatedTime"] == text(-45)
    second = make_job(subject, attempt=2)
    seen = evaluated(subject, second, make_pod(second, subject, scheduled=NOW - 30))
    assert seen["attemptAllocatedTime"] == text(-30)


def test_records_are_replaced_by_their_equals_and_bounded() -> None:
    known = [{"kind": "Attempt", "number": n, "x": 1} for n in range(MOST_ALLOCATIONS)]
    subject = make_session(own={"allocations": [*known, "no record"]})
    again = {"kind": "Attempt", "number": 5, "x": 2}
    more = {"kind": "Installation", "number": 5, "x": 2}

    replaced = with_record(subject, again)["allocations"]
    assert replaced == [*known[:5], *known[6:], again]
    assert with_record(subject, more)["allocations"] == [*known[1:], more]
    assert with_record(subject, None) == {}
