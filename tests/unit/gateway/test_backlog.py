"""When the inbox is due to be applied."""

from __future__ import annotations

from typing import Any

import pytest

from trainyard_api.report import Batch
from trainyard_gateway.store.reports.backlog import (
    MAX_DELAY_SECONDS,
    MAX_POINTS,
    RETRY_SECONDS,
    Backlog,
    weight,
)

FULL = MAX_POINTS
WAIT, RETRY = MAX_DELAY_SECONDS, RETRY_SECONDS


@pytest.mark.parametrize(
    ("accepted", "failed", "now", "due", "may"),
    [
        pytest.param([], None, 5.0, None, False, id="empty"),
        pytest.param([(0.0, 1)], None, 0.0, WAIT, True, id="the first batch"),
        pytest.param([(0.0, 0)], None, 0.0, WAIT, True, id="a batch without points"),
        pytest.param(
            [(0.0, 1), (0.2, 1)],
            None,
            0.2,
            WAIT - 0.2,
            True,
            id="the delay counts from the first batch",
        ),
        pytest.param([(0.0, 1)], None, 9.0, 0.0, True, id="overdue"),
        pytest.param([(0.0, FULL - 1), (0.0, 1)], None, 0.0, 0.0, True, id="enough points"),
        pytest.param([(0.0, FULL - 1)], None, 0.0, WAIT, True, id="one point fewer"),
        pytest.param([(0.0, FULL)], 0.0, 0.4, RETRY - 0.4, False, id="after a failure"),
        pytest.param([(0.0, 1)], 8.0, 8.0 + RETRY, 0.0, True, id="long after a failure"),
    ],
)
def test_due_time(
    accepted: list[tuple[float, int]],
    failed: float | None,
    now: float,
    due: float | None,
    may: bool,
) -> None:
    backlog = Backlog()
    for when, points in accepted:
        backlog.add(points, when)
    if failed is not None:
        backlog.failed(failed)

    assert backlog.due_in(now) == (None if due is None else pytest.approx(due))
    assert backlog.may_try(now) == may


def test_clearing_starts_anew() -> None:
    backlog = Backlog()
    backlog.add(FULL, 0.0)
    backlog.failed(0.0)
    backlog.clear()
    backlog.add(1, 0.5)

    assert backlog.due_in(0.5) == pytest.approx(WAIT)


TIME = "2026-11-28T00:00:00Z"
ROW = {"step": 1, "time": TIME, "values": {f"m{n}": 1.0 for n in range(8)}}


@pytest.mark.parametrize(
    ("parts", "full"),
    [
        pytest.param({}, False, id="nothing"),
        pytest.param({"metrics": [ROW] * (FULL // 8)}, True, id="many points"),
        pytest.param({"logs": [{"time": TIME, "message": ""}] * 10_000}, True, id="many lines"),
        pytest.param(
            {"logs": [{"time": TIME, "message": "x" * 16_000}] * 250}, True, id="long lines"
        ),
        pytest.param({"logs": [{"time": TIME, "message": "x" * 80}] * 1000}, False, id="usual"),
    ],
)
def test_a_report_of_the_largest_size_is_applied_at_once(parts: dict[str, Any], full: bool) -> None:
    given = {"sessionUid": "u", "attempt": 1, "stream": "rank-0", "sequence": 1, **parts}

    assert (weight([Batch.model_validate(given)]) >= FULL) is full
