"""Whatever answers in the gateway's place: bounded memory, bounded pauses, no traceback, no escape codes."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
import screens

from trainyard import errors, models, wire
from trainyard.cli import output
from trainyard.cli.commands import logs, sessions
from trainyard.cli.connection import GatewayClock, skew
from trainyard.cli.errors import explain
from trainyard.cli.text import charts, formats
from trainyard.client import AsyncClient, Client
from trainyard.errors import BadAnswer, ServerError, TooManyRequests, from_answer
from trainyard.retry import Retries, pause_before_retry
from trainyard.sse import Frame

ONCE = Retries(attempts=1)
DEEP = b"[" * 200_000
MIB = b"x" * (1 << 20)


class Endless(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that never ends; `read` is what was taken of it."""

    read = 0

    def __iter__(self) -> Iterator[bytes]:
        while True:
            self.read += len(MIB)
            yield MIB

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


@pytest.mark.parametrize("status", [200, 404, 500])
async def test_an_endless_body_is_given_up(status: int) -> None:
    body = Endless()
    transport = httpx.MockTransport(lambda _: httpx.Response(status, stream=body))
    with (
        Client("http://h", "k", transport=transport, retries=ONCE) as client,
        pytest.raises(BadAnswer, match="larger than 256 MiB"),
    ):
        client.status("s")
    async with AsyncClient("http://h", "k", transport=transport, retries=ONCE) as other:
        with pytest.raises(BadAnswer, match="larger than 256 MiB"):
            await other.status("s")

    assert body.read <= 2 * (wire.MAX_BODY_BYTES + len(MIB))


@pytest.mark.parametrize("status", [200, 422, 500], ids=str)
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(DEEP, id="deep"),
        pytest.param(b'{"detail": ' + DEEP, id="deep below"),
        pytest.param(b"\xff\xfe\x00", id="no text"),
        pytest.param(b'{"name": 1e999, "uid": null}', id="an infinity"),
        pytest.param(b'{"detail": "' + b"d" * 100_000 + b'", "errors": [1, null, {"field": [1]}]}', id="long"),
        pytest.param(b"7" * 10_000, id="a long number"),
    ],
)  # fmt: skip
def test_a_strange_body_is_an_error_with_a_short_sentence(status: int, body: bytes) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(status, content=body))
    with (
        Client("http://h", "k", transport=transport, retries=ONCE) as client,
        pytest.raises(errors.TrainyardError) as caught,
    ):
        client.status("s")

    assert len(explain(caught.value)[0]) < 3000


def test_an_event_that_is_nested_too_deeply_is_a_bad_answer() -> None:
    with pytest.raises(BadAnswer, match="an event that is no JSON"):
        wire.event(Frame("phase", DEEP.decode(), ""))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("1.5", 1.5), ("0", 0.0), ("1e999", None), ("inf", None), ("nan", None), ("-5", None), ("soon", None), ("", None)],
)  # fmt: skip
def test_retry_after_is_a_finite_number(header: str, seconds: float | None) -> None:
    assert from_answer(429, {}, header).retry_after == seconds


def test_a_gateway_that_asks_for_a_very_long_pause_is_not_asked_again() -> None:
    error = from_answer(429, {}, "1e9")

    assert pause_before_retry(error, 1, repeatable=True) is None
    assert isinstance(error, TooManyRequests)
    assert error.retry_after == 1e9


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        pytest.param(lambda: formats.duration(math.inf), "-", id="endless"),
        pytest.param(lambda: formats.duration(math.nan), "-", id="no duration"),
        pytest.param(lambda: formats.duration(1e308), "-", id="longer than time"),
        pytest.param(lambda: formats.size(10**400), "-", id="larger than a float"),
        pytest.param(lambda: formats.size(-1), "-", id="less than nothing"),
        pytest.param(lambda: formats.size((1 << 63) - 1), "8192 PiB", id="the largest file"),
        pytest.param(lambda: formats.percent(math.nan), "-", id="no share"),
        pytest.param(lambda: formats.percent(1e300), "-", id="no share at all"),
        pytest.param(lambda: formats.number("9" * 5000), "∞", id="a long number"),
        pytest.param(lambda: formats.number("x" * 5000), "x" * 100, id="a long text"),
        pytest.param(lambda: formats.since("never", screens.NOW), "-", id="no time"),
        pytest.param(lambda: formats.since("9999-12-31T23:59:59-14:00", screens.NOW), "-", id="late"),
    ],
)  # fmt: skip
def test_extremes_are_shown_in_few_characters(shown: Callable[[], str], expected: str) -> None:
    assert shown() == expected


@pytest.mark.parametrize("year", [1900, 1969, 9999])
def test_a_date_that_cannot_be_is_no_difference_of_clocks(year: int) -> None:
    date = format_datetime(datetime(year, 1, 1, tzinfo=UTC), usegmt=True)

    assert skew(date, screens.NOW) == timedelta(0)
    GatewayClock().now()


def series(*values: float | str, step: int = 1) -> models.Series:
    points = [
        models.Point(step=step * n, time="2026-01-01T00:00:00Z", value=value)
        for n, value in enumerate(values)
    ]
    return models.Series(name="a/loss\x1b[2J", total=len(points), points=points)


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(series(1e308, -1e308, 0.5, 1), id="huge values"),
        pytest.param(series(1e300, -1e300), id="the largest that are drawn"),
        pytest.param(series("NaN", "Infinity", "-Infinity", "9" * 5000, 0.5), id="not finite"),
        pytest.param(series(0.1, 0.2, 0.3, step=1 << 62), id="huge steps"),
        pytest.param(series(5e-324, 0.0), id="tiny values"),
    ],
)
def test_curves_of_extremes_are_drawn(one: models.Series, tmp_path: Any) -> None:
    drawn = charts.draw([one], width=80, height=5, colours=False)
    charts.write_png(tmp_path / "curves.png", "title", [one])

    assert max(map(len, drawn.splitlines())) < 200
    assert "\x1b" not in drawn
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


LINE = {
    "time": "2026\x1b[2J",
    "level": "in\x9bfo",
    "message": "a\x1b]0;b\x07",
    "rank": 0,
    "attempt": 1,
}


def test_a_log_line_moves_no_cursor() -> None:
    line = models.LogLine.model_validate({**LINE, "cursor": 1})

    shown = logs.rendered(line, timestamps=True, wide=True)
    as_json = output.as_json(line.wire())

    assert shown == r"2026\x1b[2J 1/0 in\x9bfo a\x1b]0;b\x07"
    assert not [c for c in as_json if not c.isprintable()]
    assert json.loads(as_json) == line.wire()


class Repeating:
    """A client whose pages never end: the same page again for every cursor."""

    asked = 0

    def logs(self, session: str, **_: Any) -> models.Logs:
        self.asked += 1
        line = models.LogLine.model_validate({**LINE, "cursor": 1})
        return models.Logs(session=session, lines=[line] * logs.PAGE, next=7)


def test_log_pages_that_do_not_advance_end() -> None:
    client: Any = Repeating()

    found = list(logs.log_lines(client, "s", follow=False, tail=None))

    assert len(found) == 2 * logs.PAGE
    assert client.asked == 2


def test_an_error_without_end_is_cut() -> None:
    error = from_answer(500, {"detail": "d" * 100_000}, None)

    assert isinstance(error, ServerError)
    assert len(str(error)) == errors.MAX_MESSAGE
    assert sessions.listing([], screens.NOW, wide=False).rows == ()
