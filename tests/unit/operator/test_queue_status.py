"""When the message of a session that waits for a limit is written again, as a truth table."""

# ruff: noqa: E501  # one case of a table is one line

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cycles import cluster, waits
from operator_state import NOW

from trainyard_api.limits.published import subjects_of
from trainyard_api.phase import Reason
from trainyard_api.session.status import TrainingSessionStatus
from trainyard_operator.core.queue_status import QueueStatus
from trainyard_scheduler.forecast import QueueForecast, QueuePosition
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


def details(text: str) -> QueueStatus:
    """Of a session that waits for GPUs, with more to say than that."""
    found = QueuePosition(1, 0, 0, Reason.WAITING_FOR_GPUS, details=text)
    return QueueStatus(found, NOW)


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        pytest.param("Node n1 is cordoned.", "Node n1 is cordoned.", 0.0, id="the-same"),
        pytest.param("", "Node n1 is cordoned.", 1.0, id="cordoned"),
        pytest.param("Node n1 is cordoned.", "", 1.0, id="not-cordoned-any-more"),
        pytest.param("x" * 5000, "x" * 5000, 0.0, id="long"),
    ],
)
def test_when_nodes_that_are_out_of_use_are_written_again(
    before: str, after: str, wanted: float
) -> None:
    assert details(after).change(details(before).render()) == wanted


def test_no_message_is_longer_than_the_resource_takes() -> None:
    status = TrainingSessionStatus.model_validate({"queue": details("x" * 5000).render()})

    assert status.queue is not None
    assert status.queue.message == "x" * 1024
