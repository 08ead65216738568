"""How long a receiver gets nothing after tries that failed."""

from __future__ import annotations

import pytest

from trainyard_gateway.notices.pauses import LONGEST_PAUSE, Pauses
from trainyard_gateway.notices.schedule import LONGEST_RETRY_AFTER


@pytest.mark.parametrize(
    ("failures", "asked", "pause"),
    [
        (1, None, 5.0), (2, None, 30.0), (3, None, 120.0), (4, None, 600.0),
        (5, None, LONGEST_PAUSE), (99, None, LONGEST_PAUSE), (1, 3.0, 5.0), (1, 900.0, 900.0),
        (4, 1e9, LONGEST_RETRY_AFTER),
    ],
)  # fmt: skip
def test_pauses_grow(failures: int, asked: float | None, pause: float) -> None:
    pauses = Pauses()
    for _ in range(failures):
        pauses.failed("r", 1000.0, asked)
    assert pauses.paused(1000.0) == {"r": 1000.0 + pause}
    assert pauses.paused(1000.0 + pause) == {}


def test_an_answer_ends_the_pause_and_the_row_of_failures() -> None:
    pauses = Pauses()
    for _ in range(3):
        pauses.failed("r", 1000.0, None)
    pauses.end("r")
    assert pauses.paused(1000.0) == {}
    pauses.failed("r", 1000.0, None)
    assert pauses.paused(1000.0) == {"r": 1005.0}


def test_failures_of_long_ago_are_forgotten() -> None:
    pauses = Pauses()
    for _ in range(4):
        pauses.failed("r", 1000.0, None)
    assert pauses.paused(1000.0 + 4 * LONGEST_PAUSE) == {}
    pauses.failed("r", 5000.0, None)
    assert pauses.paused(5000.0) == {"r": 5005.0}
