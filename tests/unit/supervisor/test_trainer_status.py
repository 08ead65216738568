"""What a program's report of its status says, and what becomes of it."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainyard_supervisor.output.line_splitter import Line
from trainyard_supervisor.progress.derived import REPORTED_SECONDS, DerivedProgress
from trainyard_supervisor.progress.tracker import Progress
from trainyard_supervisor.status_server.known_values import MOST_NAMES, KnownValues
from trainyard_supervisor.status_server.listener import is_wanted
from trainyard_supervisor.status_server.trainer_status import (
    MAX_METRICS,
    TrainerStatus,
    progress_of,
    status_of,
)


def report(percent: Any = None, **metrics: Any) -> bytes:
    status: dict[str, Any] = {"lastUpdatedTime": "2026-01-01T00:00:00+00:00"}
    if percent is not None:
        status["progressPercentage"] = percent
    if metrics:
        status["metrics"] = [{"name": name, "value": str(v)} for name, v in metrics.items()]
    return json.dumps({"trainerStatus": status}).encode()


def test_a_trainers_report_has_step_total_epoch_and_values() -> None:
    """As the Trainer of transformers 5.24 writes it."""
    found = status_of(
        report(12, loss=0.5, grad_norm="nan", current_step=12, total_steps=100, current_epoch=1.37)
    )

    assert (found.percent, found.step, found.total_steps, found.epoch) == (12, 12, 100, 1)
    assert found.metrics.keys() == {"loss", "grad_norm"}
    assert math.isnan(found.metrics["grad_norm"])


@pytest.mark.parametrize(
    "metrics",
    [
        {"name": "loss", "value": "1"}, None, "loss", [None, "loss", ["loss", 1]],
        [{"name": "loss", "value": None}], [{"name": "loss", "value": True}],
        [{"name": "loss", "value": "much"}], [{"name": 5, "value": 1}], [{"value": 1}],
        [{"name": "x" * 129, "value": 1}], [{"name": "a\nb", "value": 1}], [{"name": " ", "value": 1}],
        [{"name": "loss", "value": 10**400}],
    ],
    ids=[
        "object", "null", "text", "no-objects", "no-value", "a-boolean", "no-number",
        "name-a-number", "no-name", "long-name", "line-break", "blank-name", "beyond-floats",
    ],
)  # fmt: skip
def test_metrics_that_are_none_are_left_out(metrics: Any) -> None:
    body = json.dumps({"trainerStatus": {"progressPercentage": 7, "metrics": metrics}}).encode()

    assert status_of(body) == TrainerStatus(7, None, None, None, {})


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"trainerStatus": 5}', b"[" * 100_000, b"\xff"],
    ids=["empty", "cut", "list", "null", "no-object", "deep", "no-text"],
)  # fmt: skip
def test_what_is_no_report_is_a_sentence(body: bytes) -> None:
    with pytest.raises(ValueError, match="the body is no JSON"):
        status_of(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(percent=json_values, metrics=json_values, entries=st.lists(json_values, max_size=5))
def test_any_report_is_within_bounds(percent: Any, metrics: Any, entries: list[Any]) -> None:
    given = [{"name": e, "value": v} for e in entries for v in entries] or metrics
    given = (
        [*given, {"name": "current_step", "value": percent}] if isinstance(given, list) else given
    )
    found = status_of(
        json.dumps({"trainerStatus": {"progressPercentage": percent, "metrics": given}}).encode()
    )

    assert found.percent is None or 0 <= found.percent <= 100
    assert found.step is None or 0 <= found.step <= 2**53
    assert len(found.metrics) <= MAX_METRICS
    progress = progress_of(found, None)
    assert progress is None or progress.step >= 0


@pytest.mark.parametrize(
    ("body", "before", "after"),
    [
        (report(12, current_step=12, total_steps=100), None, Progress(12, 100, None)),
        (report(0, total_steps=40), None, Progress(0, 40)),
        (report(40, current_step=8), Progress(4, 20), Progress(8, 20, None)),
        (report(100, loss=1), Progress(39, 40, 2), Progress(40, 40, 2)),
        (report(50, loss=1), Progress(39, 40, 2), None),
        (report(50), None, Progress(50, 100)),
        (report(60), Progress(50, 100), Progress(60, 100)),
        (report(500), None, Progress(100, 100)),
        (report(-1), None, None),
        (report(loss=1), None, None),
    ],
    ids=[
        "steps", "the-beginning", "total-told-before", "the-end", "percent-after-steps",
        "percent", "more-percent", "too-much", "less-than-nothing", "nothing-told",
    ],
)  # fmt: skip
def test_where_the_training_is(
    body: bytes, before: Progress | None, after: Progress | None
) -> None:
    assert progress_of(status_of(body), before) == after


def test_what_is_reported_counts_more_than_what_is_printed_for_a_minute() -> None:
    sent: list[dict[str, Any]] = []
    progress = DerivedProgress(sent.append, lambda: False)
    progress.report(Progress(5, 10), 0.0)
    progress.see(Line("step 700/1000"), 1.0)
    progress.beat(2.0)
    progress.see(Line("step 701/1000"), REPORTED_SECONDS + 1)
    progress.beat(REPORTED_SECONDS + 2)

    assert [(beat["step"], beat["totalSteps"]) for beat in sent] == [(5, 10), (701, 1000)]


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, True),
        ({"KUBEFLOW_TRAINER_SERVER_URL": ""}, False),
        ({"KUBEFLOW_TRAINER_SERVER_URL": "https://x"}, False),
        ({"KUBEFLOW_TRAINER_SERVER_TOKEN": "/t"}, False),
    ],
    ids=["nothing-set", "switched-off", "another-server", "another-token"],
)
def test_a_session_can_switch_it_off(environment: dict[str, str], wanted: bool) -> None:
    assert is_wanted(environment) is wanted


def test_only_new_values_count_and_names_without_end_take_no_memory_without_end() -> None:
    known = KnownValues()

    assert known.new_in({"loss": math.nan, "rate": 1.0}).keys() == {"loss", "rate"}
    assert known.new_in({"loss": math.nan, "rate": 2.0}) == {"rate": 2.0}
    for number in range(3 * MOST_NAMES):
        known.new_in({f"m{number}": 0.0})
    assert len(known._values) == MOST_NAMES
    assert known.new_in({f"m{3 * MOST_NAMES - 1}": 0.0}) == {}
