"""What the pages of notices, limits and runs say and ask."""

from __future__ import annotations

from typing import Any

import pytest
from web_functions import WebFunctions

NOW = 1_795_996_800_000
"""2026-11-30, in milliseconds."""


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"on": "phase", "phases": ["Failed", "Stopped"]}, "a session is Failed or Stopped"),
        ({"on": "failure"}, "an attempt fails"),
        ({"on": "failure", "classes": None}, "an attempt fails"),
        ({"on": "failure", "classes": ["OutOfMemory"]}, "an attempt fails with OutOfMemory"),
        ({"on": "metric", "name": "loss", "above": 10.0, "below": None}, "loss is above 10, or not a number"),
        ({"on": "metric", "name": "loss", "above": 10, "below": 0}, "loss is above 10 or below 0, or not a number"),
        ({"on": "stalled", "seconds": 3600}, "a session makes no step for 1 h"),
        ({"on": "starts-soon"}, "a session is expected to start within 10 min"),
        ({"on": "budget"}, "a budget is nearly spent, or spent"),
        ({"on": "weather"}, "weather"),
    ],
    ids=[
        "phases", "failure", "every class", "one class", "above", "both bounds", "stalled", "soon",
        "budget", "of a newer gateway",
    ],
)  # fmt: skip
def test_a_rule_in_words(web: WebFunctions, rule: dict[str, Any], words: str) -> None:
    assert web.call("text/rules", "inWords", rule) == words


@pytest.mark.parametrize(
    ("fields", "rules"),
    [
        ([], []),
        ([["classes", "OutOfMemory"], ["bound", "1"], ["stalledMinutes", "10"]], []),
        ([["phase", "Failed"], ["phase", "Stopped"]], [{"on": "phase", "phases": ["Failed", "Stopped"]}]),
        ([["failure", "on"], ["classes", " "]], [{"on": "failure"}]),
        ([["failure", "on"], ["classes", "A, B C"]], [{"on": "failure", "classes": ["A", "B", "C"]}]),
        ([["metric", " loss "], ["side", "below"], ["bound", "-1e3"]], [{"on": "metric", "name": "loss", "below": -1000}]),
        ([["metric", "loss"], ["side", "above"], ["bound", "0"]], [{"on": "metric", "name": "loss", "above": 0}]),
        ([["stalled", "on"], ["stalledMinutes", "1.5"]], [{"on": "stalled", "seconds": 90}]),
        ([["starts", "on"], ["startsMinutes", ""]], [{"on": "starts-soon", "seconds": 600}]),
        ([["starts", "on"], ["startsMinutes", "0"]], [{"on": "starts-soon", "seconds": 0}]),
        ([["budget", "on"]], [{"on": "budget"}]),
    ],
    ids=[
        "nothing", "fields without their boxes", "phases", "failure", "classes", "below", "above zero",
        "minutes and a half", "no minutes", "no time", "budget",
    ],
)  # fmt: skip
def test_the_rules_that_a_form_asks_for(
    web: WebFunctions, fields: list[list[str]], rules: list[dict[str, Any]]
) -> None:
    assert web.call("text/rules", "asked", fields) == rules


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://hooks.example.com/services/T0/B1/secret", "https://hooks.example.com/…"),
        ("https://hooks.example.com/?token=secret", "https://hooks.example.com/…"),
        ("https://hooks.example.com", "https://hooks.example.com/"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/"),
        ("secret", "…"),
    ],
    ids=["path", "query", "neither", "port", "no URL"],
)
def test_a_url_is_shown_without_what_may_be_secret(web: WebFunctions, url: str, shown: str) -> None:
    assert web.call("text/rules", "masked", url) == shown


@pytest.mark.parametrize(
    ("limit", "spent", "renews"),
    [
        (
            {"gpuHours": 100, "spentGpuHours": 12.5, "period": "month", "renews": "2026-12-01T00:00:00Z"},
            "12.5 of 100 GPU hours, 12 %", "each month, in 1 d",
        ),
        ({"gpuHours": 8.0, "spentGpuHours": 9.0, "period": "total", "renews": None}, "9 of 8 GPU hours, 112 %", "never"),
        ({"gpuHours": 0, "spentGpuHours": 0, "period": "total"}, "0 of 0 GPU hours", "never"),
        ({"gpuHours": None, "period": "month", "renews": "2026-12-01T00:00:00Z"}, "0 of 0 GPU hours", ""),
    ],
    ids=["month", "more than all", "a budget of nothing", "no budget"],
)  # fmt: skip
def test_a_budget_in_words(
    web: WebFunctions, limit: dict[str, Any], spent: str, renews: str
) -> None:
    assert web.call("text/limits", "spent", limit) == spent
    assert web.call("text/limits", "renews", limit, NOW) == renews


def test_an_empty_field_of_a_limit_is_no_limit_and_zero_is_one(web: WebFunctions) -> None:
    fields = [["maxGpus", "0"], ["gpuHours", ""], ["period", "week"], ["whenSpent", "suspend"]]
    assert web.call("text/limits", "asked", [*fields, ["queues", " a, b "]]) == {
        "maxGpus": 0, "gpuHours": None, "period": "week", "whenSpent": "suspend", "warnPercent": 80,
        "queues": ["a", "b"], "maxPriority": None,
    }  # fmt: skip
    assert web.call("text/limits", "asked", fields)["queues"] is None


@pytest.mark.parametrize(
    ("name", "path"),
    [("vision", "/limits/team/vision"), ("a/b?c", "/limits/team/a%2Fb%3Fc")],
    ids=["plain", "hostile"],
)
def test_where_a_limit_is_kept(web: WebFunctions, name: str, path: str) -> None:
    assert web.call("text/limits", "pathOf", {"kind": "team", "name": name}) == path


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("", "/runs"),
        ("experiment=a%26b&status=FAILED&x=step", "/runs?experiment=a%26b&status=FAILED"),
        ("cursor=1%2Fx", "/runs?cursor=1%2Fx"),
    ],
    ids=["all", "of an experiment", "a later page"],
)
def test_which_runs_are_asked_for(web: WebFunctions, query: str, path: str) -> None:
    assert web.call("text/runs", "runsPath", query) == path


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("", "/audit?limit=200"),
        ("user=ada%26x&limit=9&kind=session", "/audit?limit=200&user=ada%26x&kind=session"),
    ],
    ids=["all", "of a user"],
)
def test_which_events_are_asked_for(web: WebFunctions, query: str, path: str) -> None:
    assert web.call("text/audit", "auditPath", query) == path
