"""Limits as truth tables: which session waits for which limit, and what is spent at a moment."""

# ruff: noqa: E501  # one case of a table is one line

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from cycles import cluster, holds, waits
from hypothesis import given
from hypothesis import strategies as st
from operator_state import NOW, shape

from trainyard_api.limits.period import Period, period_at
from trainyard_api.limits.published import (
    PublishedLimit,
    PublishedLimits,
    Subject,
    SubjectKind,
    read_limits,
    subjects_of,
)
from trainyard_api.timestamps import LATEST_SECONDS
from trainyard_scheduler.admission import run_cycle
from trainyard_scheduler.facts import Request
from trainyard_scheduler.fair_share import MOST_LIMITED, front
from trainyard_scheduler.forecast import QueueForecast
from trainyard_scheduler.limits.limit import Limit, Limits, over_budget
from trainyard_scheduler.limits.spending import Held, limits_at
from trainyard_scheduler.snapshot import Snapshot

ADA, TEAM, KEY = subjects_of("ada", "vision", "k1")
BOB = subjects_of("bob", "vision", "")


def limited(found: Snapshot, *limits: Limit) -> Snapshot:
    return replace(found, limits=Limits({limit.subject: limit for limit in limits}))


def mine(name: str, gpus: int = 1, **more: Any) -> Request:
    return waits(name, gpus, subjects=(ADA, TEAM, KEY), **more)


def spent(subject: Subject, by: float = 0.0, **more: Any) -> Limit:
    return Limit(subject, budget_seconds=3600.0, spent_seconds=3600.0 + by, **more)


STARTS = [
    pytest.param([mine("x")], [], ["x"], {}, id="no-limit"),
    pytest.param([mine("x"), mine("y", age=50)], [Limit(ADA, max_gpus=1)], ["x"], {"y": "WaitingForGPULimit"}, id="gpus-of-the-user"),
    pytest.param([mine("x", 2)], [Limit(KEY, max_gpus=1)], [], {"x": "WaitingForGPULimit"}, id="more-than-ever-allowed"),
    pytest.param([mine("x"), holds("h", subjects=BOB)], [Limit(TEAM, max_gpus=1)], [], {"x": "WaitingForGPULimit"}, id="gpus-that-others-of-the-team-hold"),
    pytest.param([mine("x"), holds("h", subjects=BOB)], [Limit(ADA, max_gpus=1)], ["x"], {}, id="gpus-of-another-user"),
    pytest.param([mine("x")], [spent(TEAM)], [], {"x": "BudgetSpent"}, id="spent-to-the-second"),
    pytest.param([mine("x")], [spent(TEAM, -0.001)], ["x"], {}, id="a-little-is-left"),
    pytest.param([mine("x")], [spent(TEAM, renews=NOW)], ["x"], {}, id="renewed-this-moment"),
    pytest.param([mine("x")], [spent(TEAM, renews=NOW + 1)], [], {"x": "BudgetSpent"}, id="renews-in-a-second"),
    pytest.param([mine("x")], [spent(KEY), Limit(ADA, max_gpus=0)], [], {"x": "BudgetSpent"}, id="a-spent-budget-is-said-first"),
    pytest.param([mine("x", 0)], [spent(TEAM), Limit(ADA, max_gpus=0)], ["x"], {}, id="without-a-gpu"),
    pytest.param([mine("x", 4), waits("y", age=50)], [spent(ADA)], ["y"], {"x": "BudgetSpent"}, id="it-reserves-nothing"),
    pytest.param([waits("x", age=9, subjects=(ADA,))], [Limit(TEAM, max_gpus=9)], [], {"x": "WaitingForTurn"}, id="new-and-of-no-team-yet"),
    pytest.param([waits("x", age=-9, subjects=(ADA,))], [Limit(TEAM, max_gpus=9)], [], {"x": "WaitingForTurn"}, id="new-by-a-clock-that-is-ahead"),
    pytest.param([waits("x", age=10, subjects=(ADA,))], [Limit(TEAM, max_gpus=9)], ["x"], {}, id="no-gateway-gives-it-a-team"),
    pytest.param([waits("x", age=0, subjects=(ADA,))], [Limit(ADA, max_gpus=9)], ["x"], {}, id="no-team-has-a-limit"),
    pytest.param([waits("x", 0, age=0, subjects=(ADA,))], [Limit(TEAM, max_gpus=0)], ["x"], {}, id="new-without-a-gpu"),
    pytest.param([waits("x", age=0, subjects=(ADA, TEAM))], [Limit(TEAM, max_gpus=9)], ["x"], {}, id="new-and-of-a-team"),
    pytest.param([mine("x"), waits("y", age=50)], [Limit(Subject(SubjectKind.USER, "vision"), max_gpus=0)], ["x", "y"], {}, id="a-user-named-like-the-team"),
]  # fmt: skip


