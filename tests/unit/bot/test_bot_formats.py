"""Numbers, times and long texts."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainyard_bot.text import formats
from trainyard_bot.text.formats import MESSAGE_LIMIT, LocalTime, pages, with_rest

NOW = datetime(2026, 7, 1, 21, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0s"), (0, "0s"), (59.4, "59s"), (59.6, "1m00s"), (60, "1m00s"), (250, "4m10s"),
     (3599, "59m59s"), (3600, "1h00m"), (7500, "2h05m"), (86_399, "23h59m"), (86_400, "1d00h"),
     (273_600, "3d04h"), (36_525 * 86_400 - 1, "36524d23h"), (36_525 * 86_400, "over 100 years"),
     (10**400, "over 100 years"), (float("inf"), "over 100 years"), (float("nan"), "0s"), (float("-inf"), "0s")],
)  # fmt: skip
def test_duration(seconds: float, text: str) -> None:
    assert formats.duration(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (9, "9 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"),
     (10_240, "10 KiB"), (1024**2 - 1, "1024 KiB"), (1024**2, "1.0 MiB"), (5 * 1024**3, "5.0 GiB"),
     (12 * 1024**4, "12 TiB"), (5000 * 1024**4, "5000 TiB"), (10**400, "931323 TiB"), (-5, "0 B"), (-(10**400), "0 B")],
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
     (60, "██████░░░░"), (100, "██████████"), (250, "██████████"),
     (float("nan"), "░░░░░░░░░░"), (float("inf"), "██████████")],
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
        ("UTC", datetime(2027, 7, 1, 22, 5, tzinfo=UTC), "01 Jul 2027 22:05"),
        ("Asia/Tokyo", datetime(2026, 7, 1, 22, 5), "07:05"),  # noqa: DTZ001  without a zone it is UTC
        ("Asia/Tokyo", datetime(9999, 12, 31, 23, 0, tzinfo=UTC), "?"),
        ("America/New_York", datetime(1, 1, 1, tzinfo=UTC), "?"),
    ],
    ids=[
        "today",
        "tomorrow",
        "today there",
        "tomorrow there",
        "yesterday was today",
        "next year",
        "no zone",
        "after the calendar",
        "before the calendar",
    ],
)
def test_clock_of_the_readers_zone(zone: str, time: datetime, text: str) -> None:
    assert LocalTime(NOW, ZoneInfo(zone)).clock(time) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(60, "21:31"), (86_400, "02 Jul 21:30"), (1e9, "09 Mar 2058 23:16"), (1e12, "?"), (10**400, "?"),
     (float("inf"), "?"), (float("nan"), "?")],
)  # fmt: skip
def test_clock_in_some_seconds(seconds: float, text: str) -> None:
    assert LocalTime(NOW, UTC).clock_in(seconds) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(-3, "0 %"), (62.4, "62 %"), (100, "100 %"), (1e308, "100 %"), (float("nan"), "? %")],
)
def test_percent(share: float, text: str) -> None:
    assert formats.percent(share) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (12_400, "12,400"), (-12_400, "-12,400"), (10**15, "1,000,000,000,000,000"),
     (10**15 + 1, "over 10¹⁵"), (10**400, "over 10¹⁵"), (-(10**400), "below −10¹⁵")],
    ids=["zero", "thousands", "negative", "largest", "larger", "huge", "huge and negative"],
)  # fmt: skip
def test_integer(number: int, text: str) -> None:
    assert formats.integer(number) == text


@pytest.mark.parametrize(
    ("text", "line"),
    [("val/loss", "val/loss"), ("a\n/stop", "a\\n/stop"), ("\u2028\x00", "\\u2028\\x00"),
     ("a\u202eb", "a\\u202eb"), ("tab\tset", "tab    set"), ("👩\u200d🔬", "👩\u200d🔬"),
     ("a" * 11, "a" * 9 + "…"), ("😀" * 6, "😀" * 4 + "…")],
    ids=["plain", "line break", "other breaks", "direction", "tab", "joined emoji", "too long", "too long in UTF-16"],
)  # fmt: skip
def test_text_from_outside_is_one_line(text: str, line: str) -> None:
    assert formats.one_line(text, 10) == line


TAPPABLE = {
    "command": ("/stop", "∕stop"),
    "command in a sentence": ("see /data/x.csv", "see ∕data/x.csv"),
    "command in brackets": ("(/stop@bot)", "(∕stop@bot)"),
    "mention": ("ask @ada", "ask ＠ada"),
    "link": ("see https://a.b/c", "see https:∕∕a.b/c"),
    "metric": ("train/loss", "train/loss"),
    "division": ("3 / 4", "3 / 4"),
}


@pytest.mark.parametrize(("text", "shown"), TAPPABLE.values(), ids=TAPPABLE)
def test_text_from_outside_cannot_be_tapped(text: str, shown: str) -> None:
    assert formats.inline(text) == shown


def test_inline_escapes_after_it_cuts() -> None:
    assert formats.inline("<" * 5, 4) == "&lt;&lt;&lt;…"


@given(st.text(max_size=50), st.integers(1, 60))
def test_one_line_has_no_break_and_fits(text: str, limit: int) -> None:
    line = formats.one_line(text, limit)

    assert len(line.splitlines()) <= 1
    assert formats.length(line) <= limit


@given(st.one_of(st.integers(), st.floats(), st.integers(-(10**400), 10**400)), st.datetimes())
def test_no_number_and_no_time_raises(number: float, time: datetime) -> None:
    local = LocalTime(NOW, ZoneInfo("Asia/Tokyo"))
    texts = [
        formats.duration(number),
        formats.value(str(number)),
        local.clock(time),
        local.clock_in(number),
    ]
    if isinstance(number, int):
        texts += [formats.integer(number), formats.size(number), formats.count(number, "session")]
    if isinstance(number, float):
        texts += [formats.percent(number), formats.bar(number)]

    assert all(0 < len(text) <= 40 for text in texts)


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 sessions"), (1, "1 session"), (2, "2 sessions"), (1500, "1,500 sessions")],
)
def test_count(number: int, text: str) -> None:
    assert formats.count(number, "session") == text


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("😀😀", 4, "😀😀"), ("😀😀", 3, "😀…"), ("😀😀", 2, "…"),
     ("", 0, "")],
    ids=["fits", "one too many", "two units each", "an odd limit", "no room", "empty"],
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
    assert list(pages([])) == []
    assert list(pages([], "<b>x</b>")) == ["<b>x</b>"]
    assert list(pages(["a<b", "c"])) == ["<pre>a&lt;b\nc</pre>"]
    assert list(pages(["a"], "<b>x</b>")) == ["<b>x</b>\n<pre>a</pre>"]


def test_pages_are_filled_to_the_limit_and_not_beyond() -> None:
    line = "x" * 99
    result = list(pages([line] * 100, "head"))

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
    result = list(pages(["x" * width for width in widths], first))

    assert len(result) == expected
    assert all(len(page) <= MESSAGE_LIMIT for page in result)


def test_a_line_of_any_length_is_cut_at_half_a_message() -> None:
    result = list(pages(["y" * 5000]))

    assert [len(p) for p in re.findall("y+", "".join(result))] == [2048, 2048 - 0, 904]


def test_pages_read_no_more_lines_than_they_need() -> None:
    read = 0

    def lines() -> Iterator[str]:
        nonlocal read
        while True:
            read += 1
            yield "x" * 1000

    first = list(islice(pages(lines()), 3))

    assert len(first) == 3
    assert read <= 3 * 4 + 2


@given(
    st.lists(st.text(max_size=3000), max_size=12), st.sampled_from(["", "<b>a</b>, last 5 lines"])
)
def test_pages_lose_nothing_and_fit(lines: list[str], first: str) -> None:
    result = list(pages(lines, first))

    assert all(formats.length(page) <= MESSAGE_LIMIT for page in result)
    body = "".join(re.findall(r"<pre>(.*?)</pre>", "\n".join(result), re.DOTALL))
    said = html.unescape(body).replace("\n", "")
    assert said == "".join(map(formats.shown_whole, lines))
