"""A session that reports more than its rate waits, and no other session does."""

from __future__ import annotations

import asyncio

import pytest

from trainyard_gateway.errors import TooManyRequests, Unavailable
from trainyard_gateway.sessions.reported.report_rates import BURST_SECONDS, ReportRates


def test_an_overdrawn_session_waits_until_its_account_is_even() -> None:
    now = [0.0]
    rates = ReportRates(100.0, lambda: now[0])
    rates.check("a")
    rates.charge("a", int(100 * BURST_SECONDS) + 250)

    with pytest.raises(TooManyRequests) as refused:
        rates.check("a")
    rates.check("b")
    now[0] = 2.6
    rates.check("a")

    assert refused.value.headers["Retry-After"] == "3"


def test_what_is_sent_in_the_long_run_is_the_rate() -> None:
    now, sent = [0.0], 0
    rates = ReportRates(100.0, lambda: now[0])
    for _ in range(10_000):
        now[0] += 0.1
        try:
            rates.check("a")
        except TooManyRequests:
            continue
        rates.charge("a", 70)
        sent += 70

    assert sent <= 100 * (now[0] + BURST_SECONDS) + 70


def test_many_sessions_are_remembered_within_bounds() -> None:
    rates = ReportRates(1.0, lambda: 0.0)
    for number in range(20_000):
        rates.charge(str(number), 100)

    assert len(rates._accounts._level) == 10_000
    with pytest.raises(TooManyRequests):
        rates.check("19999")


def test_a_session_has_few_reports_on_their_way() -> None:
    rates = ReportRates(1e9)
    with (
        rates.under_way("a"),
        rates.under_way("a"),
        rates.under_way("b"),
        pytest.raises(TooManyRequests, match="one after the other"),
        rates.under_way("a"),
    ):
        pass
    with rates.under_way("a"):
        pass


async def test_large_reports_take_turns_and_small_ones_pass() -> None:
    rates = ReportRates(1e9)
    order = []

    async def report(name: str, size: int, gate: asyncio.Event) -> None:
        async with rates.turn(size):
            order.append(name)
            await gate.wait()

    held, free = asyncio.Event(), asyncio.Event()
    free.set()
    first = asyncio.create_task(report("first", 4 << 20, held))
    await asyncio.sleep(0)
    second = asyncio.create_task(report("second", 4 << 20, free))
    await report("small", 1000, free)
    assert order == ["first", "small"]
    held.set()
    await asyncio.gather(first, second)

    assert order == ["first", "small", "second"]


async def test_more_large_reports_than_memory_holds_are_sent_again() -> None:
    rates = ReportRates(1e9)
    async with rates.turn(20 << 20):
        with pytest.raises(Unavailable):
            async with rates.turn(5 << 20):
                pass
    async with rates.turn(20 << 20):
        pass
