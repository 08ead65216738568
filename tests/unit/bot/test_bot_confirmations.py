"""Confirmations: used once, by the person who was asked, in time."""

from __future__ import annotations

import pytest

from trainyard_bot.handlers.confirmations import (
    OPEN_MAX,
    VALID_SECONDS,
    Confirmation,
    Confirmations,
)
from trainyard_bot.updates.user_context import UserContext

ADA, BOB = UserContext(7, 1), UserContext(7, 2)
STOP = Confirmation("stop", "u1", "a")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0
        self.ids = 0

    def __call__(self) -> float:
        return self.now

    def new_id(self) -> str:
        self.ids += 1
        return f"q{self.ids}"


def test_a_confirmation_is_used_once_by_the_person_who_was_asked() -> None:
    clock = Clock()
    confirmations = Confirmations(clock.new_id, clock)
    confirmation_id = confirmations.ask(STOP, ADA)

    assert confirmations.take(confirmation_id, BOB) is None
    assert confirmations.take(confirmation_id, UserContext(8, 1)) is None
    assert confirmations.take("q9", ADA) is None
    assert confirmations.take(confirmation_id, ADA) == STOP
    assert confirmations.take(confirmation_id, ADA) is None


@pytest.mark.parametrize(("waited", "valid"), [(VALID_SECONDS - 1, True), (VALID_SECONDS, False)])
def test_a_confirmation_expires(waited: float, valid: bool) -> None:
    clock = Clock()
    confirmations = Confirmations(clock.new_id, clock)
    confirmation_id = confirmations.ask(STOP, ADA)
    clock.now += waited

    assert (confirmations.take(confirmation_id, ADA) == STOP) is valid


def test_open_confirmations_are_bounded() -> None:
    clock = Clock()
    confirmations = Confirmations(clock.new_id, clock)
    ids = [confirmations.ask(STOP, ADA) for _ in range(OPEN_MAX + 1)]

    assert confirmations.take(ids[0], ADA) is None
    assert confirmations.take(ids[1], ADA) == STOP
