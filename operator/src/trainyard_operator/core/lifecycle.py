"""One session: what it is now, and what has to be done about it.

`judge` is level-triggered: it looks only at what exists (the session as the API server has it, its Jobs, its pods) and the
time, so that a restart at any moment, a missed event or a repeated one changes nothing. The order of writes makes that
true: a Job is created before the status speaks of it, and the status says that a session has to leave before its Job is
deleted.

An attempt is *open* from the creation of its Job until the status has accounted for its end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trainyard_api import names
from trainyard_api.phase import (
    HOLDING_GPUS,
    RETRYABLE,
    TERMINAL,
    DesiredState,
    FailureClass,
    Phase,
    Reason,
)
from trainyard_operator.core import times
from trainyard_operator.core.acceptance import Acceptance
from trainyard_operator.core.diagnosis import HINTS, Cause, condemned, failure_of, stuck
from trainyard_operator.core.site import Site
from trainyard_operator.core.world import Job, Pod, Session

STARTING_DELAY_SECONDS = 3.0
"""Starting is written only when it lasts: most sessions are Running sooner, which saves a write each."""
ENDING_DELAY_SECONDS = 10.0
"""That all workers have succeeded is written only when it lasts: the Job mostly says a second later that it is complete."""
LOOKUP_DELAY_SECONDS = 2.0
"""Pending for want of an answer about the dataset is written only when it lasts; the gateway mostly answers sooner."""
LONGEST_BACKOFF_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a session is now."""

    phase: Phase
    message: str
    reason: str
    """Reason of the conditions that this phase sets."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the status that change with it; None removes one."""
    delete_jobs: tuple[Job, ...] = ()
    delete_session: bool = False
    eligible: bool = False
    """Waits, and could start now."""
    delayed: bool = False
    """Not worth a write yet."""
    wake: float | None = None
    """When to judge again even if nothing happens."""


def judge(  # noqa: PLR0913  # the session and everything that bears on it
    session: Session,
    jobs: Mapping[int, Job],
    pods: Mapping[str, Pod],
    acceptance: Acceptance,
    resume_ready: bool,
    now: float,
    site: Site,
) -> Verdict:
    """What `session` is, from its Jobs (by attempt), its pods and the time."""
    return _Case(session, jobs, pods, now, site).verdict(acceptance, resume_ready)


def current_attempt(session: Session, jobs: Mapping[int, Job]) -> int:
    """Number of the last attempt, 0 before the first."""
    return max(session.seen.attempt, max(jobs, default=0))


