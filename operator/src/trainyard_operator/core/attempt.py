"""The current attempt of a session: its Job, pods and deadlines, and its fields in the status.

Times are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainyard_api import names, timestamps
from trainyard_api.phase import FailureClass
from trainyard_operator.core.config import OperatorConfig
from trainyard_operator.core.diagnosis import HINTS, Cause, operator_failure
from trainyard_scheduler.objects.model import (
    Job,
    Pod,
    Session,
    current_attempt,
    queued_now,
    remaining_seconds,
)
from trainyard_scheduler.readiness import has_open_attempt


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
    ) -> None:
        self.session = session
        self.spec, self.status = session.spec, session.status
        self.jobs = jobs
        self.now = now
        self.config = config
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
        running = [p for p in self.own if p.phase == "Running" and p.started is not None]
        workers = self.spec.shape.workers
        done = [p for p in self.own if p.phase == "Succeeded" and p.started is not None]
        if not running or len(running) + len(done) < workers:
            return None
        return max(p.started for p in running + done if p.started is not None)

    def all_succeeded(self) -> bool:
        """Whether every worker has succeeded. The Job may not say so yet."""
        return sum(p.phase == "Succeeded" for p in self.own) >= self.spec.shape.workers

    def podless(self, job: Job) -> Cause | None:
        """The failure if its Job has had no pods for the start timeout."""
        if self.own or self.now - job.created < self.config.start_timeout_seconds:
            return None
        message = (
            f"No pods appeared for Job {job.name}: `kubectl describe job {job.name}` says why."
        )
        return operator_failure(FailureClass.CONTAINER_CONFIG, message)

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
        limit = self._stall_limit(started)
        if limit is None or self.now < limit:
            return None
        message = f"The training step has not risen for {self.spec.stall_timeout} s."
        return operator_failure(FailureClass.STALLED, message)

    def _stall_limit(self, started: float | None) -> float | None:
        if self.spec.stall_timeout is None or started is None:
            return None
        stepped = self.status.stepped if self.status.progress_attempt == self.number else None
        return max(started, stepped or 0.0) + self.spec.stall_timeout

    def next_check(self, started: float) -> float | None:
        """When it will be overdue or stalled if nothing happens; None without such a limit."""
        limits = (self._deadline(started), self._stall_limit(started))
        return min((t for t in limits if t is not None), default=None)

    def identity(self) -> dict[str, Any]:
        """The status fields that name the attempt."""
        name = names.job_name(self.session.name, self.session.uid, self.number)
        queued = self.status.queued or queued_now(self.session, self.now)
        return {
            "attempt": self.number,
            "jobName": name,
            "queuedTime": timestamps.to_micros_text(queued),
        }

    def accounting(self) -> dict[str, Any]:
        """The status fields that record its end: number, run time and GPU time."""
        changes = self.identity()
        began = [p.started for p in self.own if p.started is not None]
        started = min(began) if began else None
        if self.status.attempt == self.number and self.status.attempt_started is not None:
            started = min(started or self.now, self.status.attempt_started)
        if started is None:
            return changes
        ends = [p.ended for p in self.own if p.ended is not None]
        finish = self.job.finish_time if self.job else None
        end = max(ends) if ends else finish or self.now
        ran = max(0, round(end - started))
        changes["attemptStartTime"] = timestamps.to_seconds_text(started)
        changes["startTime"] = timestamps.to_seconds_text(self.status.started or started)
        changes["runSeconds"] = self.status.run_seconds + ran
        changes["gpuSeconds"] = self.status.gpu_seconds + ran * self.spec.shape.gpus
        return changes

    def end(self) -> dict[str, Any]:
        """The status fields of a session that ends with it."""
        finish = self.job.finish_time if self.job else None
        return {"completionTime": timestamps.to_seconds_text(finish or self.now), "retryTime": None}

    def failure(self, cause: Cause) -> dict[str, Any]:
        """The status field that says why it failed and what to do."""
        failure: dict[str, Any] = {
            "class": str(cause.kind),
            "attempt": self.number,
            "reason": cause.reason,
            "message": cause.message,
            "hint": cause.hint or HINTS[cause.kind],
        }
        if cause.exit_code is not None:
            failure["exitCode"] = cause.exit_code
        if cause.lines:
            failure["lastLogLines"] = list(cause.lines)
        return {"failure": failure}
