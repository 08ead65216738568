"""When the message of a session that waits for a limit is written again, as a truth table."""

# ruff: noqa: E501  # one case of a table is one line

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cycles import cluster, waits
from operator_state import NOW

from trainyard_api.limits.published import subjects_of
from trainyard_operator.core.queue_status import QueueStatus
from trainyard_scheduler.forecast import QueueForecast
from trainyard_scheduler.limits.limit import Limit, Limits

(ADA,) = subjects_of("ada", "", "")


def status(**limit: Any) -> QueueStatus:
    """Of a session under this limit."""
    request = waits("x", subjects=(ADA,))
    found = replace(cluster(request), limits=Limits({ADA: Limit(ADA, **limit)}))
    return QueueStatus(QueueForecast(found, NOW).position(request), NOW)


SPENT = {"budget_seconds": 3600.0, "renews": NOW + 86_400}
CHANGES = [
    pytest.param({**SPENT, "spent_seconds": 3600.0}, {**SPENT, "spent_seconds": 3600.0}, 0.0, id="the-same"),
    pytest.param({**SPENT, "spent_seconds": 3600.0}, {**SPENT, "spent_seconds": 36e6}, 0.0, id="others-spend-on"),
    pytest.param({**SPENT, "spent_seconds": 7200.0}, {**SPENT, "spent_seconds": 7200.0, "budget_seconds": 7200.0}, 1.0, id="the-budget-is-raised"),
    pytest.param({"max_gpus": 0}, {"max_gpus": 0, "suspends": True}, 0.0, id="the-same-limit"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "wanted"), CHANGES)
def test_when_a_message_is_written_again(
    before: dict[str, Any], after: dict[str, Any], wanted: float
) -> None:
    assert status(**after).change(status(**before).render()) == wanted
