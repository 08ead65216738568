"""A session that reports more than its rate waits, and no other session does."""

from __future__ import annotations

import pytest

from trainyard_gateway.errors import TooManyRequests
from trainyard_gateway.sessions.report_rates import BURST_SECONDS, ReportRates


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

    assert len(rates._accounts) == 10_000
    with pytest.raises(TooManyRequests):
        rates.check("19999")
