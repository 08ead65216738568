"""What the pages of queues and usage say and ask."""

from __future__ import annotations

from typing import Any

import pytest
from web_functions import WebFunctions

NOVEMBER = 1_795_996_800_000
"""2026-11-30, in milliseconds."""


@pytest.mark.parametrize(
    ("queue", "said"),
    [
        ({"gpuQuota": None, "borrow": True}, "no quota"),
        ({"gpuQuota": 1, "borrow": True}, "1 GPU guaranteed, more while they are free"),
        ({"gpuQuota": 0, "borrow": False}, "0 GPUs guaranteed, no more"),
    ],
    ids=["none", "borrows", "none of its own"],
)
def test_a_quota_in_words(web: WebFunctions, queue: dict[str, Any], said: str) -> None:
    assert web.call("text/shares", "quota", queue) == said


@pytest.mark.parametrize(
    ("queue", "said"),
    [
        ({}, ""),
        ({"maxSessionsPerUser": 2}, "2 sessions of one user at once"),
        ({"maxSessionsPerUser": 1, "maxGpusPerSession": 0}, "1 session of one user at once, 0 GPUs for one session"),
        ({"timeSliceSeconds": 3600}, "short ones first, turns of 1 h"),
    ],
    ids=["none", "users", "both", "short ones first"],
)  # fmt: skip
def test_limits_in_words(web: WebFunctions, queue: dict[str, Any], said: str) -> None:
    assert web.call("text/shares", "limits", queue) == said


def test_who_holds_gpus_in_a_queue_the_most_first(web: WebFunctions) -> None:
    rows = [
        {"queue": "a", "user": "ben", "gpus": 1, "phase": "Running"},
        {"queue": "a", "user": "ada", "gpus": 2, "phase": "Starting"},
        {"queue": "a", "user": "ada", "gpus": 2, "phase": "Running"},
        {"queue": "a", "gpus": 1, "phase": "Stopping"},
        {"queue": "a", "user": "eve", "gpus": 9, "phase": "Queued"},
        {"queue": "b", "user": "eve", "gpus": 9, "phase": "Running"},
        {"queue": "a", "user": "eve", "gpus": 0, "phase": "Running"},
    ]
    assert web.call("text/shares", "holders", rows, "a") == [["ada", 4], ["ben", 1], ["no user", 1]]


@pytest.mark.parametrize(
    ("of", "whole", "said"),
    [(3, 12, "25 %"), (0, 4, "0 %"), (3, 0, ""), (None, 4, ""), (3, None, "")],
)
def test_a_part_is_said_where_it_is_known(
    web: WebFunctions, of: int | None, whole: int | None, said: str
) -> None:
    assert web.call("text/shares", "part", of, whole) == said


def asked(**given: Any) -> dict[str, Any]:
    return {"by": ["user"], "label": "", "month": "", "user": "", "queue": "", **given}


@pytest.mark.parametrize(
    ("question", "path"),
    [
        (asked(), "/usage?by=user"),
        (asked(by=["queue", "month"]), "/usage?by=queue&by=month"),
        (asked(by=["label"]), None),
        (asked(by=["label"], label="a b"), "/usage?by=label&label=a+b"),
        (asked(label="project"), "/usage?by=user"),
        (asked(month="2026-12"), "/usage?by=user&since=2026-12-01T00%3A00%3A00Z&until=2027-01-01T00%3A00%3A00.000Z"),
        (asked(month="year"), "/usage?by=user&since=2025-12-01T00%3A00%3A00Z"),
        (asked(month="2026-13"), "/usage?by=user"),
        (asked(user="a&b", queue="c"), "/usage?by=user&user=a%26b&queue=c"),
    ],
    ids=["plain", "two", "no label", "label", "a label for nothing", "month", "year", "no month", "only some"],
)  # fmt: skip
def test_a_question_becomes_a_path(
    web: WebFunctions, question: dict[str, Any], path: str | None
) -> None:
    assert web.call("text/usage", "usagePath", question, NOVEMBER) == path


def test_the_months_of_a_year_are_there_once(web: WebFunctions) -> None:
    found = web.call("text/usage", "months", NOVEMBER)

    assert (found[0], found[-1], len(set(found))) == ("2026-11", "2025-12", 12)
