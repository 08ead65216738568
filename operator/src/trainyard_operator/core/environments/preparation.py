"""A session whose packages are not installed yet: what it is now, and what has to be done.

It looks only at the session, at the Jobs and pods that install its packages, and at the time. The
end of a Job is written into `status.environmentBuild` once; a Job of a higher number is open.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from trainyard_api import timestamps
from trainyard_api.phase import RETRYABLE, UNCOUNTED, Phase, Reason
from trainyard_api.session.allocation import AllocationOutcome
from trainyard_operator.core.attempts.allocation import installation_record, with_record
from trainyard_operator.core.attempts.diagnosis import Cause, cause_of_wait
from trainyard_operator.core.attempts.starting import first_due, first_reported, next_look, waits_of
from trainyard_operator.core.attempts.surroundings import NOTHING_KNOWN, Surroundings
from trainyard_operator.core.attempts.waiting import refusal, waiting_worker
from trainyard_operator.core.config import OperatorConfig
from trainyard_operator.core.environments.outcome import Again, Built, Refused, end_of
from trainyard_operator.core.session_state import SessionState
from trainyard_scheduler.objects.model import BuilderJob, Pod, Session

MOST_FAILURES: Final = 3
"""Installations that are tried again after a failure of the index, the volume or the node."""
BACKOFF_SECONDS: Final = 60.0
"""Pause after the first failure; it doubles with each further one."""
DISRUPTED_SECONDS: Final = 10.0
"""Pause after the cluster ended an installation."""
LONGEST_PAUSE_SECONDS: Final = 600.0
"""A later time for the next installation is wrong and does not count."""
SETTLE_SECONDS: Final = 10.0
"""How long the watch of pods may lag behind the watch of Jobs."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """The Jobs that install the packages of one session, and their pods."""

    jobs: Mapping[int, BuilderJob]
    """By number."""
    pods: Mapping[str, Pod]
    """By UID."""

    def unended(self, most: int | None = None) -> tuple[BuilderJob, ...]:
        """The Jobs that still run, up to the number `most`."""
        return tuple(
            job
            for number, job in sorted(self.jobs.items())
            if not job.finished and not job.deleting and (most is None or number <= most)
        )

    def pod_of(self, job: BuilderJob) -> Pod | None:
        """The pod of a Job, None if there is none."""
        return next((p for p in self.pods.values() if p.job_uid == job.uid), None)


NO_PREPARATION: Final = Preparation({}, {})


def is_prepared(session: Session, config: OperatorConfig) -> bool:
    """Whether it needs no packages, or has them over the image that its runtime has now."""
    if not session.spec.packages:
        return True
    runtime = config.pods.get(session.spec.runtime)
    status = session.status
    return bool(status.environment) and (
        runtime is None or status.environment_image in ("", runtime.image)
    )


def prepare(
    session: Session,
    found: Preparation,
    now: float,
    config: OperatorConfig,
    around: Surroundings = NOTHING_KNOWN,
) -> SessionState:
    """What a session without its packages is at `now`, in seconds since the epoch."""
    ended = session.status.builds
    if leftover := found.unended(ended):
        return _pending("The last installation of its packages is being ended.", leftover)
    number = max(found.jobs, default=0)
    if number <= ended:
        return _next(session, now, config)
    job = found.jobs[number]
    if job.deleting:
        return _pending("The installation of its packages is being ended.")
    pod = found.pod_of(job)
    if job.finished:
        return _recorded(_ended(session, job, pod, now), session, job, pod, now)
    if pod is None:
        return _podless(session, job, now, config, around)
    return _recorded(_running(session, job, pod, now, config, around), session, job, pod, now)


def _recorded(
    found: SessionState, session: Session, job: BuilderJob, pod: Pod | None, now: float
) -> SessionState:
    """With the record of what the installation held, once it has ended."""
    if "environmentBuild" not in found.changes:
        return found
    made = "environment" in found.changes
    outcome = AllocationOutcome.SUCCEEDED if made else AllocationOutcome.FAILED
    record = installation_record(job, pod, outcome, now)
    return replace(found, changes={**found.changes, **with_record(session, record)})


def _next(session: Session, now: float, config: OperatorConfig) -> SessionState:
    """No installation is under way."""
    status = session.status
    if status.build_retry is not None and now < status.build_retry <= now + LONGEST_PAUSE_SECONDS:
        at = timestamps.to_seconds_text(status.build_retry)
        words = status.build_message[:800] or "The last installation of its packages failed."
        return _pending(
            f"{words} Its packages are installed again at {at}.", wake=status.build_retry
        )
    message = (
        "Its packages are installed next, without a GPU; at most "
        f"{config.environments.max_builders} installations run at once."
    )
    return replace(_pending(message), build=status.builds + 1)


def _podless(
    session: Session, job: BuilderJob, now: float, config: OperatorConfig, around: Surroundings
) -> SessionState:
    """Its Job has no pod. It holds no GPU, so it may wait."""
    if warning := around.warning(job.uid):
        return _pending(f"Kubernetes makes no pod for Job {job.name}: {refusal(warning)}")
    due = job.created + config.start_timeout_seconds
    if now < due:
        return _pending(_under_way(session), wake=due)
    words = f"`kubectl describe job {job.name}` may."
    return _pending(f"No pod appeared for Job {job.name}, and no event says why: {words}")


def _running(  # the session, its Job and pod, and what bears on them
    session: Session,
    job: BuilderJob,
    pod: Pod,
    now: float,
    config: OperatorConfig,
    around: Surroundings,
) -> SessionState:
    if pod.unschedulable and not pod.assigned:
        return _pending(f"The installation of its packages waits for a node: {pod.unschedulable}")
    if pod.started is not None or not pod.live:
        return _pending(_under_way(session))
    waits = waits_of([waiting_worker(job, pod, around)], config.start_timeout_seconds, now)
    due, told = first_due(waits, now), first_reported(waits, now)
    if due is not None:
        cause = cause_of_wait(due)
        if cause.kind not in RETRYABLE:
            return _failed(job, cause, now)
        return _again(session, job, Again(cause, counts=cause.kind not in UNCOUNTED), now)
    message = told.message if told is not None else _under_way(session)
    return _pending(message, wake=next_look(waits, now))


def _under_way(session: Session) -> str:
    return (
        "Its packages are being installed, without a GPU; "
        f"`trainyard logs {session.name}` shows how."
    )


def _ended(session: Session, job: BuilderJob, pod: Pod | None, now: float) -> SessionState:
    """The Job has ended, and the status does not say so yet."""
    since = job.finish_time if job.finish_time is not None else now
    if (pod is None or pod.live) and 0 <= now - since < SETTLE_SECONDS:
        waits = _pending("The installation of its packages has ended.", wake=since + SETTLE_SECONDS)
        return replace(waits, delayed=True)
    match end_of(job, pod):
        case Built(lock, packages):
            made = {
                "lock": lock,
                "packages": packages,
                **({"image": job.image} if job.image else {}),
            }
            changes = {"environment": made, "environmentBuild": {"number": job.number}}
            return _pending(f"Its {packages} packages are installed.", changes=changes)
        case Again() as again:
            return _again(session, job, again, now)
        case Refused(cause):
            return _failed(job, cause, now)


def _again(session: Session, job: BuilderJob, again: Again, now: float) -> SessionState:
    """Install once more after a pause, or give up."""
    failures = session.status.build_failures + again.counts
    if failures > MOST_FAILURES:
        return _failed(job, again.cause, now)
    pause = BACKOFF_SECONDS * 2 ** (failures - 1) if again.counts else DISRUPTED_SECONDS
    retry = float(math.ceil(now + pause))
    words = again.cause.message[:800]
    build = {
        "number": job.number,
        "failures": failures,
        "retryTime": timestamps.to_seconds_text(retry),
        "message": words,
    }
    times = f" ({failures} of {MOST_FAILURES})" if again.counts else ""
    message = f"{words} Its packages are installed again in {pause:g} s{times}."
    return _pending(message, wake=retry, changes={"environmentBuild": build})


def _failed(job: BuilderJob, cause: Cause, now: float) -> SessionState:
    """The session ends: its packages cannot be had."""
    failure: dict[str, Any] = {
        "class": str(cause.kind),
        "reason": cause.reason,
        "message": cause.message,
        "hint": cause.hint,
    }
    if cause.exit_code is not None:
        failure["exitCode"] = cause.exit_code
    if cause.lines:
        failure["lastLogLines"] = list(cause.lines)
    changes = {
        "failure": failure,
        "environmentBuild": {"number": job.number},
        "completionTime": timestamps.to_seconds_text(now),
        "retryTime": None,
    }
    message = f"Its packages cannot be installed ({cause.kind}). {cause.message}"[:1024]
    return SessionState(Phase.FAILED, message, str(cause.kind), changes)


def _pending(
    message: str,
    delete: tuple[BuilderJob, ...] = (),
    *,
    wake: float | None = None,
    changes: Mapping[str, Any] | None = None,
) -> SessionState:
    return SessionState(
        Phase.PENDING,
        message[:1024],
        Reason.PREPARING_ENVIRONMENT,
        changes or {},
        delete_jobs=delete,
        wake=wake,
    )
