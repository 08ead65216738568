"""What the end of an attempt means for its session: success, retry, the queue again, or failure."""

from __future__ import annotations

from typing import Any, Final

from trainyard_api import timestamps
from trainyard_api.phase import RETRYABLE, UNCOUNTED, DesiredState, FailureClass, Phase, Reason
from trainyard_api.session.allocation import AllocationOutcome
from trainyard_operator.core.attempts.attempt import Attempt
from trainyard_operator.core.attempts.diagnosis import (
    DISRUPTED,
    Cause,
    environment_gone,
    operator_failure,
)
from trainyard_operator.core.attempts.disruption import Disruption
from trainyard_operator.core.attempts.position import Position
from trainyard_operator.core.attempts.repetition import failed_at_its_start, times_missing
from trainyard_operator.core.session_state import SessionState
from trainyard_scheduler.objects.model import queued_now
from trainyard_scheduler.readiness import LONGEST_PAUSE_SECONDS, desired_state

MOST_ALIKE: Final = 2
"""Memory that ran out so often in the same way before any sign of progress is not retried."""
MOST_MISSING: Final = 3
"""Attempts in a row for which removed packages are installed again."""
SHORTEST_PAUSE_SECONDS: Final = 10
"""Least pause after the cluster kept an attempt from starting; it doubles while that lasts."""
_NO_GOAL: Final = (
    "All workers ended with exit code 0; the program reported no goal that could be checked."
)
PROGRAM_FAULTS: Final = frozenset({FailureClass.PROGRAM_ERROR, FailureClass.OUT_OF_MEMORY})
"""Failures that the same program repeats with the same data."""


def succeeded(attempt: Attempt, position: Position | None) -> SessionState:
    """It reached its goal, or no goal is known; `position` is how far it came."""
    changes = {**attempt.accounting(AllocationOutcome.SUCCEEDED), **attempt.end(), "failure": None}
    message = "Trained to the end." if position and position.has_goal else _NO_GOAL
    return SessionState(Phase.SUCCEEDED, message, Reason.SUCCEEDED, changes)


def ended(
    attempt: Attempt, cause: Cause | None, disruption: Disruption | None = None
) -> SessionState:
    """It ended in another way: `cause` is why, `disruption` how the cluster interrupted it."""
    if (wanted := _as_wanted(attempt)) is not None:
        return wanted
    if attempt.failed_by_operator:
        return _failed(attempt, None)
    if cause is not None and cause.environment_gone:
        return _prepare_again(attempt)
    disruption = disruption or _by_cluster(attempt, cause)
    if attempt.suspending and not attempt.status.preempting and disruption is None:
        return _resumed(attempt)
    if attempt.suspending or disruption or (cause is not None and cause.preempted):
        return _requeued(attempt, disruption, cause)
    recorded = attempt.status.failed_attempt == attempt.number
    if recorded and (cause is None or attempt.job is None):
        return _failed(attempt, None)
    if attempt.job is None:
        message = "The session's Job was deleted, but not by the operator."
        cause = operator_failure(FailureClass.JOB_DELETED, message)
    return _failed(attempt, cause or operator_failure(FailureClass.UNKNOWN, "The Job failed."))


def _as_wanted(attempt: Attempt) -> SessionState | None:
    """What its owner wants it to be, if that is not to run."""
    desired = desired_state(attempt.session)
    if desired == DesiredState.STOPPED:
        message = "Stopped by its owner; checkpoints are kept."
        changes = {**attempt.accounting(AllocationOutcome.STOPPED), **attempt.end()}
        return SessionState(Phase.STOPPED, message, Reason.STOPPED_BY_OWNER, changes)
    if desired == DesiredState.SUSPENDED:
        message = "Suspended by its owner; set desiredState to Running to continue."
        changes = {
            **attempt.accounting(AllocationOutcome.SUSPENDED),
            "queuedTime": None,
            "retryTime": None,
        }
        return SessionState(Phase.SUSPENDED, message, Reason.SUSPENDED_BY_OWNER, changes)
    return None


def _by_cluster(attempt: Attempt, cause: Cause | None) -> Disruption | None:
    """The disruption that ended it, unless the program has a share in it."""
    found = attempt.disruption()
    if found is None:
        gone = cause is not None and cause.told_by_job
        return Disruption("DisruptionTarget", cause.message) if gone and cause else None
    if found.counts_as_failure:
        return None
    recorded = attempt.status.failed_attempt == attempt.number
    kind = attempt.status.failure_class if recorded else (cause.kind if cause else None)
    return found if kind is None or kind in DISRUPTED else None


