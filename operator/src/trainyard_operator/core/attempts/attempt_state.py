"""What a session with an open attempt is now, and what has to be done about it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from trainyard_api import timestamps
from trainyard_api.phase import HOLDING_GPUS, DesiredState, FailureClass, Phase, Reason
from trainyard_operator.core.attempts.attempt import OUTLIVED_SECONDS, Attempt
from trainyard_operator.core.attempts.completion import (
    SETTLE_SECONDS,
    Completion,
    End,
    completion_of,
)
from trainyard_operator.core.attempts.diagnosis import Cause, cause_of_wait, ended_early
from trainyard_operator.core.attempts.disruption import NODE_LOSSES, Disruption
from trainyard_operator.core.attempts.result import ended, succeeded
from trainyard_operator.core.attempts.starting import Wait, first_due, first_reported, next_look
from trainyard_operator.core.session_state import SessionState
from trainyard_scheduler.held_up import NODE_DELETED, way_out
from trainyard_scheduler.objects.model import Job
from trainyard_scheduler.readiness import desired_state

STARTING_DELAY_SECONDS: Final = 3.0
"""Starting is written only after this. Most sessions are Running sooner, which saves a write."""
ENDING_DELAY_SECONDS: Final = 10.0
"""That all workers have succeeded is written only after this.