@pytest.mark.parametrize(("found", "limits", "wanted", "reasons"), STARTS)
def test_who_starts(
    found: list[Any], limits: list[Limit], wanted: list[str], reasons: dict[str, str]
) -> None:
    state = limited(cluster(*found), *limits)
    cycle = run_cycle(state, NOW, explain=True)
    assert [admit.request.name for admit in cycle.admitted] == wanted
    assert {uid: reason.value for uid, reason in cycle.reasons.items()} == reasons
    assert [a.request.name for a in run_cycle(state, NOW).admitted] == wanted


def test_a_thousand_sessions_of_a_limited_program_delay_a_person_by_no_slot() -> None:
    program = [mine(f"p{i:04}", age=1000) for i in range(1000)]
    state = limited(cluster(*program, waits("person", 3, age=1)), Limit(KEY, max_gpus=1))
    admitted = [admit.request.name for admit in run_cycle(state, NOW).admitted]
    assert admitted == ["p0000", "person"]
    shown = front(state, NOW, 100)
    assert (len(shown), shown[-1].name) == (MOST_LIMITED + 2, "person")


def test_the_forecast_says_why_and_until_when() -> None:
    renews = NOW + 7200.0
    first = limited(cluster(mine("x"), gpus=(1,)), spent(TEAM, 360.0, renews=renews))
    place = QueueForecast(first, NOW).position(mine("x"))
    assert (place.reason.value, place.earliest, place.latest) == ("BudgetSpent", renews, renews)
    assert place.message == (
        "The budget of the team vision is spent: 1.1 of 1.0 GPU-hours this month."
        " It renews at 2027-01-15T10:00:00Z."
    )
    never = limited(cluster(mine("x"), gpus=(1,)), spent(TEAM, period=Period.TOTAL))
    place = QueueForecast(never, NOW).position(mine("x"))
    assert (place.earliest, place.latest) == (None, None)
    assert place.message.endswith("It starts when an administrator raises the budget.")


def test_what_runs_meanwhile_spends_in_the_forecast() -> None:
    runs = holds("h", subjects=(TEAM,), eta_seconds=1800.0, limit=NOW + 1800)
    left = Limit(TEAM, None, 3600.0, 3000.0, Period.MONTH, renews=NOW + 9000.0)
    state = limited(cluster(mine("x"), runs, gpus=(1,)), left)
    place = QueueForecast(state, NOW).position(mine("x"))
    assert place.reason.value == "WaitingForGPUs"
    assert (place.earliest, place.latest) == (NOW + 9000.0, NOW + 9000.0)


def test_running_sessions_give_their_gpus_back_where_the_budget_says_so() -> None:
    runs = [
        holds("runs", subjects=(ADA,)),
        holds("starts", ran=None, subjects=(ADA,)),
        holds("leaves", leaving=True, subjects=(ADA,)),
        holds("other", subjects=BOB),
        holds("none", shape=shape(0), subjects=(ADA,)),
    ]
    names = lambda limit: [a.uid for a in over_budget(Limits({ADA: limit}), runs, NOW)]  # noqa: E731
    assert names(spent(ADA, suspends=True)) == ["runs"]
    assert names(spent(ADA)) == []
    assert names(spent(ADA, -1, suspends=True)) == []
    assert names(spent(ADA, suspends=True, renews=NOW)) == []


# ── what is spent now ──────────────────────────────────────────────────────────────────────


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


