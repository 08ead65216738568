"""Every number, time and text of an object has bounds, before any arithmetic."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from operator_state import CONFIG, NOW, make_job, make_pod, make_session, make_state

from trainyard_api.phase import Phase
from trainyard_api.quantity import LARGEST_AMOUNT, millicores, whole
from trainyard_operator.core.lifecycle import evaluate
from trainyard_scheduler.admissibility import ADMISSIBLE
from trainyard_scheduler.clocks import past
from trainyard_scheduler.facts import Allocation, Policy
from trainyard_scheduler.objects import fields
from trainyard_scheduler.preemption.victims import has_run_enough, lost
from trainyard_scheduler.readiness import IN_QUEUE, readiness
from trainyard_scheduler.usage import AllocationCache

FUTURE = NOW + 1e9

AMOUNTS = [
    pytest.param("1e400", LARGEST_AMOUNT, id="huge power"),
    pytest.param("9" * 60 + "Ei", LARGEST_AMOUNT, id="huge number"),
    pytest.param("-5", 0, id="negative"),
    pytest.param("1e-400", 1, id="tiny, rounded up"),
    pytest.param("16Ei", LARGEST_AMOUNT, id="more than 63 bits"),
    pytest.param("1.5Gi", 3 * 2**29, id="an everyday one"),
]


@pytest.mark.parametrize(("text", "amount"), AMOUNTS)
def test_an_amount_has_bounds(text: str, amount: int) -> None:
    assert whole(text) == amount
    assert millicores(text) <= LARGEST_AMOUNT


NO_QUANTITIES = ["1e999999999", "9" * 400, "NaN", "Infinity", "1_000", "٣", "", "1e", "Gi", "1 Gi"]


@pytest.mark.parametrize("text", NO_QUANTITIES, ids=[t[:12] or "empty" for t in NO_QUANTITIES])
def test_what_is_no_amount_is_refused_at_once(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity") as refusal:
        whole(text)
    assert len(str(refusal.value)) < 200


FIELDS = [
    pytest.param(fields.count, 2**53, 2**53, id="the largest count"),
    pytest.param(fields.count, 2**53 + 1, 0, id="a count beyond"),
    pytest.param(fields.count, 10**400, 0, id="a huge count"),
    pytest.param(fields.count, True, 0, id="a count that is a boolean"),
    pytest.param(fields.ordinal, 2**31, 0, id="an attempt beyond"),
    pytest.param(fields.number, "٣", 0, id="digits of another script"),
    pytest.param(fields.number, "9" * 5000, 0, id="a label with many digits"),
    pytest.param(fields.number, 7, 0, id="a label that is a number"),
    pytest.param(fields.duration, 10**400, None, id="a huge duration"),
    pytest.param(fields.duration, math.nan, None, id="a duration that is no number"),
    pytest.param(fields.duration, math.inf, None, id="an infinite duration"),
    pytest.param(fields.duration, 3.2e11, None, id="a duration that no date holds"),
    pytest.param(fields.duration, 60.5, 60.5, id="an everyday duration"),
    pytest.param(fields.rate, 1e308, 0.0, id="a huge rate"),
    pytest.param(fields.exit_code, 2**63, None, id="a huge exit code"),
    pytest.param(fields.exit_code, -1, None, id="a negative exit code"),
    pytest.param(fields.text, "a\n\u202eb\x1b", "a\\n\\u202eb\\x1b", id="characters not seen"),
    pytest.param(fields.text, ["a"], "", id="a list for a text"),
    pytest.param(fields.items, [1, {"a": 1}, None], [{"a": 1}], id="items that are no objects"),
    pytest.param(fields.items, "abc", [], id="a text for a list"),
]


@pytest.mark.parametrize(("field", "value", "found"), FIELDS)
def test_a_field_has_bounds(field: Any, value: object, found: object) -> None:
    assert field(value) == found


def test_a_text_is_cut() -> None:
    assert len(fields.text("\n" * 70_000)) == fields.MAX_TEXT
    assert len(fields.block("x" * 70_000)) == fields.MAX_TEXT


# ── times that lie ahead ──────────────────────────────────────────────────────────────────────


def test_a_time_that_lies_ahead_is_no_time() -> None:
    assert past(NOW - 5, NOW) == NOW - 5
    assert past(NOW + 5, NOW) == NOW + 5, "clocks differ a little"
    assert past(FUTURE, NOW) is None


def test_a_step_from_the_future_keeps_no_session_alive() -> None:
    ran = {"attempt": 1, "attempt_started": NOW - 40, "progress_attempt": 1, "stepped": FUTURE}
    session = make_session(spec={"stall_timeout": 30}, status=ran)
    job = make_job(session)
    found = evaluate(
        session, {1: job}, {"p": make_pod(job, session)}, ADMISSIBLE, True, NOW, CONFIG
    )
    assert found.changes["failure"]["class"] == "Stalled"


def test_a_start_from_the_future_postpones_no_deadline_beyond_now() -> None:
    session = make_session(spec={"max_runtime": 30}, status={"attempt": 1})
    job = make_job(session)
    pod = make_pod(job, session, started=FUTURE)
    found = evaluate(session, {1: job}, {"p": pod}, ADMISSIBLE, True, NOW, CONFIG)
    assert found.wake == NOW + 30


def test_an_end_in_the_future_counts_no_run_time() -> None:
    session = make_session(phase=Phase.RUNNING, status={"attempt": 1})
    job = make_job(session, finished="Complete", finish_time=FUTURE)
    pod = make_pod(job, session, "Succeeded", started=NOW - 40, ended=FUTURE)
    found = evaluate(session, {1: job}, {"p": pod}, ADMISSIBLE, True, NOW, CONFIG)
    assert found.changes["runSeconds"] == 40
    assert found.changes["completionTime"].startswith("2027-01-15T08:00:00")


def test_a_retry_in_the_far_future_is_now() -> None:
    session = make_session(status={"attempt": 1, "retry": FUTURE})
    found = readiness(session, ADMISSIBLE, NOW, resume_ready=True, live_pods=False)
    assert found == IN_QUEUE


def test_an_estimate_of_a_report_from_the_future_is_unknown() -> None:
    status = {"attempt": 1, "progress_attempt": 1, "eta_seconds": 60.0, "eta_at": NOW - 10}
    session = make_session(status=status)
    job = make_job(session)
    for reported, eta in ((NOW - 10, 50.0), (FUTURE, None)):
        told = replace(session, status=replace(session.status, eta_at=reported))
        [found] = AllocationCache().of(make_state(told, job, make_pod(job, told)), NOW)
        assert found.eta_seconds == eta


def test_times_from_the_future_protect_from_no_preemption() -> None:
    one = Allocation("u", "q", "", 0, NOW, make_session().spec.shape, ("n1",), started=NOW - 400)
    assert lost(replace(one, checkpoint=NOW - 10), NOW) == 10
    assert lost(replace(one, checkpoint=FUTURE), NOW) == 400
    assert has_run_enough(replace(one, started=FUTURE), NOW, Policy())
    assert not has_run_enough(replace(one, started=NOW - 10), NOW, Policy())
