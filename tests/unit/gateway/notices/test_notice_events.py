"""Which events of a session a rule asks for, and when they happened."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from trainyard_api.timestamps import to_seconds_text
from trainyard_gateway.notices.events import Event, events, is_due
from trainyard_gateway.notices.rules import MetricRule, NoticeRule
from trainyard_gateway.notices.watching import KEPT_SECONDS

RULE: TypeAdapter[NoticeRule] = TypeAdapter(NoticeRule)
NOW = 1_800_000_000.0
CREATED = NOW - 5000


def text(ago: float) -> str:
    return to_seconds_text(NOW - ago)


def session(phase: str | None = "Running", **status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "s", "uid": "u", "creationTimestamp": to_seconds_text(CREATED)},
        "spec": {},
        "status": {**({"phase": phase} if phase else {}), "attempt": 2, **status},
    }


def found(rule: dict[str, Any], body: dict[str, Any]) -> list[tuple[str, float]]:
    return [(e.key, NOW - e.time) for e in events(body, RULE.validate_python(rule), NOW)]


ENDED = {"on": "phase", "phases": ["Succeeded", "Failed"]}
LOSS = {"on": "metric", "name": "loss", "above": 10}
FAILED = {"class": "OutOfMemory", "attempt": 1, "time": text(70)}


def loss(value: object, attempt: int = 2) -> dict[str, Any]:
    progress = {"lastHeartbeat": text(3), "attempt": attempt}
    return session(metrics=[{"name": "loss", "value": value, "step": 1}], progress=progress)


@pytest.mark.parametrize(
    ("rule", "body", "expected"),
    [
        pytest.param(
            ENDED, session("Failed", completionTime=text(60)), [("phase/Failed/2", 60)], id="failed"
        ),
        pytest.param(ENDED, session("Running"), [], id="another-phase"),
        pytest.param(
            {"on": "phase", "phases": ["Pending"]},
            session(None),
            [("phase/Pending/2", 5000)],
            id="no-phase-yet",
        ),
        pytest.param(
            {"on": "phase", "phases": ["Running"]},
            session(attemptStartTime=text(30)),
            [("phase/Running/2", 30)],
            id="runs",
        ),
        pytest.param(
            {"on": "phase", "phases": ["Suspended"]},
            session("Suspended", conditions=[{"lastTransitionTime": text(n)} for n in (90, 20)]),
            [("phase/Suspended/2", 20)],
            id="suspended-when-a-condition-changed-last",
        ),
        pytest.param(
            {"on": "failure"}, session(failure=FAILED), [("failure/1", 70)], id="any-failure"
        ),
        pytest.param(
            {"on": "failure", "classes": ["OutOfMemory", "Diverged"]},
            session(failure=FAILED),
            [("failure/1", 70)],
            id="this-class",
        ),
        pytest.param(
            {"on": "failure", "classes": ["Diverged"]},
            session(failure=FAILED),
            [],
            id="another-class",
        ),
        pytest.param({"on": "failure"}, session(), [], id="no-failure"),
        pytest.param(LOSS, loss("10.5"), [("metric/loss/10.0/None/2", 3)], id="above"),
        pytest.param(LOSS, loss("10"), [], id="at-the-bound"),
        pytest.param(LOSS, loss("10.5", attempt=1), [], id="of-the-attempt-before"),
        pytest.param(LOSS, loss("NaN"), [("metric/loss/10.0/None/2", 3)], id="not-a-number"),
        pytest.param(LOSS, loss("-Infinity"), [], id="far-below"),
        pytest.param(
            {**LOSS, "name": "accuracy"}, loss("11"), [], id="another-metric"
        ),
        pytest.param(
            {"on": "stalled"},
            session(attemptStartTime=text(900), progress={"lastStepTime": text(601), "step": 7}),
            [("stalled/600/2/7", 1)],
            id="stalled",
        ),
        pytest.param(
            {"on": "stalled"},
            session(attemptStartTime=text(900), progress={"lastStepTime": text(599), "step": 7}),
            [],
            id="steps",
        ),
        pytest.param(
            {"on": "stalled", "seconds": 60},
            session(attemptStartTime=text(70), progress={"lastStepTime": text(900), "step": 7}),
            [("stalled/60/2/7", 10)],
            id="a-step-of-the-attempt-before",
        ),
        pytest.param(
            {"on": "stalled"},
            session("Queued", progress={"lastStepTime": text(601)}),
            [],
            id="waits-and-does-not-stall",
        ),
        pytest.param({"on": "stalled"}, session(), [], id="start-unknown"),
        pytest.param(
            {"on": "starts-soon"},
            session("Queued", queue={"estimatedStart": {"earliest": text(-600)}}),
            [("starts-soon/600/2", 0)],
            id="starts-soon",
        ),
        pytest.param(
            {"on": "starts-soon"},
            session("Queued", queue={"estimatedStart": {"earliest": text(-601)}}),
            [],
            id="starts-later",
        ),
        pytest.param({"on": "starts-soon"}, session("Queued", queue={}), [], id="start-not-known"),
        pytest.param(
            {"on": "starts-soon"},
            session(queue={"estimatedStart": {"earliest": text(0)}}),
            [],
            id="runs-already",
        ),
    ],
)  # fmt: skip
def test_events(
    rule: dict[str, Any], body: dict[str, Any], expected: list[tuple[str, float]]
) -> None:
    assert found(rule, body) == expected


@pytest.mark.parametrize(
    ("value", "above", "below", "beyond"),
    [
        (2.0, 1.0, None, True), (1.0, 1.0, None, False), (0.0, None, 1.0, True),
        (1.0, None, 1.0, False), (5.0, 9.0, 1.0, False), (math.inf, 9.0, 1.0, True),
        (-math.inf, 9.0, 1.0, True), (math.nan, None, 0.0, True),
    ],
)  # fmt: skip
def test_beyond(value: float, above: float | None, below: float | None, beyond: bool) -> None:
    rule = {"on": "metric", "name": "loss", "above": above, "below": below}
    assert bool(found(MetricRule.model_validate(rule).wire(), loss(str(value)))) is beyond


@pytest.mark.parametrize(
    ("happened", "made", "due"),
    [
        pytest.param(100.0, 90.0, True, id="after-the-receiver"),
        pytest.param(100.0, 100.9, True, id="in-its-second"),
        pytest.param(100.0, 101.0, False, id="before-it"),
    ],
)
def test_a_receiver_is_told_of_what_happens_after_it_was_made(
    happened: float, made: float, due: bool
) -> None:
    assert is_due(Event("k", "t", happened), made, 200.0) is due


def test_what_happened_long_ago_is_told_no_more() -> None:
    week = 7 * 86_400
    assert is_due(Event("k", "t", NOW - week), 0.0, NOW)
    assert not is_due(Event("k", "t", NOW - week - 1), 0.0, NOW)
    assert week < KEPT_SECONDS


@pytest.mark.parametrize(
    "rule",
    [
        {"on": "metric", "name": "loss"},
        {"on": "phase", "phases": []},
        {"on": "phase", "phases": ["Dancing"]},
        {"on": "stalled", "seconds": 5},
        {"on": "always"},
        {"phases": ["Failed"]},
        {"on": "metric", "name": "loss", "above": "NaN"},
    ],
    ids=["no-bound", "no-phase", "no-such-phase", "too-soon", "no-such-rule", "no-kind", "nan"],
)
def test_rules_that_nobody_can_make(rule: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RULE.validate_python(rule)
