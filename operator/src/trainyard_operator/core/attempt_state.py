"""What a session with an open attempt is now, and what has to be done about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from trainyard_api import timestamps
from trainyard_api.phase import HOLDING_GPUS, RETRYABLE, DesiredState, FailureClass, Phase, Reason
from trainyard_operator.core.attempt import Attempt
from trainyard_operator.core.diagnosis import Cause, failure_of, operator_failure, stuck
from trainyard_operator.core.session_state import SessionState
from trainyard_scheduler.objects.model import Job, queued_now
from trainyard_scheduler.readiness import desired_state

STARTING_DELAY_SECONDS: Final = 3.0
"""Starting is written only after this. Most sessions are Running sooner, which saves a write."""
ENDING_DELAY_SECONDS: Final = 10.0
"""That all workers have succeeded is written only after this.

Mostly the Job is complete a second later, which saves a write.
"""
MAX_BACKOFF_SECONDS: Final = 3600

FAILED_BY_OPERATOR: Final = frozenset(
    {
        FailureClass.IMAGE_UNAVAILABLE,
        FailureClass.CONTAINER_CONFIG,
        FailureClass.UNSCHEDULABLE,
        FailureClass.STALLED,
        FailureClass.DEADLINE_EXCEEDED,
    }
)
"""Failures that the operator finds while the Job still runs, and ends it for."""


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
        job = self.attempt.job
        if job is not None and job.finished == "Complete":
            return self._succeeded()
        cause = failure_of(job, self.attempt.own)
        if job is None or job.finished:
            if self.attempt.live:
                return self._ending(cause)
            return self._ended(cause)
        if self._leaving():
            return self._leave(job)
        if cause is not None and not cause.preempted:
            return self._failing(cause)
        return self._supervised(job)

    def _succeeded(self) -> SessionState:
        changes = {**self.attempt.accounting(), **self.attempt.end(), "failure": None}
        return SessionState(Phase.SUCCEEDED, Reason.SUCCEEDED.sentence, Reason.SUCCEEDED, changes)

    # ── it has to leave ───────────────────────────────────────────────────────────────────

    def _leaving(self) -> bool:
        return (
            self.desired != DesiredState.RUNNING
            or (self.status.phase == Phase.SUSPENDING and self._status_is_current())
            or self._failed_by_operator()
        )

    def _status_is_current(self) -> bool:
        return self.status.attempt == self.attempt.number

    def _failed_by_operator(self) -> bool:
        return (
            self.status.failed_attempt == self.attempt.number
            and self.status.failure_class in FAILED_BY_OPERATOR
        )

    def _leave(self, job: Job) -> SessionState:
        """The status says it first, then the Job is deleted.

        The pods get SIGTERM and the grace period.
        """
        phase, reason, message = self._leaving_as()
        said = self.status.phase == phase and self._status_is_current()
        delete = (job,) if said and not job.deleting else ()
        return SessionState(phase, message, reason, self.attempt.identity(), delete_jobs=delete)

    def _leaving_as(self) -> tuple[Phase, Reason | str, str]:
        if self.desired == DesiredState.STOPPED:
            message = "Stopped by its owner; it saves a checkpoint and ends."
            return Phase.STOPPING, Reason.STOPPED_BY_OWNER, message
        if self.desired == DesiredState.SUSPENDED:
            message = "Suspended by its owner; it saves a checkpoint and gives its GPUs back."
            return Phase.SUSPENDING, Reason.SUSPENDED_BY_OWNER, message
        if self._failed_by_operator():
            phase, reason = self._holding_as()
            return phase, reason, f"The attempt is being ended: {self.status.failure_class}."
        if self.status.preempting:
            message = (
                "Preempted by another session; it saves a checkpoint and goes back to the queue."
            )
            return Phase.SUSPENDING, Reason.PREEMPTED, message
        message = (
            "It saves a checkpoint and then goes back to the queue, as its owner resumed it "
            "meanwhile."
        )
        return Phase.SUSPENDING, Reason.SUSPENDED_BY_OWNER, message

    # ── it starts or runs ─────────────────────────────────────────────────────────────────

    def _supervised(self, job: Job) -> SessionState:
        if self.attempt.all_succeeded():
            return self._complete_soon()
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
        message = Reason.PODS_RUNNING.sentence
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
        if self.status.attempt_started is not None and self._status_is_current():
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
        if cause is not None and not cause.preempted and self.desired == DesiredState.RUNNING:
            changes = {**changes, **self.attempt.failure(cause)}
        if self._leaving():
            phase, reason, message = self._leaving_as()
            return SessionState(phase, message, reason, changes)
        phase, holding = self._holding_as()
        return SessionState(phase, "Waits until its last pods are gone.", holding, changes)

    def _ended(self, cause: Cause | None) -> SessionState:
        if self.desired == DesiredState.STOPPED:
            message = "Stopped by its owner; checkpoints are kept."
            changes = {**self.attempt.accounting(), **self.attempt.end()}
            return SessionState(Phase.STOPPED, message, Reason.STOPPED_BY_OWNER, changes)
        if self.desired == DesiredState.SUSPENDED:
            message = "Suspended by its owner; set desiredState to Running to continue."
            changes = {**self.attempt.accounting(), "queuedTime": None, "retryTime": None}
            return SessionState(Phase.SUSPENDED, message, Reason.SUSPENDED_BY_OWNER, changes)
        recorded = self.status.failed_attempt == self.attempt.number
        if self._failed_by_operator() or (recorded and (cause is None or self.attempt.job is None)):
            return self._failed(None)
        if self.status.phase == Phase.SUSPENDING and self._status_is_current():
            return self._requeued()
        if cause is not None and cause.preempted:
            wait = timestamps.to_seconds_text(self.now + self.spec.backoff_seconds)
            return self._requeued({"retryTime": wait})
        if self.attempt.job is None:
            message = "The session's Job was deleted, but not by the operator."
            cause = operator_failure(FailureClass.JOB_DELETED, message)
        return self._failed(cause or operator_failure(FailureClass.UNKNOWN, "The Job failed."))

    def _requeued(self, changes: Mapping[str, Any] | None = None) -> SessionState:
        """Back to the queue without a failure.

        Its age is kept unless its owner had suspended it.
        """
        preempted = self.status.preempting or changes is not None
        if preempted:
            counted: dict[str, Any] = {"preemptions": self.status.preemptions + 1}
            message = (
                "Preempted by another session; resumes from its last checkpoint when its turn "
                "comes."
            )
        else:
            queued = timestamps.to_micros_text(queued_now(self.session, self.now))
            counted = {"queuedTime": queued}
            message = "Resumed by its owner; waits for its turn."
        merged = {**self.attempt.accounting(), **counted, "retryTime": None, **(changes or {})}
        return SessionState(Phase.QUEUED, message, Reason.WAITING_FOR_TURN, merged)

    def _failed(self, cause: Cause | None) -> SessionState:
        """Retry or give up. Without `cause` the status has the failure already."""
        attempt, limit = self.attempt.number, self.spec.retry_limit
        kind = cause.kind if cause else self.status.failure_class
        recorded = self.attempt.failure(cause) if cause else {}
        failures = self.status.failures + 1
        changes = {**self.attempt.accounting(), **recorded, "failures": failures}
        sentence = cause.message if cause else f"The last attempt ended: {kind}."
        if kind in RETRYABLE and failures <= limit:
            pause = self.spec.backoff_seconds * 2 ** (failures - 1)
            retry = self.now + min(pause, MAX_BACKOFF_SECONDS)
            changes["retryTime"] = timestamps.to_seconds_text(retry)
            message = (
                f"Attempt {attempt} failed ({kind}); retry {failures} of {limit} follows. {sentence}"
            )[:1024]
            return SessionState(
                Phase.QUEUED, message, Reason.WAITING_FOR_RETRY, changes, wake=retry
            )
        message = f"Attempt {attempt} failed ({kind}). {sentence}"[:1024]
        return SessionState(Phase.FAILED, message, str(kind), {**changes, **self.attempt.end()})
