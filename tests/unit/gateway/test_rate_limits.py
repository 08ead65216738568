"""Whose failures are counted together, and what of them is written."""

from __future__ import annotations

import pytest

from trainyard_gateway.auth.client_address import client_address, counted_address
from trainyard_gateway.auth.rate_limits import FREE_FAILURES, FailedLoginThrottle
from trainyard_gateway.repeated_failures import (
    MOST_WRITTEN,
    WINDOW_SECONDS,
    RepeatedFailures,
)


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_stale_key_behind_a_proxy_slows_nobody_else(clock: Clock) -> None:
    throttle = FailedLoginThrottle(clock)
    waits = [throttle.failed("10.0.0.1", "staleKey") for _ in range(100)]

    assert waits[FREE_FAILURES - 1] == 0
    assert waits[-1] > 0
    assert throttle.failed("10.0.0.1") == 0
    assert throttle.failed("10.0.0.1", "otherKey") == 0


def test_made_up_keys_share_the_counter_of_their_address(clock: Clock) -> None:
    throttle = FailedLoginThrottle(clock)
    waits = [throttle.failed("10.0.0.1") for _ in range(100)]

    assert waits[-1] > 0
    assert throttle.failed("10.0.0.2") == 0


def test_a_flood_is_forgotten_as_fast_as_a_few_failures(clock: Clock) -> None:
    throttle = FailedLoginThrottle(clock)
    for _ in range(100_000):
        throttle.failed("10.0.0.1")
    clock.now = 120.0

    assert throttle.failed("10.0.0.1") == 0


@pytest.mark.parametrize(
    ("client", "shown", "counted"),
    [
        ("10.0.0.1", "10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:10.0.0.1", "10.0.0.1", "10.0.0.1"),
        ("fe80::1%eth0", "fe80::1", "fe80::/64"),
        ("<script>", "unknown", "unknown"),
        ("10.0.0.1\x1b[2J", "unknown", "unknown"),
        ("", "unknown", "unknown"),
        (None, "unknown", "unknown"),
    ],
    ids=["IPv4", "IPv6", "IPv4 in IPv6", "zone", "markup", "escape", "empty", "none"],
)
def test_addresses_are_addresses(client: str | None, shown: str, counted: str) -> None:
    scope = {"client": (client, 1) if client is not None else None}

    assert client_address(scope) == shown
    assert counted_address(scope) == counted


def test_the_first_failures_of_a_kind_are_told_and_the_others_counted(clock: Clock) -> None:
    repeated = RepeatedFailures[int](clock)
    told = [n for n in range(1000) if repeated.is_written("a", n)]

    assert told == list(range(MOST_WRITTEN))
    assert repeated.is_written("b", 5)
    assert repeated.ended() == []
    clock.now = WINDOW_SECONDS
    assert repeated.ended() == [(999, 1000 - MOST_WRITTEN)]
    assert repeated.is_written("a", 1)


def test_kinds_are_bounded_too(clock: Clock) -> None:
    repeated = RepeatedFailures[int](clock, most_kinds=10)
    told = sum(repeated.is_written(n, n) for n in range(100_000))

    assert told == 10 + MOST_WRITTEN
    assert repeated.ended(all_of_them=True) == [(99_999, 100_000 - 10 - MOST_WRITTEN)]