AS_OF = seconds("2026-11-30T23:59:00Z")
END = seconds("2026-12-01T00:00:00Z")
SPENT = [
    pytest.param([], AS_OF, 100.0, id="by-the-ledger"),
    pytest.param([], AS_OF + 59, 100.0, id="nothing-runs"),
    pytest.param([(2, AS_OF - 50, None)], AS_OF + 10, 120.0, id="only-since-the-ledger"),
    pytest.param([(2, AS_OF + 5, None)], AS_OF + 10, 110.0, id="begun-since"),
    pytest.param([(2, AS_OF - 50, AS_OF + 5)], AS_OF + 20, 110.0, id="ended-since"),
    pytest.param([(2, AS_OF - 50, AS_OF - 1)], AS_OF + 20, 100.0, id="ended-before-and-in-the-ledger"),
    pytest.param([(2, AS_OF - 50, None)], AS_OF - 3600, 100.0, id="clock-set-back"),
    pytest.param([(2, AS_OF + 90, None)], AS_OF + 20, 100.0, id="a-start-ahead-of-the-clock"),
    pytest.param([(2, AS_OF - 50, None)], END - 1, 218.0, id="the-last-second-of-the-month"),
    pytest.param([(2, AS_OF - 50, None)], END, 0.0, id="the-first-of-the-next"),
    pytest.param([(2, AS_OF - 50, None)], END + 3600, 7200.0, id="the-gateway-is-away-since"),
    pytest.param([(2, AS_OF - 50, END + 60)], END + 3600, 120.0, id="ended-in-the-new-month"),
]  # fmt: skip


@pytest.mark.parametrize(("held", "now", "wanted"), SPENT)
def test_what_is_spent(
    held: list[tuple[int, float, float | None]], now: float, wanted: float
) -> None:
    limit = PublishedLimit(kind="team", name="vision", budget_gpu_seconds=1, spent_gpu_seconds=100)
    published = PublishedLimits(as_of=AS_OF, limits=[limit])
    attempts = [Held((ADA, TEAM), *each) for each in held]
    found = limits_at(published, attempts, now).by_subject[TEAM]
    assert found.spent_seconds == pytest.approx(wanted)
    assert found.renews > now


PERIODS = [
    ("day", "2026-11-30T00:00:00Z", "2026-12-01T00:00:00Z"),
    ("week", "2026-11-30T00:00:00Z", "2026-12-07T00:00:00Z"),
    ("month", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"),
]


@pytest.mark.parametrize(("period", "start", "end"), PERIODS)
def test_a_period_is_by_the_calendar_in_utc(period: str, start: str, end: str) -> None:
    """Whatever the zone of this machine."""
    wanted = (seconds(start), seconds(end))
    assert period_at(Period(period), AS_OF) == wanted
    assert period_at(Period(period), seconds("2026-12-01T00:59:59+01:00")) == wanted
    assert period_at(Period(period), wanted[1]).start == wanted[1]


@given(st.sampled_from(Period), st.floats(0, LATEST_SECONDS))
def test_periods_follow_each_other_without_a_gap(period: Period, time: float) -> None:
    span = period_at(period, time)
    assert span.start <= time < span.end
    if span.start > 0:
        assert period_at(period, span.start - 1).end == span.start
    if span.end < math.inf:
        assert period_at(period, span.end).start == span.end


@given(
    st.lists(st.tuples(st.integers(1, 8), st.floats(0, 9e6), st.floats(0, 9e6))), st.floats(0, 9e6)
)
def test_ledger_and_operator_together_count_each_second_once(
    attempts: list[tuple[int, float, float]], cut: float
) -> None:
    """Wherever the ledger's sum ends, the whole is the same."""
    now = 9e6
    whole = sum(
        gpus * length for gpus, start, length in attempts for length in [min(length, now - start)]
    )
    ledger = sum(
        gpus * max(0.0, min(start + length, cut) - start) for gpus, start, length in attempts
    )
    limit = PublishedLimit(
        kind="team", name="vision", budget_gpu_seconds=1, period="total", spent_gpu_seconds=ledger
    )
    held = [Held((TEAM,), gpus, start, start + length) for gpus, start, length in attempts]
    found = limits_at(PublishedLimits(as_of=cut, limits=[limit]), held, now).by_subject[TEAM]
    assert found.spent_seconds == pytest.approx(whole, rel=1e-9, abs=1e-3)


NO_LIMITS = {
    "empty": "",
    "no-list": '{"asOf": 1}',
    "a-list": "[]",
    "no-time": '{"limits": []}',
    "before-1970": '{"asOf": -1, "limits": []}',
    "unknown-kind": '{"asOf": 1, "limits": [{"kind": "queue", "name": "x"}]}',
    "fewer-than-none": '{"asOf": 1, "limits": [{"kind": "user", "name": "x", "maxGpus": -1}]}',
    "deep": '{"asOf": 1, "limits": ' + "[" * 200_000,
    "long": "[" * 300_000,
}


@pytest.mark.parametrize("text", NO_LIMITS.values(), ids=NO_LIMITS)
def test_a_text_that_is_no_limits_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_limits(text)
