"""What is known of a session's runs after some reports, in whatever order and however often."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainyard_api.mlflow import experiment_id_of
from trainyard_supervisor.relay.run_state import MOST_RUNS, Run, RunStates

OWN = "0" * 32
UNTAGGED = {"dataset": {"name": "d", "digest": "1"}}
USED = {**UNTAGGED, "tags": {"mlflow.data.context": "training"}}


def point(value: Any, step: int = 0, timestamp: int = 0) -> dict[str, Any]:
    return {"key": "loss", "value": value, "timestamp": timestamp, "step": step}


@pytest.mark.parametrize(
    ("points", "latest"),
    [
        pytest.param([point(1.0), point(2.0, 1)], point(2.0, 1), id="a later step"),
        pytest.param([point(2.0, 1), point(1.0)], point(2.0, 1), id="an earlier step"),
        pytest.param([point(2.0, 1, 5), point(3.0, 1, 4)], point(2.0, 1, 5), id="an earlier time"),
        pytest.param([point(2.0, 1, 5), point(1.0, 1, 6)], point(1.0, 1, 6), id="a later time"),
        pytest.param([point(2.0), point(3.0)], point(3.0), id="the larger value of one time"),
        pytest.param([point(3.0), point(2.0)], point(3.0), id="the smaller value of one time"),
        pytest.param([point("-Infinity"), point("NaN")], point("NaN"), id="NaN counts as 0"),
        pytest.param([point("Infinity"), point(1e308)], point("Infinity"), id="infinity"),
        pytest.param([point(-1.0, -5), point("NaN", -6)], point(-1.0, -5), id="negative steps"),
    ],
)
def test_the_latest_value_of_a_metric(points: list[Any], latest: Any) -> None:
    run = Run(OWN)
    for each in points:
        run.apply({"run": OWN, "metrics": [each]}, this_attempt=True)

    assert run.metrics == {"loss": latest}


@pytest.mark.parametrize(
    ("reports", "wanted"),
    [
        pytest.param([], {"status": "RUNNING", "end_time": None}, id="nothing"),
        pytest.param(
            [{"status": "FINISHED", "endTime": 9}],
            {"status": "FINISHED", "end_time": 9},
            id="an end",
        ),
        pytest.param(
            [{"status": "FAILED", "endTime": 9}, {"status": "RUNNING"}],
            {"status": "RUNNING", "end_time": None},
            id="it goes on",
        ),
        pytest.param(
            [{"status": "FAILED", "endTime": 9}, {"name": "n"}],
            {"status": "FAILED", "end_time": 9, "name": "n"},
            id="a name after the end",
        ),
        pytest.param(
            [{"params": {"a": "1"}}, {"params": {"a": "2", "b": "3"}}],
            {"params": {"a": "1", "b": "3"}},
            id="the first value of a param",
        ),
        pytest.param(
            [{"tags": {"a": "1"}}, {"tags": {"a": "2"}}],
            {"tags": {"a": "2"}},
            id="the last value of a tag",
        ),
        pytest.param(
            [{"tags": {"a": "1"}}, {"removedTags": ["a", "b"]}],
            {"tags": {}},
            id="a tag that is gone",
        ),
        pytest.param(
            [{"removedTags": ["a"], "tags": {"a": "3"}}],
            {"tags": {"a": "3"}},
            id="a tag that is set again",
        ),
        pytest.param(
            [{"inputs": [{"dataset": {"name": "d"}}]}] * 2,
            {"inputs": [{"dataset": {"name": "d"}}]},
            id="an input twice",
        ),
        pytest.param(
            [{"inputs": [USED]}, {"inputs": [UNTAGGED]}], {"inputs": [USED]}, id="tags of an input"
        ),
        pytest.param(
            [{"inputs": [UNTAGGED]}, {"inputs": [USED]}],
            {"inputs": [USED]},
            id="tags that come later",
        ),
        pytest.param(
            [{"outputs": [{"modelId": "m", "step": 0}]}] * 2,
            {"outputs": [{"modelId": "m", "step": 0}]},
            id="an output twice",
        ),
        pytest.param([{"deleted": True}], {"deleted": True}, id="deleted"),
        pytest.param([{"deleted": True}, {"deleted": False}], {"deleted": False}, id="restored"),
        pytest.param(
            [{"experiment": "e"}],
            {"experiment": "e", "experiment_id": experiment_id_of("e")},
            id="another experiment",
        ),
        pytest.param(
            [{"created": {"name": "n", "user": "u", "startTime": 3, "experiment": "e"}}],
            {"name": "n", "user": "u", "start_time": 3, "experiment": "e"},
            id="how it was made",
        ),
        pytest.param([{"created": {}}], {"name": "first"}, id="made without a word"),
        pytest.param(
            [
                {
                    "metrics": None,
                    "params": None,
                    "tags": None,
                    "inputs": None,
                    "outputs": None,
                    "removedTags": None,
                }
            ],
            {"params": {}},
            id="nulls",
        ),
    ],
)
def test_the_state_after_reports(reports: list[Any], wanted: dict[str, Any]) -> None:
    run = Run(OWN, name="first")
    for report in reports:
        run.apply({"run": OWN, **report}, this_attempt=True)

    assert {name: getattr(run, name) for name in wanted} == wanted


@pytest.mark.parametrize(
    ("attempt", "given"),
    [
        pytest.param(2, {"a": "1"}, id="of this attempt"),
        pytest.param(1, {}, id="of the attempt before"),
    ],
)
def test_params_of_this_attempt(attempt: int, given: dict[str, str]) -> None:
    states = RunStates(Run(OWN), 2)

    states.apply({"run": OWN, "params": {"a": "1"}}, attempt)

    assert states.own.given_params == given


@pytest.mark.parametrize(
    ("statuses", "left"),
    [
        pytest.param(["FINISHED"] * (MOST_RUNS + 5), MOST_RUNS, id="those that have ended"),
        pytest.param(["RUNNING"] * (MOST_RUNS + 5), MOST_RUNS + 6, id="none that runs"),
        pytest.param(["SCHEDULED"] * (MOST_RUNS + 5), MOST_RUNS + 6, id="none that waits"),
        pytest.param(["FAILED"] * (MOST_RUNS - 1), MOST_RUNS, id="none while there is room"),
    ],
)
def test_which_runs_are_forgotten(statuses: list[str], left: int) -> None:
    states = RunStates(Run(OWN), 1)
    for number, status in enumerate(statuses, start=1):
        states.apply({"run": f"{number:032x}", "status": status}, 1)

    known = states.all()
    assert len(known) == left
    assert known[0] is states.own
    assert known[-1].id == f"{len(statuses):032x}"


NAMES = st.sampled_from(["a", "b", "c"])
POINTS = st.builds(
    lambda key, value, step, time: {"key": key, "value": value, "timestamp": time, "step": step},
    NAMES,
    st.one_of(
        st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["NaN", "Infinity"])
    ),
    st.integers(-3, 3),
    st.integers(0, 3),
)
REPORTS = st.fixed_dictionaries(
    {"run": st.sampled_from([OWN, "1" * 32])},
    optional={
        "metrics": st.lists(POINTS, max_size=3),
        "params": st.dictionaries(NAMES, NAMES, max_size=2),
        "tags": st.dictionaries(NAMES, NAMES, max_size=2),
        "status": st.sampled_from(["RUNNING", "FINISHED"]),
        "inputs": st.lists(
            st.fixed_dictionaries({"dataset": st.fixed_dictionaries({"name": NAMES})}), max_size=2
        ),
        "name": NAMES,
        "experiment": NAMES,
        "deleted": st.booleans(),
    },
)


def shown(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(run.report()))
    return found


@given(st.lists(REPORTS, max_size=8))
def test_a_summary_makes_the_same_state_and_reports_may_come_twice(reports: list[Any]) -> None:
    states, again = RunStates(Run(OWN), 2), RunStates(Run(OWN), 2)
    for report in reports:
        states.apply(report, 1)
        states.apply(report, 1)
    for run in states.all():
        again.apply(run.report(), 1)

    assert [shown(run) for run in again.all()] == [shown(run) for run in states.all()]
    assert again.experiments.keys() <= states.experiments.keys()
