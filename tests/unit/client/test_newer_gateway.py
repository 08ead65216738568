"""Answers of a newer gateway: one object that this client does not know hides no other."""

from __future__ import annotations

import json
import logging
from typing import Any

import httpx
import pytest

from trainyard import calls, models, wire
from trainyard.calls import Call
from trainyard.errors import BadAnswer

SESSION: dict[str, Any] = {
    "name": "mine", "uid": "u", "phase": "Running", "created": "2026-01-01T00:00:00Z",
    "spec": {"command": ["x"], "resources": {"gpus": 2}}, "status": {"phase": "Running"},
}  # fmt: skip


def read(call: Call[Any], answer: Any) -> Any:
    return wire.parse(call, httpx.Response(200, content=json.dumps(answer)))


def page(odd: Any) -> models.SessionPage:
    rows = [{**SESSION, "name": "first"}, odd, {**SESSION, "name": "last"}]
    found = read(calls.sessions(None, 100, None, False), {"sessions": rows, "total": 3})
    assert isinstance(found, models.SessionPage)
    assert [s.name for s in found.sessions if s.name != "odd"] == ["first", "last"]
    assert found.total == 3
    return found


def odd(**changes: Any) -> dict[str, Any]:
    return {**SESSION, "name": "odd", **changes}


FAILURE = {"class": "Haunted", "message": "boo", "reason": "Ghost"}
DATASET = {"state": "Moved", "name": "d"}
CONDITION = {
    "type": "Complete", "status": "Perhaps", "reason": "New",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "where", "shown"),
    [
        ({"status": {"phase": "Paused"}}, ("status", "phase"), "Paused"),
        ({"status": {"failure": FAILURE}}, ("status", "failure", "class"), "Haunted"),
        ({"status": {"dataset": DATASET}}, ("status", "dataset", "state"), "Moved"),
        ({"status": {"conditions": [CONDITION]}}, ("status", "conditions", 0, "status"), "Perhaps"),
        ({"spec": {"command": ["x"], "desiredState": "Napping"}}, ("spec", "desiredState"),
         "Napping"),
        ({"spec": {"command": ["x"], "queue": "UPPER"}}, ("spec", "queue"), "UPPER"),
        ({"spec": {"command": ["x"], "newField": {"a": 1}}}, ("spec", "command", 0), "x"),
        ({"spec": {"resources": {"gpus": 3, "tpus": 8}}}, ("spec", "resources", "gpus"), 3),
        ({"spec": {"command": ["x"], "training": {"task": "dreaming"}, "dataset": "d"}},
         ("spec", "dataset"), "d"),
    ],
    ids=[
        "phase", "failure class", "state of a dataset", "status of a condition", "desired state",
        "name of a queue", "a field of the spec", "a field within it", "a training of a new task",
    ],
)  # fmt: skip
def test_what_is_not_known_is_shown_as_it_is(
    changes: dict[str, Any], where: tuple[str | int, ...], shown: Any
) -> None:
    found: Any = page(odd(**changes)).sessions[1].wire()

    for part in where:
        found = found[part]
    assert found == shown


@pytest.mark.parametrize(
    ("changes", "left_out"),
    [
        ({"spec": {"command": ["x"], "priority": "urgent", "workers": {"n": 2}}},
         "sessions.1.spec.workers"),
        ({"status": {"conditions": [{"type": "Complete"}], "message": "m"}},
         "sessions.1.status.conditions"),
        ({"status": {"model": {"name": "m"}}}, "sessions.1.status.model"),
    ],
    ids=["a number", "a condition", "a model"],
)  # fmt: skip
def test_what_cannot_be_read_is_left_out_and_named(
    changes: dict[str, Any], left_out: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "trainyard"):
        found = page(odd(**changes))

    assert [s.name for s in found.sessions] == ["first", "odd", "last"]
    assert left_out in caplog.text
    assert "update the client" in caplog.text


@pytest.mark.parametrize(
    "row",
    [{"name": "odd"}, None, 7, [], {**SESSION, "name": 7}, "text"],
    ids=["no uid", "null", "a number", "a list", "a name that is none", "a text"],
)
def test_a_row_that_is_none_hides_no_other(row: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "trainyard"):
        found = page(row)

    assert [s.name for s in found.sessions] == ["first", "last"]
    assert "sessions.1" in caplog.text


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (calls.queue(), {"waiting": [{}, {"name": "n", "uid": "u", "queue": "q", "priority": 0,
                                         "gpus": 1, "phase": "Paused", "reason": "New"}]}),
        (calls.datasets(), {"datasets": [{}, {"name": "n", "format": "tape", "sha256": "s",
         "sizeBytes": 1, "created": "c", "details": {"samples": 1, "dimensions": []}}]}),
        (calls.all_models(), {"models": [{}, {"name": "n", "version": 1, "sha256": "s",
                                              "sizeBytes": 1, "created": "c"}]}),
        (calls.keys(), {"keys": [{}, {"name": "n", "id": "i", "scopes": ["moon:land"],
                                      "created": "c"}]}),
    ],
    ids=["queue", "datasets", "models", "keys"],
)  # fmt: skip
def test_every_list_is_read_so(call: Call[Any], answer: dict[str, list[Any]]) -> None:
    (rows,) = answer
    assert [row.name for row in getattr(read(call, answer), rows)] == ["n"]


@pytest.mark.parametrize(
    "answer",
    [[], {}, "text", {"sessions": [{"a": 1}], "total": 1}, {"sessions": 7, "total": 1}],
    ids=["a list", "empty", "a text", "no session among them", "no list"],
)
def test_what_is_no_answer_is_refused(answer: Any) -> None:
    with pytest.raises(BadAnswer, match="much newer"):
        read(calls.sessions(None, 100, None, False), answer)
