"""One session: what it is now, and what has to be done about it.

`evaluate` is level-triggered. It looks only at what exists (the session as the API server has it,
its Jobs, its pods) and at the time. So a restart at any moment, a missed event or a repeated one
changes nothing. The order of writes makes this true: a Job is created before the status mentions
it, and the status says that a session has to leave before its Job is deleted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from trainyard_api import timestamps
from trainyard_api.phase import TERMINAL, Phase, Reason
from trainyard_operator.core.attempts.attempt import Attempt
from trainyard_operator.core.attempts.attempt_state import evaluate_attempt
from trainyard_operator.core.attempts.surroundings import NOTHING_KNOWN, Surroundings
from trainyard_operator.core.config import OperatorConfig
from trainyard_operator.core.environments.preparation import (
    NO_PREPARATION,
    Preparation,
    is_prepared,
    prepare,
)
from trainyard_operator.core.session_state import SessionState
from trainyard_scheduler.admissibility import Admissibility
from trainyard_scheduler.objects.model import BuilderJob, Job, Pod, Session, queued_now
from trainyard_scheduler.readiness import Readiness, readiness

LOOKUP_DELAY_SECONDS: Final = 2.0
"""Pending because the dataset was not looked up yet is written only after this.

Mostly the gateway answers sooner, which saves a write.
"""


def evaluate(  # noqa: PLR0913  # the session and everything that bears on it
    session: Session,
    jobs: Mapping[int, Job],
    pods: Mapping[str, Pod],
    admissibility: Admissibility,
    resume_ready: bool,
    now: float,
    config: OperatorConfig,
    unreleased: tuple[str, ...] = (),
    preparation: Preparation = NO_PREPARATION,
    around: Surroundings = NOTHING_KNOWN,
) -> SessionState:
    """What `session` is at `now`, in seconds since the epoch.

    `jobs` are its Jobs by attempt, `pods` its pods by UID. `resume_ready` is whether the session
    that resumeFrom names exists; `unreleased` are the Secrets that it names and may not have;
    `preparation` are the Jobs and pods that install its packages; `around` are nodes and warnings.
    """
    attempt = Attempt(session, jobs, pods, now, config, around)
    if session.status.phase in TERMINAL:
        return _finished(attempt, preparation)
    if attempt.open:
        return evaluate_attempt(attempt)
    return _waiting(attempt, admissibility, resume_ready, unreleased, preparation)


def _finished(attempt: Attempt, preparation: Preparation) -> SessionState:
    session, status, now = attempt.session, attempt.session.status, attempt.now
    if status.phase is None:
        raise ValueError("a session without a phase has not ended")
    # Possible only if the status was written by hand; GPUs must not stay used because of it.
    own = tuple(j for j in attempt.jobs.values() if not j.finished and not j.deleting)
    leftover: tuple[Job | BuilderJob, ...] = (*own, *preparation.unended())
    ttl = attempt.config.retention_seconds if session.spec.ttl is None else session.spec.ttl
    expires = None
    if ttl is not None and status.completed is not None:
        expires = status.completed + ttl
    expired = expires is not None and expires <= now
    return SessionState(
        status.phase,
        "",
        "",
        delete_jobs=leftover,
        delete_session=expired and not session.deleting,
        wake=None if expired else expires,
    )


def _waiting(
    attempt: Attempt,
    admissibility: Admissibility,
    resume_ready: bool,
    unreleased: tuple[str, ...],
    preparation: Preparation,
) -> SessionState:
    session, now = attempt.session, attempt.now
    ready = readiness(
        session,
        admissibility,
        now,
        resume_ready=resume_ready,
        live_pods=bool(attempt.live),
        holds=attempt.held_up(),
        unreleased=unreleased,
        prepared=is_prepared(session, attempt.config),
    )
    match ready.reason:
        case Reason.STOPPED_BY_OWNER:
            phase = Phase.STOPPED if attempt.number else Phase.CANCELLED
            return SessionState(phase, ready.message, ready.reason, attempt.end())
        case Reason.SUSPENDED_BY_OWNER:
            return _suspended(session, ready.message, preparation)
        case Reason.PREPARING_ENVIRONMENT:
            return prepare(session, preparation, now, attempt.config, attempt.around)
        case Reason.WAITING_FOR_RETRY:
            return _queued(attempt, ready.reason, ready.message, wake=session.status.retry)
        case Reason.WAITING_FOR_PREVIOUS_PODS:
            return _queued(attempt, ready.reason, ready.message, wake=attempt.late_at())
        case Reason.WAITING_FOR_TURN:
            return _queued(attempt, ready.reason, ready.message, in_queue=True)
        case Reason.DATASET_UNKNOWN_YET | Reason.CODE_UNKNOWN_YET:
            return _looked_up(session, ready, now)
        case _:
            return SessionState(Phase.PENDING, ready.message, ready.reason)


def _looked_up(session: Session, ready: Readiness, now: float) -> SessionState:
    """The gateway has not looked up yet what it names."""
    wake = session.created + LOOKUP_DELAY_SECONDS
    return SessionState(
        Phase.PENDING,
        ready.message,
        ready.reason,
        delayed=session.status.phase is None and session.created <= now < wake,
        wake=wake if now < wake else None,
    )


def _suspended(session: Session, message: str, preparation: Preparation) -> SessionState:
    """The status says it first; then the installation of its packages is ended."""
    said = session.status.phase == Phase.SUSPENDED
    return SessionState(
        Phase.SUSPENDED,
        message,
        Reason.SUSPENDED_BY_OWNER,
        # A session that does not wait does not age.
        {"queuedTime": None, "retryTime": None},
        delete_jobs=preparation.unended() if said else (),
    )


def _queued(
    attempt: Attempt,
    reason: Reason,
    message: str,
    *,
    in_queue: bool = False,
    wake: float | None = None,
) -> SessionState:
    changes: dict[str, Any] = {}
    if attempt.status.queued is None:
        queued = queued_now(attempt.session, attempt.now)
        changes["queuedTime"] = timestamps.to_micros_text(queued)
    return SessionState(Phase.QUEUED, message, reason, changes, in_queue=in_queue, wake=wake)
