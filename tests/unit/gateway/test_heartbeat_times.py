"""A trainer's clock that is ahead lets no session look alive for longer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from trainyard_api.report import Heartbeat
from trainyard_gateway.store.reports.heartbeats import clock_note, not_ahead

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("time", "kept"),
    [
        (NOW, NOW),
        (NOW - timedelta(days=900), NOW - timedelta(days=900)),
        (NOW + timedelta(seconds=1), NOW),
        (datetime(9999, 12, 30, tzinfo=UTC), NOW),
    ],
    ids=["now", "long ago", "a second ahead", "the end of time"],
)
def test_no_heartbeat_is_later_than_its_receipt(time: datetime, kept: datetime) -> None:
    found = not_ahead(Heartbeat(time=time, step=7), NOW)

    assert (found.time, found.step) == (kept, 7)


@pytest.mark.parametrize(
    ("late", "said"),
    [(0, None), (59, None), (-599, None), (61, "61 s ahead"), (2_000_000, "2,000,000 s ahead"),
     (-601, "601 s after it was measured")],
    ids=["now", "a minute ahead", "minutes ago", "ahead", "far ahead", "long ago"],
)  # fmt: skip
def test_an_odd_clock_is_told(late: int, said: str | None) -> None:
    found = clock_note(Heartbeat(time=NOW + timedelta(seconds=late), step=7), NOW)

    assert (found is None) == (said is None)
    assert said is None or said in str(found)
