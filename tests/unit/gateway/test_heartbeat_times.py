"""A trainer's clock that is ahead lets no session look alive for longer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from trainyard_api.report import Heartbeat
from trainyard_gateway.store.reports.heartbeats import not_ahead

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
