"""How an attempt ended whose Job is complete: what happened decides, not by exit code 0.

| Goal | Disrupted | End |
| --- | --- | --- |
| reached | either | `REACHED` |
| not reached or unknown | yes | `DISRUPTED` |
| not reached | no | `EARLY` |
| unknown | no | `REACHED` |

What the status says of the progress comes by the gateway and may be late. So the operator waits
for it before it decides against success, unless the program itself left its last word in the pod.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from trainyard_operator.core.attempts.attempt import Attempt
from trainyard_operator.core.attempts.disruption import Disruption
from trainyard_operator.core.attempts.position import Position
from trainyard_scheduler.clocks import past
from trainyard_scheduler.objects.model import Job

SETTLE_SECONDS: Final = 15.0
"""After a Job's completion its pods and the last report of a gateway that works have shown."""
LATE_REPORT_SECONDS: Final = 600.0
"""How long the last report is waited for where it seems not to have come."""
FRESH_SECONDS: Final = 10.0
"""A report so shortly before the program's end is the last one."""

PODS_GONE: Final = Disruption(
    "PodsGone", "Its pods were deleted before it was seen how they ended."
)


class End(Enum):
    """How the attempt ended."""

    REACHED = auto()
    DISRUPTED = auto()
    EARLY = auto()
    UNDECIDED = auto()
    """The last report may still come."""


@dataclass(frozen=True, slots=True)
class Completion:
    """What a complete Job means for its session."""

    end: End
    position: Position | None = None
    disruption: Disruption | None = None
    wake: float | None = None
    """When to look again, in seconds since the epoch."""


def completion_of(attempt: Attempt, job: Job) -> Completion:
    """How the attempt ended whose Job is complete, as known at `attempt.now`."""
    stated = Position.stated(attempt.own)
    position = stated or Position.reported(attempt.status, attempt.number)
    if position is not None and position.reached():
        return Completion(End.REACHED, position)
    disruption = attempt.disruption()
    taken = disruption is not None or attempt.was_ended(job)
    gone = attempt.ended_pods() < job.workers
    if not gone and not taken and (position is None or position.reached(position.stride)):
        return Completion(End.REACHED, position)
    known = position is not None and position.has_goal
    if not gone and not taken and not known:
        return Completion(End.REACHED, position)
    until = attempt.now if stated else _settled(attempt, job, known=known, gone=gone)
    if attempt.now < until:
        return Completion(End.UNDECIDED, position, disruption, until)
    if taken or gone:
        return Completion(End.DISRUPTED, position, disruption or PODS_GONE)
    return Completion(End.EARLY, position)


def _settled(attempt: Attempt, job: Job, *, known: bool, gone: bool) -> float:
    """When pods and progress have certainly shown, in seconds since the epoch."""
    finish = past(job.finish_time, attempt.now) or 0.0
    if not known:
        return finish + SETTLE_SECONDS if gone else attempt.now
    ended = max((p.ended for p in attempt.own if p.ended is not None), default=finish)
    reported = attempt.status.eta_at or 0.0
    if abs(ended - reported) <= FRESH_SECONDS:
        return finish + SETTLE_SECONDS
    return finish + LATE_REPORT_SECONDS
