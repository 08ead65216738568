"""Numbers, times and long texts."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainyard_bot.text import formats
from trainyard_bot.text.formats import MESSAGE_LIMIT, Moment, pages, with_rest

NOW = datetime(2026, 7, 1, 21, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0s"), (0, "0s"), (59.4, "59s"), (59.6, "1m00s"), (60, "1m00s"), (250, "4m10s"),
     (3599, "59m59s"), (3600, "1h00m"), (7500, "2h05m"), (86_399, "23h59m"), (86_400, "1d00h"),
     (273_600, "3d04h")],
)  # fmt: skip
def test_duration(seconds: float, text: str) -> None:
    assert formats.duration(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (9, "9 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"),
     (10_240, "10 KiB"), (1024**2 - 1, "1024 KiB"), (1024**2, "1.0 MiB"), (5 * 1024**3, "5.0 GiB"),
     (12 * 1024**4, "12 TiB"), (5000 * 1024**4, "5000 TiB")],
)  # fmt: skip
def test_size(number: int, text: str) -> None:
    assert formats.size(number) == text


@pytest.mark.parametrize(
    ("given_text", "text"),
    [("0.123456", "0.1235"), ("1e-9", "1e-09"), ("12345.6", "1.235e+04"), ("42", "42"),
     ("NaN", "NaN"), ("Infinity", "∞"), ("-Infinity", "−∞"), ("blue", "blue"),
     ("x" * 25, "x" * 23 + "…")],
)  # fmt: skip
def test_value(given_text: str, text: str) -> None:
    assert formats.value(given_text) == text


@pytest.mark.parametrize(
    ("percent", "text"),
    [(-3, "░░░░░░░░░░"), (0, "░░░░░░░░░░"), (4, "░░░░░░░░░░"), (6, "█░░░░░░░░░"),
     (60, "██████░░░░"), (100, "██████████"), (250, "██████████")],
)  # fmt: skip
def test_bar(percent: float, text: str) -> None:
    assert formats.bar(percent) == text


@pytest.mark.parametrize(
    ("zone", "time", "text"),
    [
        ("UTC", datetime(2026, 7, 1, 22, 5, tzinfo=UTC), "22:05"),
        ("UTC", datetime(2026, 7, 2, 0, 5, tzinfo=UTC), "02 Jul 00:05"),
        ("Europe/Vienna", datetime(2026, 7, 1, 21, 59, tzinfo=UTC), "23:59"),
        ("Europe/Vienna", datetime(2026, 7, 1, 22, 5, tzinfo=UTC), "02 Jul 00:05"),
        ("Asia/Tokyo", datetime(2026, 7, 1, 22, 5, tzinfo=UTC), "07:05"),
    ],
)
def test_clock_of_the_readers_zone(zone: str, time: datetime, text: str) -> None:
    assert Moment(NOW, ZoneInfo(zone)).clock(time) == text


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 runs"), (1, "1 run"), (2, "2 runs"), (1500, "1,500 runs")]
)
def test_count(number: int, text: str) -> None:
    assert formats.count(number, "run") == text


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("😀😀", 4, "😀😀"), ("😀😀", 3, "😀…"), ("😀😀", 2, "…"),
     ("", 0, "")],
)  # fmt: skip
def test_clip_counts_as_telegram_does(text: str, limit: int, expected: str) -> None:
    assert formats.clip(text, limit) == expected
    assert formats.length(expected) <= max(limit, 1)


def test_escape_and_plain() -> None:
    assert formats.escape("<b>&\"'") == "&lt;b&gt;&amp;\"'"
    assert formats.plain("<b>a</b><i>b</i> <code>c&lt;i&gt;</code><pre>d</pre>") == "ab c<i>d"


def test_metric_lines() -> None:
    metrics = [("val/loss", "0.5"), ("a<b", "NaN"), ("m" * 70, "1")]

    assert formats.metric_lines(metrics) == [
        "<code>val/loss</code> 0.5",
        "<code>a&lt;b</code> NaN",
        f"<code>{'m' * 59}…</code> 1",
    ]
    assert len(formats.metric_lines([("a", "1")] * 9)) == 6
    assert len(formats.metric_lines([("a", "1")] * 9, limit=2)) == 2


def test_with_rest() -> None:
    assert with_rest(["a", "b"], 0) == "a\nb"
    assert with_rest(["a", "b"], -2) == "a\nb"
    assert with_rest(["a"], 1) == "a\n… and 1 more"
    assert with_rest(["a"], 1200) == "a\n… and 1,200 more"


def test_with_rest_leaves_out_what_does_not_fit() -> None:
    room = MESSAGE_LIMIT - len("\n… and 1,000,000,000 more")
    exact = ["x" * (room - 1)]

    assert with_rest(exact, 0) == exact[0]
    assert with_rest(["x" * room], 0) == "… and 1 more"
    assert with_rest(["a", "x" * 4096, "b"], 3) == "a\n… and 5 more"


def test_pages() -> None:
    assert pages([]) == []
    assert pages([], "<b>x</b>") == ["<b>x</b>"]
    assert pages(["a<b", "c"]) == ["<pre>a&lt;b\nc</pre>"]
    assert pages(["a"], "<b>x</b>") == ["<b>x</b>\n<pre>a</pre>"]


def test_pages_are_filled_to_the_limit_and_not_beyond() -> None:
    line = "x" * 99
    result = pages([line] * 100, "head")

    assert [len(page) for page in result] == [
        4 + 1 + 11 + 40 * 100 - 1,
        11 + 40 * 100 - 1,
        11 + 1999,
    ]
    assert result[0].startswith("head\n<pre>")
    assert result[1].startswith("<pre>x")


@pytest.mark.parametrize(
    ("first", "widths", "expected"),
    [
        ("head", [1019, 1019, 1019, 1019], 1),
        ("head", [1019, 1019, 1019, 1020], 2),
        ("", [1020, 1020, 1020, 1021], 1),
        ("", [1020, 1020, 1020, 1022], 2),
        ("", [1020, 1020, 1020, 1021] * 2, 2),
        ("head", [1019, 1019, 1019, 1019, 1020, 1020, 1020, 1021], 2),
    ],
    ids=["full below a head", "one too many below a head", "full", "one too many", "both full", "both full, a head"],
)  # fmt: skip
def test_the_last_character_that_fits_decides_on_another_page(
    first: str, widths: list[int], expected: int
) -> None:
    result = pages(["x" * width for width in widths], first)

    assert len(result) == expected
    assert all(len(page) <= MESSAGE_LIMIT for page in result)


def test_a_line_of_any_length_is_cut_at_half_a_message() -> None:
    result = pages(["y" * 5000])

    assert [len(p) for p in re.findall("y+", "".join(result))] == [2048, 2048 - 0, 904]


@given(
    st.lists(st.text(max_size=3000), max_size=12), st.sampled_from(["", "<b>run</b>, last 5 lines"])
)
def test_pages_lose_nothing_and_fit(lines: list[str], first: str) -> None:
    result = pages(lines, first)

    assert all(formats.length(page) <= MESSAGE_LIMIT for page in result)
    body = "".join(re.findall(r"<pre>(.*?)</pre>", "\n".join(result), re.DOTALL))
    said = html.unescape(body).replace("\n", "")
    assert said == "".join(lines).replace("\n", "")
