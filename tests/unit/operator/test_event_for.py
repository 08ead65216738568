"""Which Event people read of a change: of the phase, and of a node below a running session."""

from __future__ import annotations

from typing import Any

import pytest
from operator_state import make_session

from trainyard_api.phase import EventReason, Phase, Reason
from trainyard_operator.core.event_for import event_for
from trainyard_operator.core.session_state import SessionState

SAID = "Node n1 does not answer."
RUNS, SILENT = "PodsRunning", "NodeNotReady"


def status(running: str | None) -> dict[str, Any]:
    """A status whose condition Running has this reason."""
    if running is None:
        return {}
    return {"conditions": [{"type": "Ready"}, {"type": "Running", "reason": running}]}


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (RUNS, Reason.NODE_NOT_READY, (EventReason.NODE_NOT_READY, True)),
        (None, Reason.NODE_NOT_READY, (EventReason.NODE_NOT_READY, True)),
        (SILENT, Reason.NODE_NOT_READY, None),
        (SILENT, Reason.PODS_RUNNING, (EventReason.NODE_READY, False)),
        (RUNS, Reason.PODS_RUNNING, None),
        (None, Reason.PODS_RUNNING, None),
    ],
    ids=["falls silent", "without conditions", "lasts", "answers again", "runs on", "a new status"],
)
def test_a_node_below_a_running_session(
    before: str | None, now: Reason, expected: tuple[EventReason, bool] | None
) -> None:
    session = make_session(phase=Phase.RUNNING)
    found = SessionState(Phase.RUNNING, SAID, now)

    event = event_for(session, found, status(before), {})

    assert (event and (event.reason, event.warning)) == expected
    if event is not None and event.warning:
        assert event.message == SAID


def test_a_node_whose_pods_are_gone_has_not_answered_again() -> None:
    changes = {"failure": {"class": "NodeLost"}}
    found = SessionState(Phase.RUNNING, SAID, Reason.PODS_RUNNING, changes)

    assert event_for(make_session(phase=Phase.RUNNING), found, status(SILENT), {}) is None


@pytest.mark.parametrize("conditions", [None, 3, "x", [3], [{}], [{"type": "Running"}]], ids=repr)
def test_conditions_that_make_no_sense_count_as_none(conditions: object) -> None:
    found = SessionState(Phase.RUNNING, SAID, Reason.NODE_NOT_READY)

    event = event_for(make_session(phase=Phase.RUNNING), found, {"conditions": conditions}, {})

    assert event is not None


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (Reason.DISRUPTED, (EventReason.DISRUPTED, True)),
        (Reason.PREEMPTED, (EventReason.PREEMPTED, False)),
        (Reason.SUSPENDED_BY_OWNER, None),
    ],
    ids=["a drain or a lost node", "another session", "its owner"],
)
def test_why_it_leaves(reason: Reason, expected: tuple[EventReason, bool] | None) -> None:
    session = make_session(phase=Phase.RUNNING)

    event = event_for(session, SessionState(Phase.SUSPENDING, SAID, reason), status(RUNS), {})

    assert (event and (event.reason, event.warning)) == expected
