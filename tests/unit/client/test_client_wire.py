"""Retries, event frames, and errors of the client as truth tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainyard import calls, errors, wire
from trainyard.errors import TrainyardError, Unreachable, from_answer
from trainyard.retry import RETRIES as USUAL
from trainyard.retry import pause_before_retry as pause
from trainyard.sse import MAX_EVENT_CHARACTERS, Decoder, Frame


def answer(status: int, retry_after: str | None = None) -> TrainyardError:
    return from_answer(status, {"detail": "d"}, retry_after)


RETRIES = {
    "busy": (answer(429), False, True),
    "away": (answer(503), True, True),
    "a proxy's word, harmless": (answer(502), True, True),
    "a proxy's word, may have been done": (answer(504), False, False),
    "away, may have been done": (answer(503), False, False),
    "silence": (Unreachable("x"), True, True),
    "silence, may have been done": (Unreachable("x"), False, False),
    "a bug": (answer(500), True, False),
    "refused": (answer(422), True, False),
    "not ours": (errors.BadAnswer("x"), True, False),
}


@pytest.mark.parametrize(("error", "repeatable", "again"), RETRIES.values(), ids=RETRIES)
def test_what_is_sent_again(error: TrainyardError, repeatable: bool, again: bool) -> None:
    assert (pause(error, 1, repeatable) is not None) is again


def test_it_gives_up() -> None:
    assert pause(answer(429), USUAL.attempts - 1, True) is not None
    assert pause(answer(429), USUAL.attempts, True) is None


@given(attempt=st.integers(1, USUAL.attempts - 1))
def test_pauses_grow_and_stay_bounded(attempt: int) -> None:
    found = pause(answer(503), attempt, True)

    assert found is not None
    assert 0 <= found <= min(USUAL.longest_pause_seconds, USUAL.first_pause_seconds * 2**attempt)


def test_retry_after_is_the_least() -> None:
    found = pause(answer(429, "30"), 1, True)

    assert found is not None
    assert found >= 30


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, errors.BadRequest), (401, errors.NotAuthenticated), (403, errors.NotPermitted), (404, errors.NotFound),
     (409, errors.Conflict), (418, errors.ApiError), (422, errors.Invalid), (429, errors.TooManyRequests),
     (500, errors.ServerError), (599, errors.ServerError)],
)  # fmt: skip
def test_every_status_has_its_error(status: int, kind: type[TrainyardError]) -> None:
    assert type(answer(status)) is kind


@pytest.mark.parametrize(
    ("body", "said"),
    [({"detail": "d", "title": "t"}, "d"), ({"title": "t"}, "t"), ({}, "status 404"), ("text", "text"), (None, "None"),
     ("x" * 1000, "x" * 500)],
    ids=["detail", "title", "empty", "text", "null", "long text"],
)  # fmt: skip
def test_what_an_error_says(body: object, said: str) -> None:
    error = from_answer(404, body, "soon")

    assert str(error) == said
    assert (error.retry_after, error.errors) == (None, [])


@pytest.mark.parametrize("url", ["http://a", "https://a/", "http://a:8080/below/"])
def test_urls(url: str) -> None:
    assert wire.base(url) == f"{url.rstrip('/')}/api/v1"


@pytest.mark.parametrize("url", ["", "a", "ftp://a", "http://", "//a", "http://[::1", "http://a:b"])
def test_no_urls(url: str) -> None:
    with pytest.raises(ValueError, match="is no URL of a gateway"):
        wire.base(url)


def test_a_url_with_a_secret_is_not_repeated() -> None:
    import httpx

    error = wire.unreachable("http://user:secret@host/path", httpx.ConnectError("refused"))

    assert str(error) == "no answer from the gateway at host: refused"


@pytest.mark.parametrize("name", ["a/b", "..", "a b", "ä?x=1"])
def test_a_name_stays_one_segment_of_a_path(name: str) -> None:
    assert calls.status(name).path.count("/") == 3


STREAM = (
    b": hello\r\nretry: 2000\n\nid: 1.2\nevent: metrics\ndata: {\ndata: }\n\n"
    b"event: phase\rdata:x\r\rid: 3.4\n\ndata: \xc3\xa4\n\nevent: logs\ndata: never ended\n"
)
FRAMES = [
    Frame("metrics", "{\n}", "1.2"),
    Frame("phase", "x", "1.2"),
    Frame("message", "ä", "3.4"),
]


@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_events_do_not_depend_on_how_the_bytes_are_cut(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    decoder = Decoder("0.1")

    found = [
        frame
        for begin, end in zip(edges, edges[1:], strict=False)
        for frame in decoder.feed(STREAM[begin:end])
    ]

    assert found == FRAMES
    assert decoder.last_id == "3.4"


MANY = b"x" * (1 << 20)


@pytest.mark.parametrize(
    ("first", "again"),
    [
        pytest.param(b"data:", MANY, id="a line that does not end"),
        pytest.param(b"", b"data:" + MANY + b"\n", id="an event that does not end"),
    ],
)
def test_an_event_cannot_grow_without_bound(first: bytes, again: bytes) -> None:
    decoder = Decoder()
    list(decoder.feed(first))

    def endless() -> None:
        for _ in range(2 * MAX_EVENT_CHARACTERS // len(MANY)):
            list(decoder.feed(again))

    with pytest.raises(errors.BadAnswer, match="an event of more than 16 Mi characters"):
        endless()


@pytest.mark.parametrize("data", ["{", "[1]", "3"])
def test_an_event_that_is_no_object(data: str) -> None:
    with pytest.raises(errors.BadAnswer, match="an event that is no"):
        wire.event(Frame("phase", data, ""))