class _Case:
    def __init__(
        self,
        session: Session,
        jobs: Mapping[int, Job],
        pods: Mapping[str, Pod],
        now: float,
        site: Site,
    ) -> None:
        self.session = session
        self.wish, self.seen = session.wish, session.seen
        # Somebody's finalizer may keep a deleted session for long; its GPUs are not kept with it.
        self.desired = DesiredState.STOPPED if session.deleting else session.wish.desired
        self.jobs = jobs
        self.now = now
        self.site = site
        self.attempt = current_attempt(session, jobs)
        self.job = jobs.get(self.attempt)
        self.live = [p for p in pods.values() if p.live]
        job_uid = self.job.uid if self.job else None
        self.own = [
            p
            for p in pods.values()
            if p.attempt == self.attempt and (job_uid is None or p.job_uid == job_uid)
        ]

    def verdict(self, acceptance: Acceptance, resume_ready: bool) -> Verdict:
        if self.seen.phase in TERMINAL:
            return self._finished()
        if self._open():
            return self._attempt()
        return self._waiting(acceptance, resume_ready)

    def _open(self) -> bool:
        if self.attempt == 0:
            return False
        if self.job is not None and not self.job.finished:
            return True
        return self.seen.attempt < self.attempt or self.seen.phase in HOLDING_GPUS

    # ── ended ─────────────────────────────────────────────────────────────────────────────────────────────

    def _finished(self) -> Verdict:
        seen = self.seen
        if seen.phase is None:
            raise ValueError("a session without a phase has not ended")
        # Cannot be, unless somebody wrote the status by hand; GPUs must not stay taken because of it.
        leftover = tuple(j for j in self.jobs.values() if not j.finished and not j.deleting)
        expires = None
        if self.wish.ttl is not None and seen.completed is not None:
            expires = seen.completed + self.wish.ttl
        expired = expires is not None and expires <= self.now
        return Verdict(
            seen.phase,
            "",
            "",
            delete_jobs=leftover,
            delete_session=expired and not self.session.deleting,
            wake=None if expired else expires,
        )

    # ── waiting ───────────────────────────────────────────────────────────────────────────────────────────

    def _waiting(self, acceptance: Acceptance, resume_ready: bool) -> Verdict:
        if self.desired == DesiredState.STOPPED:
            return self._stop_waiting()
        if self.desired == DesiredState.SUSPENDED:
            message = "Suspended by its owner; set desiredState to Running to go on."
            # Who does not wait gains no age.
            changes = {"queuedTime": None, "retryTime": None}
            return Verdict(Phase.SUSPENDED, message, Reason.SUSPENDED_BY_OWNER, changes)
        if not acceptance.ok:
            return Verdict(Phase.PENDING, acceptance.message, acceptance.reason)
        if self.wish.dataset and self.seen.dataset_state != "Found":
            return self._without_dataset()
        if self.wish.resume_session and not resume_ready:
            message = (
                f"There is no session {self.wish.resume_session!r}, which resumeFrom names. It starts by itself "
                "when there is one."
            )
            return Verdict(Phase.PENDING, message, Reason.RESUME_SOURCE_NOT_FOUND)
        return self._queued()

    def _stop_waiting(self) -> Verdict:
        if self.attempt == 0:
            changes = self._end()
            message = "Stopped by its owner before it ever ran."
            return Verdict(Phase.CANCELLED, message, Reason.STOPPED_BY_OWNER, changes)
        message = "Stopped by its owner; checkpoints are kept."
        return Verdict(Phase.STOPPED, message, Reason.STOPPED_BY_OWNER, self._end())

    def _without_dataset(self) -> Verdict:
        name = self.wish.dataset
        if self.seen.dataset_state == "NotFound":
            message = (
                f"The dataset {name!r} is not registered. Upload it; the session starts by itself."
            )
            return Verdict(Phase.PENDING, message, Reason.DATASET_NOT_FOUND)
        message = f"Waiting for the gateway to look up the dataset {name!r}."
        wake = self.session.created + LOOKUP_DELAY_SECONDS
        return Verdict(
            Phase.PENDING,
            message,
            Reason.DATASET_UNKNOWN_YET,
            delayed=self.seen.phase is None and self.session.created <= self.now < wake,
            wake=wake if self.now < wake else None,
        )

    def _queued(self) -> Verdict:
        changes: dict[str, Any] = {}
        if self.seen.queued is None:
            changes["queuedTime"] = times.precise(queued_now(self.session, self.now))
        retry = self.seen.retry
        if retry is not None and retry > self.now:
            message = f"The last attempt failed; the next one may start at {times.text(retry)}."
            return Verdict(Phase.QUEUED, message, Reason.WAITING_FOR_RETRY, changes, wake=retry)
        if self.live:
            message = "Waits until the pods of its last attempt are gone."
            return Verdict(Phase.QUEUED, message, Reason.WAITING_FOR_PREVIOUS_PODS, changes)
        message = "Waits for its turn and for GPUs."
        return Verdict(
            Phase.QUEUED,
            message,
            Reason.WAITING_FOR_TURN,
            changes,
            eligible=True,
        )

    # ── an open attempt ───────────────────────────────────────────────────────────────────────────────────

    def _attempt(self) -> Verdict:
        job = self.job
        if job is not None and job.finished == "Complete":
            return self._succeeded()
        cause = failure_of(job, self.own)
        if job is None or job.finished:
            if self.live:
                return self._ending(cause)
            return self._ended(cause)
        if self._leaving():
            return self._leave(job)
        if cause is not None and not cause.preempted:
            return self._failing(cause)
        return self._supervised(job)

    def _succeeded(self) -> Verdict:
        changes = {**self._account(), **self._end(), "failure": None}
        message = "Trained to the end."
        return Verdict(Phase.SUCCEEDED, message, Reason.SUCCEEDED, changes)

    def _leaving(self) -> bool:
        return (
            self.desired != DesiredState.RUNNING
            or (self.seen.phase == Phase.SUSPENDING and self.seen.attempt == self.attempt)
            or self._condemned()
        )

    def _condemned(self) -> bool:
        return self.seen.failed_attempt == self.attempt and self.seen.failure_class in _BY_OPERATOR

    def _leave(self, job: Job) -> Verdict:
        """The status says it first, then the Job goes; the pods get SIGTERM and the grace period."""
        phase, reason, message = self._leaving_as()
        said = self.seen.phase == phase and self.seen.attempt == self.attempt
        delete = (job,) if said and not job.deleting else ()
        return Verdict(phase, message, reason, self._identity(), delete_jobs=delete)

    def _leaving_as(self) -> tuple[Phase, Reason | str, str]:
        if self.desired == DesiredState.STOPPED:
            message = "Stopped by its owner; it saves a checkpoint and ends."
            return Phase.STOPPING, Reason.STOPPED_BY_OWNER, message
        if self.desired == DesiredState.SUSPENDED:
            message = "Suspended by its owner; it saves a checkpoint and gives its GPUs back."
            return Phase.SUSPENDING, Reason.SUSPENDED_BY_OWNER, message
        if self._condemned():
            phase, reason = self._holding_as()
            return phase, reason, f"The attempt is being ended: {self.seen.failure_class}."
        if self.seen.preempting:
            message = (
                "Makes room for another session; it saves a checkpoint and goes back to the queue."
            )
            return Phase.SUSPENDING, Reason.PREEMPTED, message
        message = "It saves a checkpoint and then goes back to the queue, as its owner resumed it meanwhile."
        return Phase.SUSPENDING, Reason.SUSPENDED_BY_OWNER, message

    def _supervised(self, job: Job) -> Verdict:
        if self._all_succeeded():
            return self._complete_soon()
        cause = stuck(self.own, self.now, self.site.start_timeout_seconds)
        started = self._started()
        cause = cause or self._podless(job) or self._overdue(started) or self._stalled(started)
        if cause is not None:
            return self._failing(cause)
        if started is None:
            return self._starting(job)
        return self._running("All workers run.", started, wake=self._next_check(started))

    def _running(
        self, message: str, started: float, *, delayed: bool = False, wake: float | None = None
    ) -> Verdict:
        changes = {
            **self._identity(),
            "attemptStartTime": times.text(started),
            "startTime": times.text(self.seen.started or started),
        }
        return Verdict(
            Phase.RUNNING, message, Reason.PODS_RUNNING, changes, delayed=delayed, wake=wake
        )

    def _starting(self, job: Job) -> Verdict:
        age = self.now - job.created
        delayed = 0 <= age < STARTING_DELAY_SECONDS and self.seen.phase not in HOLDING_GPUS
        waiting = next((p for p in self.own if p.waiting_reason or p.unschedulable), None)
        message = "Its pods are being placed and their images pulled."
        wake = job.created + (
            STARTING_DELAY_SECONDS if delayed else self.site.start_timeout_seconds
        )
        if waiting is not None and waiting.unschedulable:
            message = f"kube-scheduler has not placed a pod yet: {waiting.unschedulable}"[:1024]
            since = waiting.unschedulable_since
            if since is not None and not delayed:
                wake = since + self.site.start_timeout_seconds
        changes = {**self._identity(), "attemptStartTime": None}
        if self.seen.attempt_started is not None and self.seen.attempt == self.attempt:
            # It ran already: one of its workers went away, and the Job will say so in a moment.
            return Verdict(Phase.RUNNING, "A worker is gone.", Reason.PODS_RUNNING)
        return Verdict(
            Phase.STARTING, message, Reason.PODS_STARTING, changes, delayed=delayed, wake=wake
        )

    def _complete_soon(self) -> Verdict:
        """All workers have succeeded, and the Job does not say so yet."""
        started = max((p.started for p in self.own if p.started is not None), default=self.now)
        ended = max((p.ended for p in self.own if p.ended is not None), default=self.now)
        message = "All workers have ended; waits for the Job to be complete."
        # The node's clock may be another one.
        fresh = abs(self.now - ended) < ENDING_DELAY_SECONDS
        wake = ended + ENDING_DELAY_SECONDS if fresh else None
        return self._running(message, started, delayed=fresh, wake=wake)

    def _failing(self, cause: Cause) -> Verdict:
        """Say at once why; the attempt is accounted for when its pods are gone."""
        phase, reason = self._holding_as()
        changes = {**self._identity(), **self._failure(cause)}
        return Verdict(phase, cause.message[:1024], reason, changes)

    def _holding_as(self) -> tuple[Phase, Reason]:
        if self.seen.phase in HOLDING_GPUS and self.seen.phase != Phase.STARTING:
            return self.seen.phase or Phase.RUNNING, Reason.PODS_RUNNING
        return Phase.STARTING, Reason.PODS_STARTING

    def _ending(self, cause: Cause | None) -> Verdict:
        """The Job is over or gone, and some of its pods are still ending."""
        changes = self._identity()
        if cause is not None and not cause.preempted and self.desired == DesiredState.RUNNING:
            changes = {**changes, **self._failure(cause)}
        if self._leaving():
            phase, reason, message = self._leaving_as()
            return Verdict(phase, message, reason, changes)
        phase, reason = self._holding_as()
        return Verdict(phase, "Waits until its last pods are gone.", reason, changes)

    def _ended(self, cause: Cause | None) -> Verdict:
        if self.desired == DesiredState.STOPPED:
            message = "Stopped by its owner; checkpoints are kept."
            changes = {**self._account(), **self._end()}
            return Verdict(Phase.STOPPED, message, Reason.STOPPED_BY_OWNER, changes)
        if self.desired == DesiredState.SUSPENDED:
            message = "Suspended by its owner; set desiredState to Running to go on."
            changes = {**self._account(), "queuedTime": None, "retryTime": None}
            return Verdict(Phase.SUSPENDED, message, Reason.SUSPENDED_BY_OWNER, changes)
        if self._condemned() or (
            self.seen.failed_attempt == self.attempt and (cause is None or self.job is None)
        ):
            return self._failed(None)
        if self.seen.phase == Phase.SUSPENDING and self.seen.attempt == self.attempt:
            return self._again()
        if cause is not None and cause.preempted:
            wait = times.text(self.now + self.wish.backoff_seconds)
            return self._again({"retryTime": wait})
        if self.job is None:
            cause = condemned(
                FailureClass.JOB_DELETED, "The session's Job was deleted by somebody."
            )
        return self._failed(cause or condemned(FailureClass.UNKNOWN, "The Job failed."))

    def _again(self, changes: Mapping[str, Any] | None = None) -> Verdict:
        """Back to the queue without a failure; age is kept unless its owner had suspended it."""
        preempted = self.seen.preempting or changes is not None
        counted: dict[str, Any] = {"preemptions": self.seen.preemptions + 1} if preempted else {}
        message = (
            "Made room for another session; goes on from its last checkpoint when its turn comes."
        )
        if not preempted:
            counted = {"queuedTime": times.precise(queued_now(self.session, self.now))}
            message = "Resumed by its owner; waits for its turn."
        merged = {**self._account(), **counted, "retryTime": None, **(changes or {})}
        return Verdict(Phase.QUEUED, message, Reason.WAITING_FOR_TURN, merged)

    def _failed(self, cause: Cause | None) -> Verdict:
        """Retry or give up. Without `cause` the status has the failure already."""
        kind = cause.kind if cause else self.seen.failure_class
        noted = self._failure(cause) if cause else {}
        failures = self.seen.failures + 1
        changes = {**self._account(), **noted, "failures": failures}
        sentence = cause.message if cause else f"The last attempt ended: {kind}."
        if kind in RETRYABLE and failures <= self.wish.retry_limit:
            pause = self.wish.backoff_seconds * 2 ** (failures - 1)
            retry = self.now + min(pause, LONGEST_BACKOFF_SECONDS)
            changes["retryTime"] = times.text(retry)
            message = f"Attempt {self.attempt} failed ({kind}); retry {failures} of {self.wish.retry_limit} follows. {sentence}"
            return Verdict(
                Phase.QUEUED, message[:1024], Reason.WAITING_FOR_RETRY, changes, wake=retry
            )
        message = f"Attempt {self.attempt} failed ({kind}). {sentence}"[:1024]
        return Verdict(Phase.FAILED, message, str(kind), {**changes, **self._end()})

    # ── clocks ────────────────────────────────────────────────────────────────────────────────────────────

    def _started(self) -> float | None:
        """When the last of all workers began to run; None until all run."""
        running = [p for p in self.own if p.phase == "Running" and p.started is not None]
        workers = self.wish.shape.workers
        done = [p for p in self.own if p.phase == "Succeeded" and p.started is not None]
        if not running or len(running) + len(done) < workers:
            return None
        return max(p.started for p in running + done if p.started is not None)

    def _all_succeeded(self) -> bool:
        return sum(p.phase == "Succeeded" for p in self.own) >= self.wish.shape.workers

    def _podless(self, job: Job) -> Cause | None:
        if self.own or self.now - job.created < self.site.start_timeout_seconds:
            return None
        message = (
            f"No pods appeared for Job {job.name}: `kubectl describe job {job.name}` says why."
        )
        return condemned(FailureClass.CONTAINER_CONFIG, message)

    def _overdue(self, started: float | None) -> Cause | None:
        limit = self._deadline(started)
        if limit is None or self.now < limit:
            return None
        message = f"It has run {self.wish.max_runtime} s over all attempts, its maxRuntimeSeconds."
        return condemned(FailureClass.DEADLINE_EXCEEDED, message)

    def _deadline(self, started: float | None) -> float | None:
        if self.wish.max_runtime is None or started is None:
            return None
        return started + max(0, self.wish.max_runtime - self.seen.run_seconds)

    def _stalled(self, started: float | None) -> Cause | None:
        limit = self._stall_limit(started)
        if limit is None or self.now < limit:
            return None
        message = f"The training step has not risen for {self.wish.stall_timeout} s."
        return condemned(FailureClass.STALLED, message)

    def _stall_limit(self, started: float | None) -> float | None:
        if self.wish.stall_timeout is None or started is None:
            return None
        stepped = self.seen.stepped if self.seen.progress_attempt == self.attempt else None
        return max(started, stepped or 0.0) + self.wish.stall_timeout

    def _next_check(self, started: float) -> float | None:
        limits = (self._deadline(started), self._stall_limit(started))
        return min((t for t in limits if t is not None), default=None)

    # ── fields of the status ──────────────────────────────────────────────────────────────────────────────

    def _identity(self) -> dict[str, Any]:
        name = names.job_name(self.session.name, self.session.uid, self.attempt)
        queued = self.seen.queued or queued_now(self.session, self.now)
        return {"attempt": self.attempt, "jobName": name, "queuedTime": times.precise(queued)}

    def _account(self) -> dict[str, Any]:
        """Close the attempt: its number, its running time and GPU time."""
        changes = self._identity()
        began = [p.started for p in self.own if p.started is not None]
        started = min(began) if began else None
        if self.seen.attempt == self.attempt and self.seen.attempt_started is not None:
            started = min(started or self.now, self.seen.attempt_started)
        if started is None:
            return changes
        ends = [p.ended for p in self.own if p.ended is not None]
        finish = self.job.finish_time if self.job else None
        end = max(ends) if ends else finish or self.now
        ran = max(0, round(end - started))
        changes["attemptStartTime"] = times.text(started)
        changes["startTime"] = times.text(self.seen.started or started)
        changes["runSeconds"] = self.seen.run_seconds + ran
        changes["gpuSeconds"] = self.seen.gpu_seconds + ran * self.wish.shape.gpus
        return changes

    def _end(self) -> dict[str, Any]:
        finish = self.job.finish_time if self.job else None
        return {"completionTime": times.text(finish or self.now), "retryTime": None}

    def _failure(self, cause: Cause) -> dict[str, Any]:
        failure: dict[str, Any] = {
            "class": str(cause.kind),
            "attempt": self.attempt,
            "reason": cause.reason,
            "message": cause.message,
            "hint": cause.hint or HINTS[cause.kind],
        }
        if cause.exit_code is not None:
            failure["exitCode"] = cause.exit_code
        if cause.lines:
            failure["lastLogLines"] = list(cause.lines)
        return {"failure": failure}


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


def queued_now(session: Session, now: float) -> float:
    """`now`, with the resourceVersion as the fraction of the second.

    Sessions that became ready in the same second so keep their order, over restarts too: versions rise with every
    write in the cluster.
    """
    return float(int(now)) + (session.version % 1_000_000) / 1_000_000
