"""One session: what it is now, and what has to be done about it.

`evaluate` is level-triggered: it looks only at what exists (the session as the API server has it, its Jobs, its pods) and the
time, so that a restart at any moment, a missed event or a repeated one changes nothing. The order of writes makes that
true: a Job is created before the status speaks of it, and the status says that a session has to leave before its Job is
deleted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainyard_api import timestamps
from trainyard_api.phase import (
    HOLDING_GPUS,
    RETRYABLE,
    TERMINAL,
    DesiredState,
    FailureClass,
    Phase,
    Reason,
)
from trainyard_operator.core.attempt import Attempt
from trainyard_operator.core.diagnosis import Cause, failure_of, operator_failure, stuck
from trainyard_operator.core.session_state import SessionState
from trainyard_scheduler.admissibility import Admissibility
from trainyard_scheduler.objects.installation import InstallationConfig
from trainyard_scheduler.objects.model import Job, Pod, Session, queued_now

STARTING_DELAY_SECONDS = 3.0
"""Starting is written only when it lasts: most sessions are Running sooner, which saves a write each."""
ENDING_DELAY_SECONDS = 10.0
"""That all workers have succeeded is written only when it lasts: the Job mostly says a second later that it is complete."""
LOOKUP_DELAY_SECONDS = 2.0
"""Pending for want of an answer about the dataset is written only when it lasts; the gateway mostly answers sooner."""
LONGEST_BACKOFF_SECONDS = 3600


def evaluate(  # noqa: PLR0913  # the session and everything that bears on it
    session: Session,
    jobs: Mapping[int, Job],
    pods: Mapping[str, Pod],
    admissibility: Admissibility,
    resume_ready: bool,
    now: float,
    config: InstallationConfig,
) -> SessionState:
    """What `session` is, from its Jobs (by attempt), its pods and the time."""
    return _Evaluation(Attempt(session, jobs, pods, now, config)).verdict(
        admissibility, resume_ready
    )


class _Evaluation:
    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self.session = attempt.session
        self.spec, self.status = attempt.spec, attempt.status
        self.now, self.config = attempt.now, attempt.config
        # Somebody's finalizer may keep a deleted session for long; its GPUs are not kept with it.
        deleting = self.session.deleting
        self.desired = DesiredState.STOPPED if deleting else self.spec.desired

    def verdict(self, admissibility: Admissibility, resume_ready: bool) -> SessionState:
        if self.status.phase in TERMINAL:
            return self._finished()
        if self.attempt.open:
            return self._attempt()
        return self._waiting(admissibility, resume_ready)

    # ── ended ─────────────────────────────────────────────────────────────────────────────────────────────

    def _finished(self) -> SessionState:
        status = self.status
        if status.phase is None:
            raise ValueError("a session without a phase has not ended")
        # Cannot be, unless somebody wrote the status by hand; GPUs must not stay taken because of it.
        leftover = tuple(j for j in self.attempt.jobs.values() if not j.finished and not j.deleting)
        expires = None
        if self.spec.ttl is not None and status.completed is not None:
            expires = status.completed + self.spec.ttl
        expired = expires is not None and expires <= self.now
        return SessionState(
            status.phase,
            "",
            "",
            delete_jobs=leftover,
            delete_session=expired and not self.session.deleting,
            wake=None if expired else expires,
        )

    # ── waiting ───────────────────────────────────────────────────────────────────────────────────────────

    def _waiting(self, admissibility: Admissibility, resume_ready: bool) -> SessionState:
        if self.desired == DesiredState.STOPPED:
            return self._stop_waiting()
        if self.desired == DesiredState.SUSPENDED:
            message = "Suspended by its owner; set desiredState to Running to go on."
            # Who does not wait gains no age.
            changes = {"queuedTime": None, "retryTime": None}
            return SessionState(Phase.SUSPENDED, message, Reason.SUSPENDED_BY_OWNER, changes)
        if not admissibility.ok:
            return SessionState(Phase.PENDING, admissibility.message, admissibility.reason)
        if self.spec.dataset and self.status.dataset_state != "Found":
            return self._without_dataset()
        if self.spec.resume_session and not resume_ready:
            message = (
                f"There is no session {self.spec.resume_session!r}, which resumeFrom names. It starts by itself "
                "when there is one."
            )
            return SessionState(Phase.PENDING, message, Reason.RESUME_SOURCE_NOT_FOUND)
        return self._queued()

    def _stop_waiting(self) -> SessionState:
        if self.attempt.number == 0:
            changes = self.attempt.end()
            message = "Stopped by its owner before it ever ran."
            return SessionState(Phase.CANCELLED, message, Reason.STOPPED_BY_OWNER, changes)
        message = "Stopped by its owner; checkpoints are kept."
        return SessionState(Phase.STOPPED, message, Reason.STOPPED_BY_OWNER, self.attempt.end())

    def _without_dataset(self) -> SessionState:
        name = self.spec.dataset
        if self.status.dataset_state == "NotFound":
            message = (
                f"The dataset {name!r} is not registered. Upload it; the session starts by itself."
            )
            return SessionState(Phase.PENDING, message, Reason.DATASET_NOT_FOUND)
        message = f"Waiting for the gateway to look up the dataset {name!r}."
        wake = self.session.created + LOOKUP_DELAY_SECONDS
        return SessionState(
            Phase.PENDING,
            message,
            Reason.DATASET_UNKNOWN_YET,
            delayed=self.status.phase is None and self.session.created <= self.now < wake,
            wake=wake if self.now < wake else None,
        )

    def _queued(self) -> SessionState:
        changes: dict[str, Any] = {}
        if self.status.queued is None:
            changes["queuedTime"] = timestamps.to_micros_text(queued_now(self.session, self.now))
        retry = self.status.retry
        if retry is not None and retry > self.now:
            message = f"The last attempt failed; the next one may start at {timestamps.to_seconds_text(retry)}."
            return SessionState(
                Phase.QUEUED, message, Reason.WAITING_FOR_RETRY, changes, wake=retry
            )
        if self.attempt.live:
            message = "Waits until the pods of its last attempt are gone."
            return SessionState(Phase.QUEUED, message, Reason.WAITING_FOR_PREVIOUS_PODS, changes)
        message = "Waits for its turn and for GPUs."
        return SessionState(
            Phase.QUEUED,
            message,
            Reason.WAITING_FOR_TURN,
            changes,
            eligible=True,
        )

    # ── an open attempt ───────────────────────────────────────────────────────────────────────────────────

    def _attempt(self) -> SessionState:
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
        changes = {**self.attempt.account(), **self.attempt.end(), "failure": None}
        message = "Trained to the end."
        return SessionState(Phase.SUCCEEDED, message, Reason.SUCCEEDED, changes)

    def _leaving(self) -> bool:
        return (
            self.desired != DesiredState.RUNNING
            or (
                self.status.phase == Phase.SUSPENDING and self.status.attempt == self.attempt.number
            )
            or self._failed_by_operator()
        )

    def _failed_by_operator(self) -> bool:
        return (
            self.status.failed_attempt == self.attempt.number
            and self.status.failure_class in _BY_OPERATOR
        )

    def _leave(self, job: Job) -> SessionState:
        """The status says it first, then the Job goes; the pods get SIGTERM and the grace period."""
        phase, reason, message = self._leaving_as()
        said = self.status.phase == phase and self.status.attempt == self.attempt.number
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
                "Makes room for another session; it saves a checkpoint and goes back to the queue."
            )
            return Phase.SUSPENDING, Reason.PREEMPTED, message
        message = "It saves a checkpoint and then goes back to the queue, as its owner resumed it meanwhile."
        return Phase.SUSPENDING, Reason.SUSPENDED_BY_OWNER, message

    def _supervised(self, job: Job) -> SessionState:
        if self.attempt.all_succeeded():
            return self._complete_soon()
        cause = stuck(self.attempt.own, self.now, self.config.start_timeout_seconds)
        started = self.attempt.started()
        cause = (
            cause
            or self.attempt.podless(job)
            or self.attempt.overdue(started)
            or self.attempt.stalled(started)
        )
        if cause is not None:
            return self._failing(cause)
        if started is None:
            return self._starting(job)
        return self._running("All workers run.", started, wake=self.attempt.next_check(started))

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
        age = self.now - job.created
        delayed = 0 <= age < STARTING_DELAY_SECONDS and self.status.phase not in HOLDING_GPUS
        waiting = next((p for p in self.attempt.own if p.waiting_reason or p.unschedulable), None)
        message = "Its pods are being placed and their images pulled."
        wake = job.created + (
            STARTING_DELAY_SECONDS if delayed else self.config.start_timeout_seconds
        )
        if waiting is not None and waiting.unschedulable:
            message = f"kube-scheduler has not placed a pod yet: {waiting.unschedulable}"[:1024]
            since = waiting.unschedulable_since
            if since is not None and not delayed:
                wake = since + self.config.start_timeout_seconds
        changes = {**self.attempt.identity(), "attemptStartTime": None}
        if self.status.attempt_started is not None and self.status.attempt == self.attempt.number:
            # It ran already: one of its workers went away, and the Job will say so in a moment.
            return SessionState(Phase.RUNNING, "A worker is gone.", Reason.PODS_RUNNING)
        return SessionState(
            Phase.STARTING, message, Reason.PODS_STARTING, changes, delayed=delayed, wake=wake
        )

    def _complete_soon(self) -> SessionState:
        """All workers have succeeded, and the Job does not say so yet."""
        started = max(
            (p.started for p in self.attempt.own if p.started is not None), default=self.now
        )
        ended = max((p.ended for p in self.attempt.own if p.ended is not None), default=self.now)
        message = "All workers have ended; waits for the Job to be complete."
        # The node's clock may be another one.
        fresh = abs(self.now - ended) < ENDING_DELAY_SECONDS
        wake = ended + ENDING_DELAY_SECONDS if fresh else None
        return self._running(message, started, delayed=fresh, wake=wake)

    def _failing(self, cause: Cause) -> SessionState:
        """Say at once why; the attempt is accounted for when its pods are gone."""
        phase, reason = self._holding_as()
        changes = {**self.attempt.identity(), **self.attempt.failure(cause)}
        return SessionState(phase, cause.message[:1024], reason, changes)

    def _holding_as(self) -> tuple[Phase, Reason]:
        if self.status.phase in HOLDING_GPUS and self.status.phase != Phase.STARTING:
            return self.status.phase or Phase.RUNNING, Reason.PODS_RUNNING
        return Phase.STARTING, Reason.PODS_STARTING

    def _ending(self, cause: Cause | None) -> SessionState:
        """The Job is over or gone, and some of its pods are still ending."""
        changes = self.attempt.identity()
        if cause is not None and not cause.preempted and self.desired == DesiredState.RUNNING:
            changes = {**changes, **self.attempt.failure(cause)}
        if self._leaving():
            phase, reason, message = self._leaving_as()
            return SessionState(phase, message, reason, changes)
        phase, reason = self._holding_as()
        return SessionState(phase, "Waits until its last pods are gone.", reason, changes)

    def _ended(self, cause: Cause | None) -> SessionState:
        if self.desired == DesiredState.STOPPED:
            message = "Stopped by its owner; checkpoints are kept."
            changes = {**self.attempt.account(), **self.attempt.end()}
            return SessionState(Phase.STOPPED, message, Reason.STOPPED_BY_OWNER, changes)
        if self.desired == DesiredState.SUSPENDED:
            message = "Suspended by its owner; set desiredState to Running to go on."
            changes = {**self.attempt.account(), "queuedTime": None, "retryTime": None}
            return SessionState(Phase.SUSPENDED, message, Reason.SUSPENDED_BY_OWNER, changes)
        if self._failed_by_operator() or (
            self.status.failed_attempt == self.attempt.number
            and (cause is None or self.attempt.job is None)
        ):
            return self._failed(None)
        if self.status.phase == Phase.SUSPENDING and self.status.attempt == self.attempt.number:
            return self._again()
        if cause is not None and cause.preempted:
            wait = timestamps.to_seconds_text(self.now + self.spec.backoff_seconds)
            return self._again({"retryTime": wait})
        if self.attempt.job is None:
            cause = operator_failure(
                FailureClass.JOB_DELETED, "The session's Job was deleted by somebody."
            )
        return self._failed(cause or operator_failure(FailureClass.UNKNOWN, "The Job failed."))

    def _again(self, changes: Mapping[str, Any] | None = None) -> SessionState:
        """Back to the queue without a failure; age is kept unless its owner had suspended it."""
        preempted = self.status.preempting or changes is not None
        counted: dict[str, Any] = {"preemptions": self.status.preemptions + 1} if preempted else {}
        message = (
            "Made room for another session; goes on from its last checkpoint when its turn comes."
        )
        if not preempted:
            counted = {"queuedTime": timestamps.to_micros_text(queued_now(self.session, self.now))}
            message = "Resumed by its owner; waits for its turn."
        merged = {**self.attempt.account(), **counted, "retryTime": None, **(changes or {})}
        return SessionState(Phase.QUEUED, message, Reason.WAITING_FOR_TURN, merged)

    def _failed(self, cause: Cause | None) -> SessionState:
        """Retry or give up. Without `cause` the status has the failure already."""
        kind = cause.kind if cause else self.status.failure_class
        noted = self.attempt.failure(cause) if cause else {}
        failures = self.status.failures + 1
        changes = {**self.attempt.account(), **noted, "failures": failures}
        sentence = cause.message if cause else f"The last attempt ended: {kind}."
        if kind in RETRYABLE and failures <= self.spec.retry_limit:
            pause = self.spec.backoff_seconds * 2 ** (failures - 1)
            retry = self.now + min(pause, LONGEST_BACKOFF_SECONDS)
            changes["retryTime"] = timestamps.to_seconds_text(retry)
            message = f"Attempt {self.attempt.number} failed ({kind}); retry {failures} of {self.spec.retry_limit} follows. {sentence}"
            return SessionState(
                Phase.QUEUED, message[:1024], Reason.WAITING_FOR_RETRY, changes, wake=retry
            )
        message = f"Attempt {self.attempt.number} failed ({kind}). {sentence}"[:1024]
        return SessionState(Phase.FAILED, message, str(kind), {**changes, **self.attempt.end()})


_BY_OPERATOR = frozenset(
    {
        FailureClass.IMAGE_UNAVAILABLE,
        FailureClass.CONTAINER_CONFIG,
        FailureClass.UNSCHEDULABLE,
        FailureClass.STALLED,
        FailureClass.DEADLINE_EXCEEDED,
    }
)
"""Failures that the operator states while the Job still runs, and ends it for."""
