"""Calls of an import are tried again where that may help, and no longer."""

from __future__ import annotations

from collections.abc import Sequence

import httpx
import pytest

from trainyard.cli.trackers.calls import PAUSES, Away, Calls

OK, BUSY, WRONG, BROKEN = 200, 503, 400, 500
NONE, CUT = 0, -1
"""No answer; and one that is cut."""


class Server:
    """Answers with these statuses, one after the other."""

    def __init__(self, statuses: Sequence[int], headers: dict[str, str] | None = None) -> None:
        self.left, self.headers, self.asked = list(statuses), headers, 0

    def __call__(self) -> httpx.Response:
        self.asked += 1
        status = self.left.pop(0)
        if status == NONE:
            raise httpx.ConnectError("refused")
        if status == CUT:
            raise httpx.RemoteProtocolError("cut")
        return httpx.Response(status, headers=self.headers)


@pytest.mark.parametrize(
    ("statuses", "answer"),
    [
        pytest.param([OK], OK, id="at once"),
        pytest.param([WRONG], WRONG, id="a refusal"),
        pytest.param([NONE, OK], OK, id="the second time"),
        pytest.param([BUSY, NONE, NONE, NONE, OK], OK, id="after it was away"),
        pytest.param([BUSY] * len(PAUSES) + [OK], OK, id="after it was busy"),
        pytest.param([BROKEN, BROKEN, OK], OK, id="after two failures"),
        pytest.param([BROKEN] * 3, BROKEN, id="failures"),
        pytest.param([BUSY, CUT, NONE, NONE, OK], OK, id="after it was killed"),
    ],
)
def test_an_answer_is_waited_for(statuses: list[int], answer: int) -> None:
    server = Server(statuses)

    assert Calls(pause=lambda _: None).answer(server).status_code == answer
    assert server.left == []


@pytest.mark.parametrize(
    ("answered", "statuses", "words"),
    [
        pytest.param(False, [NONE] * 2, "does not answer (refused)", id="never there"),
        pytest.param(True, [NONE] * 9, "does not answer (refused)", id="gone"),
        pytest.param(True, [CUT] * 3, "does not answer (cut)", id="this call never"),
        pytest.param(False, [BUSY] * 9, "answers with 503", id="busy for long"),
    ],
)
def test_it_is_not_waited_for_without_end(answered: bool, statuses: list[int], words: str) -> None:
    server = Server(statuses)
    calls = Calls(pause=lambda _: None, answered=answered)

    with pytest.raises(Away) as raised:
        calls.answer(server)

    assert str(raised.value) == words
    assert server.left == []


@pytest.mark.parametrize(
    ("asked", "paused"),
    [
        pytest.param("7", 7.0, id="longer"),
        pytest.param("0", PAUSES[0], id="shorter"),
        pytest.param("86400", 60.0, id="much too long"),
        pytest.param("Sun, 29 Nov 2026 00:00:00 GMT", PAUSES[0], id="a date"),
    ],
)
def test_a_server_is_left_alone_as_long_as_it_asks_for(asked: str, paused: float) -> None:
    pauses: list[float] = []
    Calls(pause=pauses.append).answer(Server([429, OK], {"Retry-After": asked}))

    assert pauses == [paused]
