"""Lines of reports, and the batch that a file of them makes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainyard_api.runs.lines import batch_of, items_of, line_of, reports_in

RUN, OTHER = "a" * 32, "b" * 32
IDENTITY = {"sessionUid": "u", "attempt": 1, "stream": "relay-0", "sequence": 3}


def point(step: int) -> dict[str, Any]:
    """A value of a metric."""
    return {"key": "loss", "value": 0.5, "timestamp": 1, "step": step}


def batch(*reports: dict[str, Any]) -> list[dict[str, Any]]:
    """The runs of a file of reports."""
    found = batch_of(IDENTITY, [line_of(report) for report in reports])
    assert {name: found[name] for name in IDENTITY} == IDENTITY
    runs: list[dict[str, Any]] = found["runs"]
    return runs


@pytest.mark.parametrize(
    ("reports", "wanted"),
    [
        pytest.param(
            [{"metrics": [point(1)]}, {"metrics": [point(2)]}],
            {"metrics": [point(1), point(2)]},
            id="values-in-order",
        ),
        pytest.param(
            [{"params": {"a": "1"}}, {"params": {"a": "2", "b": "3"}}],
            {"params": {"a": "1", "b": "3"}},
            id="the-first-param-stays",
        ),
        pytest.param(
            [{"tags": {"a": "1"}}, {"tags": {"a": "2"}}],
            {"tags": {"a": "2"}},
            id="the-last-tag-stays",
        ),
        pytest.param(
            [{"tags": {"a": "1"}}, {"removedTags": ["a"]}],
            {"tags": {}, "removedTags": ["a"]},
            id="set-and-removed",
        ),
        pytest.param(
            [{"removedTags": ["a"]}, {"tags": {"a": "1"}}],
            {"tags": {"a": "1"}, "removedTags": []},
            id="removed-and-set",
        ),
        pytest.param(
            [{"status": "RUNNING"}, {"status": "FINISHED", "endTime": 5}],
            {"status": "FINISHED", "endTime": 5},
            id="the-last-status",
        ),
        pytest.param(
            [{"created": {"name": "a"}}, {"name": "b"}],
            {"created": {"name": "a"}, "name": "b"},
            id="made-and-named",
        ),
        pytest.param(
            [{"deleted": True}, {"deleted": False}], {"deleted": False}, id="deleted-and-restored"
        ),
    ],
)
def test_reports_of_one_run_are_one(reports: list[dict[str, Any]], wanted: dict[str, Any]) -> None:
    assert batch(*({"run": RUN, **report} for report in reports)) == [{"run": RUN, **wanted}]


def test_each_run_has_a_report_in_the_order_of_its_first_line() -> None:
    found = batch(
        {"run": OTHER, "tags": {"a": "1"}},
        {"run": RUN, "deleted": True},
        {"run": OTHER, "name": "n"},
    )
    assert [one["run"] for one in found] == [OTHER, RUN]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b'{"run": "', id="cut-off"),
        pytest.param(b'{"run":"a"}', id="without-an-end"),
        pytest.param(b"not JSON\n", id="no-json"),
        pytest.param(b"[]\n", id="no-object"),
        pytest.param(b'{"run": 5}\n', id="no-run"),
        pytest.param(b"[" * 5000 + b"\n", id="too-deep"),
    ],
)
def test_what_is_no_report_is_left_out(content: bytes) -> None:
    whole = line_of({"run": RUN})
    assert list(reports_in([whole, content])) == [{"run": RUN}]


@given(st.text(max_size=50), st.floats(allow_nan=False, allow_infinity=False))
def test_a_line_is_read_as_it_was_written(text: str, value: float) -> None:
    report = {"run": RUN, "tags": {"k": text}, "metrics": [{"value": value}]}
    line = line_of(report)
    assert line.count(b"\n") == 1
    assert list(reports_in([line])) == [report]


@pytest.mark.parametrize(
    ("report", "items"),
    [
        pytest.param({}, 1, id="nothing"),
        pytest.param({"params": {"a": "1", "b": "2"}, "tags": {"c": "3"}}, 4, id="params-and-tags"),
        pytest.param({"metrics": [point(1)] * 1000}, 101, id="values"),
        pytest.param({"inputs": [{}] * 500}, 501, id="datasets"),
    ],
)
def test_how_much_of_a_batch_a_report_takes(report: dict[str, Any], items: int) -> None:
    assert items_of(report) == items
