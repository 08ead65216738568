"""What is due about the processes that are left."""

from __future__ import annotations

import pytest

from trainyard_supervisor.ending.due import Action, Patience, State, due

PATIENCE = Patience(grace=50.0, linger=5.0)
STATES = [
    # (state, now, action, when to ask again)
    pytest.param(State(True), 9.0, Action.WAIT, None, id="it runs"),
    pytest.param(State(False), 9.0, Action.DONE, None, id="nothing is left"),
    pytest.param(State(True, stop_asked=0.0), 49.9, Action.WAIT, 50.0, id="within the grace"),
    pytest.param(State(True, stop_asked=0.0), 50.0, Action.KILL, 50.2, id="the grace is over"),
    pytest.param(
        State(True, stop_asked=0.0, killed=50.0), 50.1, Action.WAIT, 50.2, id="just killed"
    ),
    pytest.param(
        State(True, stop_asked=0.0, killed=50.0), 51.0, Action.KILL, 51.2, id="killed, and still there"
    ),
    pytest.param(State(True, program_ended=1.0), 5.9, Action.WAIT, 6.0, id="children linger"),
    pytest.param(State(True, program_ended=1.0), 6.0, Action.END_REST, 6.0, id="for too long"),
    pytest.param(
        State(True, program_ended=1.0, rest_ended=6.0), 10.9, Action.WAIT, 11.0, id="were asked"
    ),
    pytest.param(
        State(True, program_ended=1.0, rest_ended=6.0), 11.0, Action.KILL, 11.2, id="did not listen"
    ),
    pytest.param(
        State(True, program_ended=3.0, stop_asked=1.0),
        3.0,
        Action.END_REST,
        3.0,
        id="the launcher went at the stop",
    ),
    pytest.param(
        State(True, program_ended=3.0, stop_asked=1.0, rest_ended=3.0),
        50.9,
        Action.WAIT,
        51.0,
        id="its children have the whole grace",
    ),
    pytest.param(
        State(True, program_ended=3.0, stop_asked=8.5, rest_ended=8.0),
        58.4,
        Action.WAIT,
        58.5,
        id="a stop while the rest ends",
    ),
    pytest.param(
        State(False, program_ended=3.0, stop_asked=1.0), 90.0, Action.DONE, None, id="all gone"
    ),
]  # fmt: skip


@pytest.mark.parametrize(("state", "now", "action", "again"), STATES)
def test_what_is_due(state: State, now: float, action: Action, again: float | None) -> None:
    assert due(state, now, PATIENCE) == (action, again)