def _prepare_again(attempt: Attempt) -> SessionState:
    """Its packages were removed from the volume meanwhile; its program did not fail."""
    times = times_missing(attempt.status, attempt.number)
    if times > MOST_MISSING:
        return _failed(attempt, environment_gone(times))
    changes = {
        **attempt.accounting(AllocationOutcome.FAILED),
        "environment": None,
        "environmentMissing": {"attempt": attempt.number, "times": times},
        "retryTime": None,
    }
    message = (
        "Its packages are not on the volume any more; they are installed again "
        f"({times} of {MOST_MISSING})."
    )
    return SessionState(Phase.PENDING, message, Reason.PREPARING_ENVIRONMENT, changes)


def _resumed(attempt: Attempt) -> SessionState:
    """Back to the queue after its owner had suspended it; its age counts from now."""
    queued = timestamps.to_micros_text(queued_now(attempt.session, attempt.now))
    changes = {
        **attempt.accounting(AllocationOutcome.SUSPENDED),
        "queuedTime": queued,
        "retryTime": None,
    }
    message = "Resumed by its owner; waits for its turn."
    return SessionState(Phase.QUEUED, message, Reason.WAITING_FOR_TURN, changes)


def _requeued(attempt: Attempt, disruption: Disruption | None, cause: Cause | None) -> SessionState:
    """Back to the queue with its age and without a failure.

    After a preemption by another session it may start at once, otherwise after a pause.
    """
    status = attempt.status
    preempted = attempt.suspending and status.preempting
    outcome = AllocationOutcome.PREEMPTED if preempted else AllocationOutcome.DISRUPTED
    changes: dict[str, Any] = {**attempt.accounting(outcome), "retryTime": None}
    changes["preemptions"] = status.preemptions + 1
    if preempted:
        who = "Preempted by another session"
    else:
        pause = attempt.now + attempt.spec.backoff_seconds
        changes["retryTime"] = timestamps.to_seconds_text(pause)
        who = "Asked to end from outside"
    if disruption is not None:
        who = f"Attempt {attempt.number} was disrupted ({disruption.reason})"
        recorded = status.failed_attempt == attempt.number
        if cause is not None and cause.is_failure and not recorded:
            changes |= attempt.failure(cause)
    message = f"{who}; resumes from its last checkpoint when its turn comes."
    return SessionState(Phase.QUEUED, message, Reason.WAITING_FOR_TURN, changes)


def _failed(attempt: Attempt, cause: Cause | None) -> SessionState:
    """Retry or give up. Without `cause` the status has the failure already."""
    status, limit = attempt.status, attempt.spec.retry_limit
    kind = cause.kind if cause else status.failure_class
    recorded = attempt.failure(cause) if cause else {}
    alike = recorded["failure"]["alike"] if cause else status.failure_alike
    sentence = (cause.message if cause else status.failure_message) or f"It ended: {kind}."
    if kind in UNCOUNTED:
        return _put_back(attempt, str(kind), sentence, recorded, alike)
    failures = status.failures + 1
    changes = {**attempt.accounting(AllocationOutcome.FAILED), **recorded, "failures": failures}
    repeated = kind in PROGRAM_FAULTS and alike >= MOST_ALIKE
    at_start = kind == FailureClass.PROGRAM_ERROR and failed_at_its_start(status, attempt.own)
    if kind in RETRYABLE and failures <= limit and not (repeated or at_start):
        pause = attempt.spec.backoff_seconds * 2 ** (failures - 1)
        retry = attempt.now + min(pause, LONGEST_PAUSE_SECONDS)
        changes["retryTime"] = timestamps.to_seconds_text(retry)
        message = (
            f"Attempt {attempt.number} failed ({kind}); retry {failures} of {limit} follows."
            f" {sentence}"
        )[:1024]
        return SessionState(Phase.QUEUED, message, Reason.WAITING_FOR_RETRY, changes, wake=retry)
    why = f"Attempt {attempt.number} failed ({kind})"
    if at_start:
        why += " before any step or checkpoint; the same program is not tried again"
    elif repeated:
        why += " as the one before it, both before any step or checkpoint; it is not tried again"
    message = f"{why}. {sentence}"[:1024]
    return SessionState(Phase.FAILED, message, str(kind), {**changes, **attempt.end()})


def _put_back(
    attempt: Attempt, kind: str, sentence: str, recorded: dict[str, Any], alike: int
) -> SessionState:
    """Back to the queue with its age and all its retries: the cluster kept it from running."""
    base = max(attempt.spec.backoff_seconds, SHORTEST_PAUSE_SECONDS)
    pause = min(base * 2 ** min(max(alike, 1) - 1, 20), LONGEST_PAUSE_SECONDS)
    retry = attempt.now + pause
    changes = {
        **attempt.accounting(AllocationOutcome.DISRUPTED),
        **recorded,
        "preemptions": attempt.status.preemptions + 1,
        "retryTime": timestamps.to_seconds_text(retry),
    }
    message = (
        f"The cluster kept attempt {attempt.number} from running ({kind}); it goes back to the"
        f" queue and uses no retry. {sentence}"
    )[:1024]
    return SessionState(Phase.QUEUED, message, Reason.WAITING_FOR_RETRY, changes, wake=retry)
