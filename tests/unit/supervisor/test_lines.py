"""The lines of a stream of bytes, however it is cut."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainyard_supervisor.output.line_splitter import (
    LINE_BYTES,
    SETTLE_SECONDS,
    Line,
    LineSplitter,
)
from trainyard_supervisor.output.terminal_text import plain


def lines(*chunks: bytes) -> list[str]:
    splitter = LineSplitter()
    found = [line for chunk in chunks for line in splitter.feed(chunk, 0.0)]
    return [line.text for line in [*found, *splitter.end()] if line.whole]


CASES = [
    pytest.param(b"one\ntwo\n", ["one", "two"], id="lines"),
    pytest.param(b"one\r\ntwo\r\n", ["one", "two"], id="of Windows"),
    pytest.param(b"one\n\n  \ntwo", ["one", "two"], id="empty ones and no end"),
    pytest.param(b"10%\r50%\r100%\n", ["100%"], id="a bar"),
    pytest.param(b"10%\r50%\r\r\n", ["50%"], id="returns at the end"),
    pytest.param(b"\r10%\r50%", ["50%"], id="returns in front"),
    pytest.param(b"\xff\xfe text\n", ["\ufffd\ufffd text"], id="not UTF-8"),
    pytest.param("█▏ ✅\n".encode(), ["█▏ ✅"], id="UTF-8"),
    pytest.param(b"\x1b[31mred\x1b[0m\x1b[K\n", ["red"], id="colours"),
    pytest.param(b"\r\x1b[K 1/2\r\x1b[K 2/2\n", [" 2/2"], id="ultralytics"),
    pytest.param(b"1/2 bar" + b"\x08" * 7 + b"\r2/2 bar\n", ["2/2 bar"], id="Keras"),
    pytest.param(b"\x1b]0;a title\x07text\n", ["text"], id="a title"),
    pytest.param(b"\x00\n", ["\x00"], id="a zero byte"),
]


@pytest.mark.parametrize(("stream", "want"), CASES)
def test_the_lines_of_a_stream(stream: bytes, want: list[str]) -> None:
    assert lines(stream) == want
    assert lines(*(stream[at : at + 1] for at in range(len(stream)))) == want


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=30), max_size=12))
def test_lines_do_not_depend_on_where_the_stream_is_cut(chunks: list[bytes]) -> None:
    assert lines(*chunks) == lines(b"".join(chunks))


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
def test_text_without_controls_stays_as_it_is(text: str) -> None:
    clean = "".join(c for c in text if c.isprintable() or c == "\t")

    assert plain(clean) == clean


def test_a_line_of_megabytes_is_cut_at_a_character_and_counted() -> None:
    splitter, found = LineSplitter(), []
    for _ in range(100):
        found += splitter.feed("ä".encode() * 20_000 + b"x", 0.0)
    (line,) = [*found, *splitter.feed(b"\nnext\n", 0.0)][:1]

    kept, _, rest = line.text.partition(" … ")
    assert set(kept) == {"ä"}
    assert len(kept.encode()) == LINE_BYTES
    assert rest == f"and {100 * 40_001 - LINE_BYTES:,} bytes more"


def test_what_waits_for_its_end_is_shown_after_a_while() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"Continue? ", 0.0) == []
    assert splitter.wake() == SETTLE_SECONDS
    assert splitter.settle(SETTLE_SECONDS - 0.1) == []
    assert splitter.settle(SETTLE_SECONDS) == [Line("Continue?")]
    assert (splitter.wake(), splitter.feed(b"yes\n", 20.0)) == (None, [Line("yes")])


def test_a_bar_is_shown_now_and_then_and_its_last_state_once() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"\r10%", 0.0) == [Line("10%", whole=False)]
    assert splitter.feed(b"\r20%", 1.0) == [Line("20%", whole=False)]
    assert splitter.settle(SETTLE_SECONDS) == [Line("20%")]
    assert splitter.feed(b"\n", 11.0) == []
    assert splitter.feed(b"30%\r40%", 12.0) == [Line("30%", whole=False), Line("40%", whole=False)]
    assert splitter.feed(b"\n", 13.0) == [Line("40%")]


def test_bytes_that_are_passed_over_leave_no_half_of_a_line() -> None:
    splitter = LineSplitter()
    splitter.feed(b"begun ", 0.0)
    assert splitter.skip(b"and ended\nlost\nhalf") == 2
    assert splitter.feed(b" a line\n", 0.0) == [Line("half a line")]
