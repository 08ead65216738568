"""Tables, files and times of the page."""

from __future__ import annotations

from typing import Any

import pytest
from web_functions import WebFunctions

MINUTE = 60_000


@pytest.mark.parametrize(
    ("text", "dialect", "rows"),
    [
        ("a,b\n1,2\n3,", {}, [["a", "b"], ["1", "2"]]),
        ('a;b\r\n"x;y";"q""q"\r\n', {"delimiter": ";"}, [["a", "b"], ["x;y", 'q"q']]),
        ("\ufeffsep=;\na;b\n", {"delimiter": ";", "skipLines": 1}, [["a", "b"]]),
        ('a\n"two\nlines"\n', {}, [["a"], ["two\nlines"]]),
        ("", {}, []),
    ],
    ids=["a row that is cut", "quotes", "a line before", "a field of two lines", "nothing"],
)
def test_first_rows_of_a_table(
    web: WebFunctions, text: str, dialect: dict[str, Any], rows: list[list[str]]
) -> None:
    assert web.call("text/table", "firstRows", text, dialect, 10, False) == rows


def test_the_last_row_of_a_whole_text_needs_no_end(web: WebFunctions) -> None:
    assert web.call("text/table", "firstRows", "a,b\n1,", {}, 10, True) == [["a", "b"], ["1", ""]]


def row(phase: str, **more: Any) -> dict[str, Any]:
    created = "1970-01-01T00:00:00Z"
    return {"name": phase, "uid": phase, "phase": phase, "created": created, "queue": "q", "gpus": 1,
            "priority": 0, **more}  # fmt: skip


def test_a_timeline_says_what_ran_runs_and_waits(web: WebFunctions) -> None:
    rows = [
        row("Succeeded", startTime="1970-01-01T00:01:00Z", completionTime="1970-01-01T00:05:00Z"),
        row("Running", startTime="1970-01-01T00:06:00Z", progress={"etaSeconds": 120}),
        row("Queued", position=1, estimatedStart={"earliest": "1970-01-01T00:11:00Z"}),
        row("Pending"),
        row("Cancelled"),
    ]
    found = web.call("text/timeline", "stretches", rows, 10 * MINUTE, 0, 20 * MINUTE)
    told = [(each["row"]["name"], each["kind"], each["from"], each["to"]) for each in found]

    assert told == [
        ("Running", "runs", 6 * MINUTE, 12 * MINUTE),
        ("Pending", "waits", 10 * MINUTE, "undefined"),
        ("Queued", "waits", 11 * MINUTE, "undefined"),
        ("Succeeded", "ran", 1 * MINUTE, 5 * MINUTE),
    ]


def test_a_stretch_beyond_the_picture_ends_at_its_edge(web: WebFunctions) -> None:
    stretch = {"kind": "runs", "from": -100, "to": 900}

    assert web.call("text/timeline", "placed", stretch, 0, 100) == [0, 100]


@pytest.mark.parametrize(
    ("bytes", "said"),
    [(1, "1 byte"), (0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (2**31, "2 GiB")],
    ids=["one", "none", "many", "one and a half", "gibibytes"],
)
def test_sizes_in_words(web: WebFunctions, bytes: int, said: str) -> None:
    assert web.call("text/bytes", "size", bytes) == said


@pytest.mark.parametrize(
    ("served", "other"),
    [
        ('<script type="module" src="/assets/main-A.js">', False),
        ('<script type="module" src="/assets/main-B.js">', True),
        ("<title>Sign in at the proxy</title>", False),
    ],
    ids=["the same", "another", "no page of ours"],
)
def test_a_page_knows_a_newer_one(web: WebFunctions, served: str, other: bool) -> None:
    assert web.call("state/version", "isOther", served, "/assets/main-A.js") is other


def test_lines_that_came_twice_are_shown_once_and_the_newest_are_kept(web: WebFunctions) -> None:
    lines = [{"cursor": n} for n in range(19_999)]
    later = [{"cursor": n} for n in range(19_990, 20_010)]
    joined = web.call("text/loglines", "joinedLines", lines, later)

    assert [joined[0]["cursor"], joined[-1]["cursor"], len(joined)] == [10, 20_009, 20_000]
