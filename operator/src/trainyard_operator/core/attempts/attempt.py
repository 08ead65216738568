"""The current attempt of a session: its Job, pods and deadlines, and its fields in the status.

Times are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from trainyard_api import names, timestamps
from trainyard_api.phase import DesiredState, FailureClass, Phase
from trainyard_api.session.allocation import AllocationOutcome
from trainyard_operator.core.attempts.allocation import (
    Span,
    attempt_record,
    bound_at,
    span_of,
    with_record,
)
from trainyard_operator.core.attempts.diagnosis import Cause, failure_of, operator_failure
from trainyard_operator.core.attempts.disruption import Disruption, disruption_of
from trainyard_operator.core.attempts.gateway_life import StallClock, stall_clock
from trainyard_operator.core.attempts.hints import HINTS
from trainyard_operator.core.attempts.repetition import times_alike
from trainyard_operator.core.attempts.starting import Wait, waits_of
from trainyard_operator.core.attempts.surroundings import NOTHING_KNOWN, Surroundings
from trainyard_operator.core.attempts.waiting import waiting_workers
from trainyard_operator.core.config import OperatorConfig
from trainyard_scheduler.clocks import past
from trainyard_scheduler.held_up import held_up, late_at
from trainyard_scheduler.objects.fields import MAX_COUNT
from trainyard_scheduler.objects.model import (
    Job,
    Pod,
    Session,
    current_attempt,
    queued_now,
    remaining_seconds,
)
from trainyard_scheduler.readiness import desired_state, has_open_attempt

FAILED_BY_OPERATOR: Final = frozenset(
    {
        FailureClass.INVALID_IMAGE,
        FailureClass.IMAGE_UNAVAILABLE,
        FailureClass.REGISTRY_UNAVAILABLE,
        FailureClass.CONTAINER_CONFIG,
        FailureClass.SETUP_FAILED,
        FailureClass.QUOTA_EXCEEDED,
        FailureClass.POD_REFUSED,
        FailureClass.START_TIMEOUT,
        FailureClass.UNSCHEDULABLE,
        FailureClass.STALLED,
        FailureClass.DEADLINE_EXCEEDED,
    }
)
"""Failures that the operator finds while the Job still runs, and ends it for."""


OUTLIVED_SECONDS: Final = 30.0
"""So long after its program a pod that is not over is kept alive by another container."""


class Attempt:
    """The last attempt.

    It is *open* from the creation of its Job until the status records its end.
    """

    def __init__(
        self,
        session: Session,
        jobs: Mapping[int, Job],
        pods: Mapping[str, Pod],
        now: float,
        config: OperatorConfig,
        around: Surroundings = NOTHING_KNOWN,
    ) -> None:
        self.session = session
        self.spec, self.status = session.spec, session.status
        self.jobs = jobs
        self.now = now
        self.config = config
        self.around = around
        self.number = current_attempt(session, jobs)
        self.job = jobs.get(self.number)
        self.live = [p for p in pods.values() if p.live]
        job_uid = self.job.uid if self.job else None
        self.own = [
            p
            for p in pods.values()
            if p.attempt == self.number and (job_uid is None or p.job_uid == job_uid)
        ]

    @property
    def open(self) -> bool:
        """Whether it runs, or has ended without the status saying so."""
        return has_open_attempt(self.session, self.jobs)

    def started(self) -> float | None:
        """When the last worker began to run; None until all of them run."""
        running = [p for p in self.own if p.outcome == "Running" and p.started is not None]
        workers = self.spec.shape.workers
        done = [p for p in self.own if p.outcome == "Succeeded"]
        if not running or len(running) + len(done) < workers:
            return None
        started = max(p.started for p in running + done if p.started is not None)
        return min(self._after_job(started), self.now)

    def _after_job(self, time: float) -> float:
        """`time` of a node's clock, but not before the Job was created: that clock may be behind.

        Else a session on such a node would have run for hours when it begins, and be overdue.
        """
        return max(time, self.job.created) if self.job is not None else time

    def all_succeeded(self) -> bool:
        """Whether every worker has succeeded. The Job may not say so yet."""
        return sum(p.outcome == "Succeeded" for p in self.own) >= self.spec.shape.workers

    def ended_pods(self) -> int:
        """How many of its pods show that their programs ended."""
        return sum(p.outcome in ("Succeeded", "Failed") for p in self.own)

    @property
    def has_run(self) -> bool:
        """Whether the status says that all its workers ran once."""
        return self.status.attempt_started is not None and self.is_current

    def cause(self) -> Cause | None:
        """Why it failed, as its pods and its Job say; None as long as nothing failed."""
        nodes = [*(self.job.nodes if self.job else ()), *(p.assigned for p in self.own)]
        return failure_of(self.job, self.own, node_lost=any(map(self.around.lost, nodes)))

    def waits(self, job: Job) -> tuple[Wait, ...]:
        """What its workers wait for whose programs have not begun to run."""
        pods = {p.worker for p in self.own}
        missing = () if self.has_run else set(range(self.spec.shape.workers)) - pods
        workers = waiting_workers(job, self.own, self.around, sorted(missing))
        return waits_of(workers, self.config.start_timeout_seconds, self.now)

    # ── who ended it ──────────────────────────────────────────────────────────────────────

    @property
    def is_current(self) -> bool:
        """Whether the status is about this attempt."""
        return self.status.attempt == self.number

    @property
    def failed_by_operator(self) -> bool:
        """Whether the status says that the operator ends it because of a failure."""
        recorded = self.status.failed_attempt == self.number
        return recorded and self.status.failure_class in FAILED_BY_OPERATOR

    @property
    def suspending(self) -> bool:
        """Whether the status says that it leaves and goes back to the queue."""
        return self.status.phase == Phase.SUSPENDING and self.is_current

    @property
    def leaving(self) -> bool:
        """Whether its owner, the queue or the operator wants it to end."""
        stays = desired_state(self.session) == DesiredState.RUNNING
        return not stays or self.suspending or self.failed_by_operator or self.overstays

    @property
    def overstays(self) -> bool:
        """Whether its program has failed, and its Job has not ended in the time that takes."""
        until = self.stays_until()
        return until is not None and until <= self.now

    def stays_until(self) -> float | None:
        """When a Job whose program has failed has had its time; None if none has failed."""
        time = past(self.status.failure_time, self.now)
        if self.status.failed_attempt != self.number or time is None:
            return None
        return time + self.spec.grace_seconds + OUTLIVED_SECONDS

    @property
    def outlived(self) -> bool:
        """Whether another container keeps a pod alive long after its program ended."""
        return any(end <= self.now for end in self._outlived_at())

    def outlived_at(self) -> float | None:
        """When that will be the case, in seconds since the epoch; None if it never will."""
        return min((end for end in self._outlived_at() if end > self.now), default=None)

    def _outlived_at(self) -> list[float]:
        ended = (p for p in self.own if p.live and p.exit_code is not None and not p.deleting)
        known = ((p.ended, p.started, p.created) for p in ended)
        times = ([t for t in ts if t is not None and past(t, self.now)] for ts in known)
        return [(found[0] if found else 0.0) + OUTLIVED_SECONDS for found in times]

    def troubled_node(self) -> tuple[str, str] | None:
        """A node of its live pods that is not well, and what is wrong with it."""
        pods = sorted((p for p in self.own if p.live), key=lambda p: p.worker)
        found = ((p.assigned, self.around.trouble(p)) for p in pods)
        return next(((name, trouble) for name, trouble in found if trouble), None)

    def held_up(self) -> str:
        """Which of its pods do not end, and why; empty while they have time to."""
        return held_up(self.live, self.around.nodes, self.now, self.jobs.values())

    def late_at(self) -> float | None:
        """When the first of them has had its time."""
        return late_at(self.live, self.now, self.jobs.values())

    def was_ended(self, job: Job) -> bool:
        """Whether the operator deleted its Job before it was complete."""
        return self.leaving and (job.deleting or any(p.deleting for p in self.own))

    def disruption(self) -> Disruption | None:
        """How the cluster took a worker off its node, None if it did not.

        Once the pods are gone, the status remembers it.
        """
        found = self._disruption_of_pods()
        if found is not None or self.status.disrupted_attempt != self.number:
            return found
        if len(self.own) >= self.spec.shape.workers and not self.suspending:
            # The pods are all there and unmarked: Kubernetes took the mark back.
            return None
        return Disruption(self.status.disruption_reason, self.status.disruption_message)

    def _disruption_of_pods(self) -> Disruption | None:
        job = self.job
        others = job is None or job.deleting or job.finished == "Failed" or self.leaving
        failed = any(p.outcome == "Failed" for p in self.own)
        return disruption_of(self.own, job, deletion_counts=not others and not failed)

    def disruption_changes(self) -> dict[str, Any]:
        """The status field that remembers a disruption until the attempt has ended."""
        found = self._disruption_of_pods()
        if found is not None:
            told = {"reason": found.reason, "message": found.message}
            return {"disruption": {"attempt": self.number, **told}}
        remembered = self.status.disrupted_attempt == self.number
        return {"disruption": None} if remembered and self.disruption() is None else {}

    # ── how long it may take ──────────────────────────────────────────────────────────────

    def overdue(self, started: float | None) -> Cause | None:
        """The failure if all attempts together have run for maxRuntimeSeconds."""
        limit = self._deadline(started)
        if limit is None or self.now < limit:
            return None
        message = f"It has run {self.spec.max_runtime} s over all attempts, its maxRuntimeSeconds."
        return operator_failure(FailureClass.DEADLINE_EXCEEDED, message)

    def _deadline(self, started: float | None) -> float | None:
        remaining = remaining_seconds(self.session)
        return None if remaining is None or started is None else started + remaining

    def stalled(self, started: float | None) -> Cause | None:
        """The failure if its step has not risen for stallTimeoutSeconds."""
        clock = self._stall_clock(started)
        if clock is None or not clock.stalled:
            return None
        message = f"The training step has not risen for {self.spec.stall_timeout} s."
        return operator_failure(FailureClass.STALLED, message)

    def unseen_since(self, started: float) -> float | None:
        """Since when the gateway's silence hides whether it is stalled; None without it."""
        clock = self._stall_clock(started)
        return None if clock is None else clock.silent_since

    def _stall_clock(self, started: float | None) -> StallClock | None:
        if self.spec.stall_timeout is None or started is None:
            return None
        stepped = self.status.stepped if self.status.progress_attempt == self.number else None
        # A program's clock may be wrong: a step that lies ahead must not keep it alive.
        last = max(started, past(stepped, self.now) or 0.0)
        return stall_clock(last, self.spec.stall_timeout, self.now, self.around.gateway)

    def next_check(self, started: float) -> float | None:
        """When it will be overdue or stalled if nothing happens; None without such a limit."""
        clock = self._stall_clock(started)
        limits = (self._deadline(started), clock.look if clock is not None else None)
        return min((t for t in limits if t is not None), default=None)

    def identity(self) -> dict[str, Any]:
        """The status fields that name the attempt."""
        name = names.job_name(self.session.name, self.session.uid, self.number)
        queued = self.status.queued or queued_now(self.session, self.now)
        bound = bound_at(self.own, self.status.allocated if self.is_current else None, self.now)
        return {
            "attempt": self.number,
            "attemptAllocatedTime": None if bound is None else timestamps.to_seconds_text(bound),
            "jobName": name,
            "queuedTime": timestamps.to_micros_text(queued),
        }

    def accounting(self, outcome: AllocationOutcome) -> dict[str, Any]:
        """The status fields that record its end: number, run time, GPU time, what it held."""
        status, finish = self.status, self.job.finish_time if self.job else None
        bound = (status.allocated or status.attempt_started) if self.is_current else None
        known = Span(bound, past(finish, self.now) or self.now, ran=self.has_run)
        span = span_of(self.own, self.spec.shape.workers, known, self.now)
        record = attempt_record(self.session, self.number, span, outcome, self.now)
        return {**self._run_time(), **with_record(self.session, record)}

    def _run_time(self) -> dict[str, Any]:
        changes = self.identity()
        began = [p.started for p in self.own if p.started is not None]
        started = min(began) if began else None
        if self.status.attempt == self.number and self.status.attempt_started is not None:
            started = min(started or self.now, self.status.attempt_started)
        if started is None:
            return changes
        ends = [p.ended for p in self.own if p.ended is not None]
        finish = self.job.finish_time if self.job else None
        if not ends:  # the end is by another clock
            started = self._after_job(started)
        end = min(max(ends) if ends else finish or self.now, self.now)
        ran = max(0, round(end - started))
        started = self._after_job(started)
        changes["attemptStartTime"] = timestamps.to_seconds_text(started)
        changes["startTime"] = timestamps.to_seconds_text(self.status.started or started)
        changes["runSeconds"] = min(MAX_COUNT, self.status.run_seconds + ran)
        gpu_seconds = self.status.gpu_seconds + ran * self.spec.shape.gpus
        changes["gpuSeconds"] = min(MAX_COUNT, gpu_seconds)
        return changes

    def end(self) -> dict[str, Any]:
        """The status fields of a session that ends with it."""
        finish = past(self.job.finish_time, self.now) if self.job else None
        return {"completionTime": timestamps.to_seconds_text(finish or self.now), "retryTime": None}

    def failure(self, cause: Cause) -> dict[str, Any]:
        """The status field that says why it failed and what to do."""
        failure: dict[str, Any] = {
            "class": str(cause.kind),
            "attempt": self.number,
            "reason": cause.reason,
            "message": cause.message,
            "hint": cause.hint or HINTS[cause.kind],
            "alike": times_alike(self.status, self.number, cause),
        }
        if cause.exit_code is not None:
            failure["exitCode"] = cause.exit_code
        if cause.lines:
            failure["lastLogLines"] = list(cause.lines)
        return {"failure": failure}
