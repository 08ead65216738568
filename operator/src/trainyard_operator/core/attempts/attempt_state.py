"""What a session with an open attempt is now, and what has to be done about it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from trainyard_api import timestamps
from trainyard_api.phase import HOLDING_GPUS, RETRYABLE, DesiredState, FailureClass, Phase, Reason
from trainyard_operator.core.attempts.attempt import Attempt
from trainyard_operator.core.attempts.completion import (
    SETTLE_SECONDS,
    Completion,
    End,
    completion_of,
)
from trainyard_operator.core.attempts.diagnosis import (
    DISRUPTED,
    Cause,
    ended_early,
    environment_gone,
    failure_of,
    operator_failure,
    stuck,
)
from trainyard_operator.core.attempts.disruption import Disruption
from trainyard_operator.core.attempts.position import Position
from trainyard_operator.core.session_state import SessionState
from trainyard_scheduler.objects.model import Job, queued_now
from trainyard_scheduler.readiness import LONGEST_PAUSE_SECONDS, desired_state

STARTING_DELAY_SECONDS: Final = 3.0
"""Starting is written only after this. Most sessions are Running sooner, which saves a write."""
ENDING_DELAY_SECONDS: Final = 10.0
"""That all workers have succeeded is written only after this.

Mostly the Job is complete a second later, which saves a write.
"""
MOST_ALIKE: Final = 2
"""Memory that ran out so often in the same way before any sign of progress is not retried."""
MOST_MISSING: Final = 3
"""Attempts in a row for which removed packages are installed again."""
_NO_GOAL: Final = (
    "All workers ended with exit code 0; the program reported no goal that could be checked."
)
PROGRAM_FAULTS: Final = frozenset({FailureClass.PROGRAM_ERROR, FailureClass.OUT_OF_MEMORY})
"""Failures that the same program repeats with the same data."""


def evaluate_attempt(attempt: Attempt) -> SessionState:
    """What the session of an open attempt is at `attempt.now`."""
    return _Evaluation(attempt).state()


class _Evaluation:
    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self.session = attempt.session
        self.spec, self.status = attempt.spec, attempt.status
        self.now, self.config = attempt.now, attempt.config
        self.desired = desired_state(self.session)

    def state(self) -> SessionState:
        found, news = self._state(), self.attempt.disruption_changes()
        if not news:
            return found
        known = self.status.disrupted_attempt == self.attempt.number
        return replace(found, changes={**news, **found.changes}, delayed=found.delayed and known)

    def _state(self) -> SessionState:
        job = self.attempt.job
        if job is not None and job.finished == "Complete":
            return self._complete(job, completion_of(self.attempt, job))
        cause = failure_of(job, self.attempt.own)
        if job is None or job.finished:
            if self.attempt.live:
                return self._ending(cause)
            return self._ended(cause)
        if self.attempt.leaving:
            return self._leave(job)
        if cause is not None and cause.is_failure:
            return self._failing(cause)
        return self._supervised(job)

    # ── its Job is complete ───────────────────────────────────────────────────────────────

    def _complete(self, job: Job, found: Completion) -> SessionState:
        match found.end:
            case End.REACHED:
                return self._succeeded(found.position)
            case End.UNDECIDED:
                return self._undecided(job, found)
            case End.DISRUPTED if self.attempt.leaving:
                return self._ended(None)
            case End.DISRUPTED:
                return self._ended(None, found.disruption)
            case _:
                return self._ended(ended_early(str(found.position)))

    def _succeeded(self, position: Position | None) -> SessionState:
        changes = {**self.attempt.accounting(), **self.attempt.end(), "failure": None}
        message = "Trained to the end." if position and position.has_goal else _NO_GOAL
        return SessionState(Phase.SUCCEEDED, message, Reason.SUCCEEDED, changes)

    def _undecided(self, job: Job, found: Completion) -> SessionState:
        """All workers have ended with 0, and whether the goal was reached is not known yet."""
        message = "All workers have ended; waits until it is known how far they came."
        if found.position is not None and found.position.has_goal:
            message = f"All workers have ended; waits for their last report ({found.position})."
        wait = (found.wake or self.now) - self.now
        started = self.status.attempt_started or job.created
        short = wait <= SETTLE_SECONDS
        return self._running(message, started, delayed=short, wake=found.wake)

    # ── it has to leave ───────────────────────────────────────────────────────────────────

    def _leave(self, job: Job) -> SessionState:
        """The status says it first, then the Job is deleted.

        The pods get SIGTERM and the grace period.
        """
        phase, reason, message = self._leaving_as()
        said = self.status.phase == phase and self.attempt.is_current
        delete = (job,) if said and not job.deleting else ()
        return SessionState(phase, message, reason, self.attempt.identity(), delete_jobs=delete)

    def _leaving_as(self) -> tuple[Phase, Reason | str, str]:
        if self.desired == DesiredState.STOPPED:
            message = "Stopped by its owner; it saves a checkpoint and ends."
            return Phase.STOPPING, Reason.STOPPED_BY_OWNER, message
        if self.desired == DesiredState.SUSPENDED:
            message = "Suspended by its owner; it saves a checkpoint and gives its GPUs back."
            return Phase.SUSPENDING, Reason.SUSPENDED_BY_OWNER, message
        if self.attempt.failed_by_operator:
            phase, reason = self._holding_as()
            return phase, reason, f"The attempt is being ended: {self.status.failure_class}."
        if self.status.preempting:
            message = (
                "Preempted by another session; it saves a checkpoint and goes back to the queue."
            )
            return Phase.SUSPENDING, Reason.PREEMPTED, message
        if (disruption := self.attempt.disruption()) is not None:
            return Phase.SUSPENDING, Reason.DISRUPTED, _all_leave(disruption)
        message = (
            "It saves a checkpoint and then goes back to the queue, as its owner resumed it "
            "meanwhile."
        )
        return Phase.SUSPENDING, Reason.SUSPENDED_BY_OWNER, message

    # ── it starts or runs ─────────────────────────────────────────────────────────────────

    def _supervised(self, job: Job) -> SessionState:
        if self.attempt.all_succeeded():
            return self._complete_soon()
        disruption = self.attempt.disruption()
        if disruption is not None and len(self.attempt.own) - self.attempt.ended_pods() < (
            self.spec.shape.workers
        ):
            # The others would wait for it, or train without it.
            changes = self.attempt.identity()
            message = _all_leave(disruption)
            return SessionState(Phase.SUSPENDING, message, Reason.DISRUPTED, changes)
        started = self.attempt.started()
        cause = (
            stuck(self.attempt.own, self.now, self.config.start_timeout_seconds)
            or self.attempt.podless(job)
            or self.attempt.overdue(started)
            or self.attempt.stalled(started)
        )
        if cause is not None:
            return self._failing(cause)
        if started is None:
            return self._starting(job)
        message = disruption.message if disruption else Reason.PODS_RUNNING.sentence
        return self._running(message, started, wake=self.attempt.next_check(started))

    def _running(
        self, message: str, started: float, *, delayed: bool = False, wake: float | None = None
    ) -> SessionState:
        changes = {
            **self.attempt.identity(),
            "attemptStartTime": timestamps.to_seconds_text(started),
            "startTime": timestamps.to_seconds_text(self.status.started or started),
        }
        return SessionState(
            Phase.RUNNING, message, Reason.PODS_RUNNING, changes, delayed=delayed, wake=wake
        )

    def _starting(self, job: Job) -> SessionState:
        if self.status.attempt_started is not None and self.attempt.is_current:
            # It ran already: one of its workers went away, and the Job will say so soon.
            return SessionState(Phase.RUNNING, "A worker is gone.", Reason.PODS_RUNNING)
        age, timeout = self.now - job.created, self.config.start_timeout_seconds
        delayed = 0 <= age < STARTING_DELAY_SECONDS and self.status.phase not in HOLDING_GPUS
        message = Reason.PODS_STARTING.sentence
        wake = job.created + (STARTING_DELAY_SECONDS if delayed else timeout)
        waiting = next((p for p in self.attempt.own if p.waiting_reason or p.unschedulable), None)
        if waiting is not None and waiting.unschedulable:
            message = f"kube-scheduler has not placed a pod yet: {waiting.unschedulable}"[:1024]
            since = waiting.unschedulable_since
            if since is not None and not delayed:
                wake = since + timeout
        changes = {**self.attempt.identity(), "attemptStartTime": None}
        return SessionState(
            Phase.STARTING, message, Reason.PODS_STARTING, changes, delayed=delayed, wake=wake
        )

    def _complete_soon(self) -> SessionState:
        """All workers have succeeded, and the Job does not say so yet."""
        own = self.attempt.own
        started = max((p.started for p in own if p.started is not None), default=self.now)
        ended = max((p.ended for p in own if p.ended is not None), default=self.now)
        message = "All workers have ended; waits for the Job to be complete."
        # The node's clock may differ from this one, so the difference counts in both directions.
        recent = abs(self.now - ended) < ENDING_DELAY_SECONDS
        wake = ended + ENDING_DELAY_SECONDS if recent else None
        return self._running(message, started, delayed=recent, wake=wake)

    def _failing(self, cause: Cause) -> SessionState:
        """Say at once why it failed; its end is recorded when its pods are gone."""
        phase, reason = self._holding_as()
        changes = {**self.attempt.identity(), **self.attempt.failure(cause)}
        return SessionState(phase, cause.message[:1024], reason, changes)

    def _holding_as(self) -> tuple[Phase, Reason]:
        if self.status.phase in HOLDING_GPUS and self.status.phase != Phase.STARTING:
            return self.status.phase or Phase.RUNNING, Reason.PODS_RUNNING
        return Phase.STARTING, Reason.PODS_STARTING

    # ── it has ended ──────────────────────────────────────────────────────────────────────

    def _ending(self, cause: Cause | None) -> SessionState:
        """The Job is over or gone, and some of its pods are still ending."""
        changes = self.attempt.identity()
        if cause is not None and cause.is_failure and self.desired == DesiredState.RUNNING:
            changes = {**changes, **self.attempt.failure(cause)}
        if self.attempt.leaving:
            phase, reason, message = self._leaving_as()
            return SessionState(phase, message, reason, changes)
        phase, holding = self._holding_as()
        return SessionState(phase, "Waits until its last pods are gone.", holding, changes)

    def _ended(self, cause: Cause | None, disruption: Disruption | None = None) -> SessionState:
        wanted = self._ended_as_wanted()
        if wanted is not None:
            return wanted
        if self.attempt.failed_by_operator:
            return self._failed(None)
        if cause is not None and cause.environment_gone:
            return self._prepare_again()
        disruption = disruption or self._disrupted_by_cluster(cause)
        if self.attempt.suspending and not self.status.preempting and disruption is None:
            return self._resumed()
        if self.attempt.suspending or disruption or (cause is not None and cause.preempted):
            return self._requeued(disruption, cause)
        recorded = self.status.failed_attempt == self.attempt.number
        if recorded and (cause is None or self.attempt.job is None):
            return self._failed(None)
        if self.attempt.job is None:
            message = "The session's Job was deleted, but not by the operator."
            cause = operator_failure(FailureClass.JOB_DELETED, message)
        return self._failed(cause or operator_failure(FailureClass.UNKNOWN, "The Job failed."))

    def _ended_as_wanted(self) -> SessionState | None:
        """What its owner wants it to be, if that is not to run."""
        if self.desired == DesiredState.STOPPED:
            message = "Stopped by its owner; checkpoints are kept."
            changes = {**self.attempt.accounting(), **self.attempt.end()}
            return SessionState(Phase.STOPPED, message, Reason.STOPPED_BY_OWNER, changes)
        if self.desired == DesiredState.SUSPENDED:
            message = "Suspended by its owner; set desiredState to Running to continue."
            changes = {**self.attempt.accounting(), "queuedTime": None, "retryTime": None}
            return SessionState(Phase.SUSPENDED, message, Reason.SUSPENDED_BY_OWNER, changes)
        return None

    def _disrupted_by_cluster(self, cause: Cause | None) -> Disruption | None:
        """The disruption that ended it, unless the program has a share in it."""
        found = self.attempt.disruption()
        if found is None or found.counts_as_failure:
            return None
        recorded = self.status.failed_attempt == self.attempt.number
        kind = self.status.failure_class if recorded else (cause.kind if cause else None)
        return found if kind is None or kind in DISRUPTED else None

    def _prepare_again(self) -> SessionState:
        """Its packages were removed from the volume meanwhile; its program did not fail."""
        times = self.attempt.missing_environments()
        if times > MOST_MISSING:
            return self._failed(environment_gone(times))
        missing = {"attempt": self.attempt.number, "times": times}
        changes = {
            **self.attempt.accounting(),
            "environment": None,
            "environmentMissing": missing,
            "retryTime": None,
        }
        message = (
            "Its packages are not on the volume any more; they are installed again "
            f"({times} of {MOST_MISSING})."
        )
        return SessionState(Phase.PENDING, message, Reason.PREPARING_ENVIRONMENT, changes)

    def _resumed(self) -> SessionState:
        """Back to the queue after its owner had suspended it; its age counts from now."""
        queued = timestamps.to_micros_text(queued_now(self.session, self.now))
        changes = {**self.attempt.accounting(), "queuedTime": queued, "retryTime": None}
        message = "Resumed by its owner; waits for its turn."
        return SessionState(Phase.QUEUED, message, Reason.WAITING_FOR_TURN, changes)

    def _requeued(self, disruption: Disruption | None, cause: Cause | None) -> SessionState:
        """Back to the queue with its age and without a failure.

        After a preemption by another session it may start at once, otherwise after a pause.
        """
        changes: dict[str, Any] = {**self.attempt.accounting(), "retryTime": None}
        changes["preemptions"] = self.status.preemptions + 1
        if self.attempt.suspending and self.status.preempting:
            who = "Preempted by another session"
        else:
            pause = self.now + self.spec.backoff_seconds
            changes["retryTime"] = timestamps.to_seconds_text(pause)
            who = "Asked to end from outside"
        if disruption is not None:
            who = f"Attempt {self.attempt.number} was disrupted ({disruption.reason})"
            recorded = self.status.failed_attempt == self.attempt.number
            if cause is not None and cause.is_failure and not recorded:
                changes |= self.attempt.failure(cause)
        message = f"{who}; resumes from its last checkpoint when its turn comes."
        return SessionState(Phase.QUEUED, message, Reason.WAITING_FOR_TURN, changes)

    def _failed(self, cause: Cause | None) -> SessionState:
        """Retry or give up. Without `cause` the status has the failure already."""
        attempt, limit = self.attempt.number, self.spec.retry_limit
        kind = cause.kind if cause else self.status.failure_class
        recorded = self.attempt.failure(cause) if cause else {}
        failures = self.status.failures + 1
        changes = {**self.attempt.accounting(), **recorded, "failures": failures}
        sentence = cause.message if cause else f"The last attempt ended: {kind}."
        alike = recorded["failure"]["alike"] if cause else self.status.failure_alike
        repeated = kind in PROGRAM_FAULTS and alike >= MOST_ALIKE
        at_start = kind == FailureClass.PROGRAM_ERROR and self.attempt.failed_at_its_start()
        if kind in RETRYABLE and failures <= limit and not (repeated or at_start):
            pause = self.spec.backoff_seconds * 2 ** (failures - 1)
            retry = self.now + min(pause, LONGEST_PAUSE_SECONDS)
            changes["retryTime"] = timestamps.to_seconds_text(retry)
            message = (
                f"Attempt {attempt} failed ({kind}); retry {failures} of {limit} follows. {sentence}"
            )[:1024]
            return SessionState(
                Phase.QUEUED, message, Reason.WAITING_FOR_RETRY, changes, wake=retry
            )
        message = f"Attempt {attempt} failed ({kind}). {sentence}"[:1024]
        if at_start:
            message = (
                f"Attempt {attempt} failed ({kind}) before any step or checkpoint; the same program"
                f" is not tried again. {sentence}"
            )[:1024]
        elif repeated:
            message = (
                f"Attempt {attempt} failed ({kind}) as the one before it, both before any step or "
                f"checkpoint; it is not tried again. {sentence}"
            )[:1024]
        return SessionState(Phase.FAILED, message, str(kind), {**changes, **self.attempt.end()})


def _all_leave(disruption: Disruption) -> str:
    """What a gang does that lost a worker which ended with 0."""
    end = " The other workers save a checkpoint and end, and the session goes back to the queue."
    return disruption.message[: 1024 - len(end)] + end
