"""The current attempt of a session: its Job, pods and deadlines, and its fields in the status.

Times are seconds since the epoch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from trainyard_api import names, timestamps
from trainyard_api.phase import DesiredState, FailureClass, Phase
from trainyard_operator.core.attempts.diagnosis import HINTS, Cause, operator_failure
from trainyard_operator.core.attempts.disruption import Disruption, disruption_of
from trainyard_operator.core.attempts.position import Position
from trainyard_operator.core.config import OperatorConfig
from trainyard_scheduler.clocks import past
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
        FailureClass.IMAGE_UNAVAILABLE,
        FailureClass.CONTAINER_CONFIG,
        FailureClass.SETUP_FAILED,
        FailureClass.UNSCHEDULABLE,
        FailureClass.STALLED,
        FailureClass.DEADLINE_EXCEEDED,
    }
)
"""Failures that the operator finds while the Job still runs, and ends it for."""


START_SECONDS: Final = 300.0
"""A program that ran so long has done more than to start, also where it reports no step."""
_NUMBERS: Final = re.compile(r"0x[0-9a-fA-F]+|[0-9]+")


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
        started = max(p.started for p in running + done if p.started is not None)
        return min(started, self.now)

    def all_succeeded(self) -> bool:
        """Whether every worker has succeeded. The Job may not say so yet."""
        return sum(p.phase == "Succeeded" for p in self.own) >= self.spec.shape.workers

    def ended_pods(self) -> int:
        """How many of its pods show that they ended."""
        return sum(not p.live for p in self.own)

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
        return not stays or self.suspending or self.failed_by_operator

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
        if len(self.own) >= self.spec.shape.workers:
            # The pods are all there and unmarked: Kubernetes took the mark back.
            return None
        return Disruption(self.status.disruption_reason, self.status.disruption_message)

    def _disruption_of_pods(self) -> Disruption | None:
        job = self.job
        others = job is None or job.deleting or job.finished == "Failed" or self.leaving
        failed = any(p.phase == "Failed" for p in self.own)
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
        # A program's clock may be wrong: a step that lies ahead must not keep it alive.
        return max(started, past(stepped, self.now) or 0.0) + self.spec.stall_timeout

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
        end = min(max(ends) if ends else finish or self.now, self.now)
        ran = max(0, round(end - started))
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
            "alike": self._alike(cause),
        }
        if cause.exit_code is not None:
            failure["exitCode"] = cause.exit_code
        if cause.lines:
            failure["lastLogLines"] = list(cause.lines)
        return {"failure": failure}

    def missing_environments(self) -> int:
        """Attempts in a row, up to this one, that found their packages removed."""
        before = self.status.missing_attempt
        if before == self.number:
            return max(1, self.status.missing_times)
        return self.status.missing_times + 1 if before == self.number - 1 else 1

    def failed_at_its_start(self) -> bool:
        """Whether its program failed soon, and before a sign of progress of this session.

        False where its pods are gone, which would say so.
        """
        status = self.status
        stated = Position.stated(self.own)
        if status.steps_done or status.epochs_done or status.checkpoint is not None:
            return False
        if stated is not None and (stated.step or stated.epoch):
            return False
        began = [p.started for p in self.own if p.started is not None]
        ended = [p.ended for p in self.own if p.ended is not None]
        return bool(began and ended) and max(ended) - min(began) < START_SECONDS

    def _alike(self, cause: Cause) -> int:
        """How many attempts in a row ended like this one before any sign of progress."""
        status = self.status
        if status.failed_attempt == self.number:
            return max(1, status.failure_alike)
        progressed = status.progress_attempt >= status.failed_attempt and (
            status.steps_done > 0 or status.epochs_done > 0 or status.checkpoint is not None
        )
        if status.failed_attempt == 0 or progressed:
            return 1
        before = (status.failure_class, status.failure_exit_code)
        texts = (status.failure_message, status.failure_line)
        now = (cause.message, cause.lines[-1] if cause.lines else "")
        same = before == (cause.kind, cause.exit_code) and [*map(_shape, texts)] == [
            *map(_shape, now)
        ]
        return max(1, status.failure_alike) + 1 if same else 1


def _shape(text: str) -> str:
    """A message without its numbers, which are other addresses, times and process ids each time."""
    return _NUMBERS.sub("0", text)
