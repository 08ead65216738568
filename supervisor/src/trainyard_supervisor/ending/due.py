"""What to do about the processes that are left. Pure: times are seconds of a monotonic clock."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

LINGER_SECONDS = 5.0
"""How long processes may run after the program has ended by itself, and again after SIGTERM."""


class Patience(NamedTuple):
    """How long is waited, in seconds."""

    grace: float
    """From the stop signal to SIGKILL."""
    linger: float = LINGER_SECONDS


KILL_AGAIN_SECONDS = 0.2
"""Between two SIGKILLs to all: a process may have started another one meanwhile."""


class Action(Enum):
    """What is due."""

    WAIT = "wait"
    END_REST = "end the rest"
    """SIGTERM to what still runs after the program."""
    KILL = "kill"
    """SIGKILL to everything."""
    DONE = "done"
    """Nothing is left."""


class State(NamedTuple):
    """What is known; times are None for what has not happened."""

    processes_left: bool
    program_ended: float | None = None
    stop_asked: float | None = None
    rest_ended: float | None = None
    """When END_REST was done."""
    killed: float | None = None
    """When KILL was last done."""


def due(state: State, now: float, patience: Patience) -> tuple[Action, float | None]:
    """What is due at `now`, and when to ask again if nothing else happens."""
    if not state.processes_left:
        return Action.DONE, None
    deadline = _deadline(state, patience)
    if deadline is not None and now >= deadline:
        again = deadline if state.killed is None else state.killed + KILL_AGAIN_SECONDS
        return (Action.KILL, now + KILL_AGAIN_SECONDS) if now >= again else (Action.WAIT, again)
    if state.program_ended is None or state.rest_ended is not None:
        return Action.WAIT, deadline
    begins = state.program_ended + (0.0 if state.stop_asked is not None else patience.linger)
    if now >= begins:
        return Action.END_REST, now
    return Action.WAIT, begins


def _deadline(state: State, patience: Patience) -> float | None:
    """When everything is killed."""
    ends = []
    if state.stop_asked is not None:
        ends.append(state.stop_asked + patience.grace)
    elif state.rest_ended is not None:
        ends.append(state.rest_ended + patience.linger)
    return min(ends, default=None)