Mostly the Job is complete a second later, which saves a write.
"""
OVER_BUDGET: Final = (
    "Its budget is spent; it saves a checkpoint and waits until the budget renews or is raised."
)
_GONE: Final = (
    "A worker is gone, and Job {} does not say yet how it ended; kube-controller-manager does that."
)
_UNHEARD: Final = (
    " Its workers may still run there. Five minutes after a node fell silent Kubernetes marks its"
    " pods as lost."
)
_UNSEEN: Final = (
    "No step is seen: the gateway has not renewed its Lease since {}. After its return the session"
    " has its whole stallTimeoutSeconds again."
)
_OVERSTAYS: Final = (
    "The program has failed and its Job does not end, so that the Job is deleted: another container"
    " runs on in its pod, or kube-controller-manager does not act."
)


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
        cause = self.attempt.cause()
        if job is None or job.finished:
            if self.attempt.live:
                return self._ending(cause)
            return ended(self.attempt, cause)
        if self.attempt.leaving:
            return self._leave(job)
        if cause is not None and cause.is_failure:
            return self._failing(cause)
        return self._supervised(job)

    # ── its Job is complete ───────────────────────────────────────────────────────────────

    def _complete(self, job: Job, found: Completion) -> SessionState:
        match found.end:
            case End.REACHED:
                return succeeded(self.attempt, found.position)
            case End.UNDECIDED:
                return self._undecided(job, found)
            case End.DISRUPTED if self.attempt.leaving:
                return ended(self.attempt, None)
            case End.DISRUPTED:
                return ended(self.attempt, None, found.disruption)
            case _:
                return ended(self.attempt, ended_early(str(found.position)))

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
        identity = self.attempt.identity()
        if not job.deleting:
            return SessionState(phase, message, reason, identity, delete_jobs=delete)
        holds = self.attempt.held_up() or f"Waits until Job {job.name} is gone."
        wake = self.attempt.late_at()
        return SessionState(phase, _with(message, holds), reason, identity, wake=wake)

    def _leaving_as(self) -> tuple[Phase, Reason | str, str]:
        if self.desired == DesiredState.STOPPED:
            message = "Stopped by its owner; it saves a checkpoint and ends."
            return Phase.STOPPING, Reason.STOPPED_BY_OWNER, message
        if self.desired == DesiredState.SUSPENDED:
            message = "Suspended by its owner; it saves a checkpoint and gives its GPUs back."
            return Phase.SUSPENDING, Reason.SUSPENDED_BY_OWNER, message
        if self.attempt.failed_by_operator:
            phase, reason = self._holding_as()
            why = f"{self.status.failure_class}: {self.status.failure_message}"
            return phase, reason, f"The attempt is being ended. {why}"[:1024]
        if self.attempt.overstays:
            phase, reason = self._holding_as()
            why = f"{self.status.failure_class}: {self.status.failure_message}"
            return phase, reason, f"{_OVERSTAYS} {why}"[:1024]
        if self.status.over_budget:
            return Phase.SUSPENDING, Reason.BUDGET_SPENT, OVER_BUDGET
        if self.status.preempting:
            message = (
                "Preempted by another session; it saves a checkpoint and goes back to the queue."
            )
            return Phase.SUSPENDING, Reason.PREEMPTED, message
        if (disruption := self.attempt.disruption()) is not None:
            return (
                Phase.SUSPENDING,
                Reason.DISRUPTED,
                _all_leave(disruption, self.spec.shape.workers),
            )
        message = (
            "It saves a checkpoint and then goes back to the queue, as its owner resumed it "
            "meanwhile."
        )
        return Phase.SUSPENDING, Reason.SUSPENDED_BY_OWNER, message

    # ── it starts or runs ─────────────────────────────────────────────────────────────────

    def _supervised(self, job: Job) -> SessionState:
        if self.attempt.all_succeeded():
            return self._complete_soon(job)
        disruption = self.attempt.disruption()
        if disruption is not None and len(self.attempt.own) - self.attempt.ended_pods() < (
            self.spec.shape.workers
        ):
            # The others would wait for it, or train without it.
            return self._disrupted(disruption)
        started, waits = self.attempt.started(), self.attempt.waits(job)
        due = first_due(waits, self.now)
        if due is not None and due.row.kind == FailureClass.NODE_LOST:
            lost = Disruption("NodeLost", due.message)
            told = {"attempt": self.attempt.number, "reason": lost.reason, "message": lost.message}
            return self._disrupted(lost, {"disruption": told})
        cause = (
            (cause_of_wait(due) if due is not None else None)
            or self.attempt.overdue(started)
            or self.attempt.stalled(started)
        )
        if cause is not None:
            return self._failing(cause)
        if started is None:
            return self._starting(job, waits)
        return self._runs(started, disruption)

    def _disrupted(
        self, disruption: Disruption, changes: Mapping[str, Any] | None = None
    ) -> SessionState:
        message = _all_leave(disruption, self.spec.shape.workers)
        changes = {**self.attempt.identity(), **(changes or {})}
        return SessionState(Phase.SUSPENDING, message, Reason.DISRUPTED, changes)

    def _runs(self, started: float, disruption: Disruption | None) -> SessionState:
        """All its workers run, as far as their nodes say."""
        message, reason = Reason.PODS_RUNNING.sentence, Reason.PODS_RUNNING
        if disruption is not None:
            message = disruption.message
            reason = Reason.NODE_NOT_READY if disruption.reason in NODE_LOSSES else reason
        elif troubled := self.attempt.troubled_node():
            name, trouble = troubled
            advice = way_out(name, self.attempt.around.nodes)
            unheard = "" if advice == NODE_DELETED else _UNHEARD
            message, reason = f"{trouble}{unheard} {advice}", Reason.NODE_NOT_READY
        elif (since := self.attempt.unseen_since(started)) is not None:
            message = _UNSEEN.format(timestamps.to_seconds_text(since))
        found = self._running(message, started, wake=self.attempt.next_check(started))
        return replace(found, reason=reason)

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

    def _starting(self, job: Job, waits: Collection[Wait]) -> SessionState:
        told = first_reported(waits, self.now)
        if self.attempt.has_run:
            message = told.message if told is not None else _GONE.format(job.name)
            wake = next_look(waits, self.now)
            return SessionState(Phase.RUNNING, message, Reason.PODS_RUNNING, wake=wake)
        age = self.now - job.created
        delayed = 0 <= age < STARTING_DELAY_SECONDS and self.status.phase not in HOLDING_GPUS
        message = told.message if told is not None else Reason.PODS_STARTING.sentence
        wake = job.created + STARTING_DELAY_SECONDS if delayed else next_look(waits, self.now)
        changes = {**self.attempt.identity(), "attemptStartTime": None}
        return SessionState(
            Phase.STARTING, message, Reason.PODS_STARTING, changes, delayed=delayed, wake=wake
        )

    def _complete_soon(self, job: Job) -> SessionState:
        """All workers have succeeded, and the Job does not say so yet."""
        own = self.attempt.own
        last = max((p.ended for p in own if p.ended is not None), default=job.created)
        if self.attempt.outlived:
            return self._complete_beside_others(replace(job, finish_time=last))
        started = max((p.started for p in own if p.started is not None), default=job.created)
        message = f"All workers have ended; waits for Job {job.name} to be complete."
        # The node's clock may differ from this one, so the difference counts in both directions.
        recent = abs(self.now - last) < ENDING_DELAY_SECONDS
        wake = last + ENDING_DELAY_SECONDS if recent else self.attempt.outlived_at()
        return self._running(message, started, delayed=recent, wake=wake)

    def _complete_beside_others(self, job: Job) -> SessionState:
        """Its programs have ended; a container that was put beside one keeps the Job from its end.

        What is written first ends the attempt; then its Job is deleted.
        """
        found = completion_of(self.attempt, job)
        match found.end:
            case End.REACHED:
                return succeeded(self.attempt, found.position)
            case End.UNDECIDED:
                return self._undecided(job, found)
            case End.DISRUPTED if found.disruption is not None:
                return self._disrupted(found.disruption)
            case _:
                return self._failing(ended_early(str(found.position)))

    def _failing(self, cause: Cause) -> SessionState:
        """Say at once why it failed; its end is recorded when its pods are gone."""
        phase, reason = self._holding_as()
        changes = {**self.attempt.identity(), **self.attempt.failure(cause)}
        until = self.attempt.stays_until()
        wake = until if until is not None else self.now + OUTLIVED_SECONDS
        return SessionState(phase, cause.message[:1024], reason, changes, wake=wake)

    def _holding_as(self) -> tuple[Phase, Reason]:
        if self.status.phase in HOLDING_GPUS and self.status.phase != Phase.STARTING:
            return self.status.phase or Phase.RUNNING, Reason.PODS_RUNNING
        return Phase.STARTING, Reason.PODS_STARTING

    # ── it has ended ──────────────────────────────────────────────────────────────────────

    def _ending(self, cause: Cause | None) -> SessionState:
        """The Job is over or gone, and some of its pods are still ending."""
        changes = self.attempt.identity()
        # What the operator itself stated stays: its deletion ends the others in other ways.
        stated = self.attempt.failed_by_operator
        if cause is not None and cause.is_failure and self.desired == DesiredState.RUNNING:
            changes |= {} if stated else self.attempt.failure(cause)
        found = (*self._holding_as(), "Waits until its last pods are gone.")
        phase, reason, message = self._leaving_as() if self.attempt.leaving else found
        message, wake = _with(message, self.attempt.held_up()), self.attempt.late_at()
        return SessionState(phase, message, reason, changes, wake=wake)


def _with(message: str, more: str) -> str:
    """Both sentences; the second, which says what can be done, stays whole."""
    return f"{message[: 1023 - len(more)]} {more}".strip() if more else message


def _all_leave(disruption: Disruption, workers: int) -> str:
    """What an attempt does that lost a worker which ended with 0, or did not start."""
    end = "It goes back to the queue."
    if workers > 1:
        end = "The other workers save a checkpoint and end, and the session goes back to the queue."
    return _with(disruption.message, end)
