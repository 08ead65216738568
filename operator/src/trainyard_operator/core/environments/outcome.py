"""How an installation of packages ended, from its Job and its pod as Kubernetes reports them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from trainyard_api.contract import ENVIRONMENT_KEY, BuilderExit, ExitCode
from trainyard_api.phase import FailureClass
from trainyard_operator.core.attempts import disruption
from trainyard_operator.core.attempts.diagnosis import (
    Cause,
    cause_of_job,
    cause_of_pod,
    operator_failure,
    termination_report,
)
from trainyard_operator.core.attempts.hints import HINTS
from trainyard_scheduler.objects import fields
from trainyard_scheduler.objects.model import BuilderJob, Pod
from trainyard_scheduler.objects.sessions import lock_of

C = FailureClass
OUT_OF_TIME: Final = "DeadlineExceeded"
_NOT_RESOLVED: Final = frozenset({C.ENVIRONMENT_NOT_RESOLVED, C.TORCH_WOULD_BE_REPLACED})
_OWN_CLASSES: Final = frozenset({C.OUT_OF_MEMORY, C.CONTAINER_CONFIG})
"""Classes of a program's end that say the same of an installation."""
_MEMORY_HINT: Final = (
    "An administrator raises the memory of installations (environments.resources), or ask for fewer "
    "packages that have to be compiled."
)


@dataclass(frozen=True, slots=True)
class Built:
    """The packages are installed."""

    lock: str
    packages: int


@dataclass(frozen=True, slots=True)
class Again:
    """It failed in a way that another installation can survive."""

    cause: Cause
    counts: bool
    """Whether it counts against the limit: false where the cluster ended it."""


@dataclass(frozen=True, slots=True)
class Refused:
    """What was asked for cannot be installed."""

    cause: Cause


End = Built | Again | Refused


def end_of(job: BuilderJob, pod: Pod | None) -> End:
    """How a finished Job ended; `pod` is its pod, None if it is gone."""
    if job.finished == "Complete":
        return _made(pod)
    if job.reason == OUT_OF_TIME:
        message = f"The installation of the packages took too long: {job.message}"
        return Refused(operator_failure(C.ENVIRONMENT_NOT_BUILT, message))
    if pod is None or pod.live:
        return _without_pod(job)
    if _taken_away(pod):
        return Again(replace(cause_of_pod(pod), kind=C.ENVIRONMENT_NOT_BUILT), counts=False)
    return _judged(_cause(pod, _class_of(pod)), pod.exit_code)


def _made(pod: Pod | None) -> End:
    report = termination_report(pod.termination_message) if pod is not None else {}
    made = fields.mapping(report.get(ENVIRONMENT_KEY))
    if lock := lock_of(made):
        return Built(lock, fields.count(made.get("packages")))
    message = "The installation ended, and its pod is gone before it could say what it made."
    return Again(operator_failure(C.ENVIRONMENT_NOT_BUILT, message), counts=True)


def _without_pod(job: BuilderJob) -> End:
    """From the Job alone: it names the exit code, without the resolver's words."""
    found = cause_of_job(job.reason, job.message)
    kind = _by_code(found.exit_code) or C.ENVIRONMENT_NOT_BUILT
    if found.kind == C.EVICTED:
        return Again(replace(found, kind=kind), counts=False)
    return _judged(replace(found, kind=kind, hint=HINTS[kind]), found.exit_code)


def _judged(cause: Cause, code: int | None) -> End:
    final = cause.kind in _OWN_CLASSES or code in (
        BuilderExit.BAD_ARGUMENTS,
        BuilderExit.NOT_RESOLVED,
    )
    return Refused(cause) if final else Again(cause, counts=True)


def _taken_away(pod: Pod) -> bool:
    """Whether the cluster took it off its node, and it has no share in that."""
    found = disruption.disruption_of([pod], None, deletion_counts=True)
    stopped = pod.exit_code == ExitCode.PREEMPTED
    return stopped or (found is not None and not found.counts_as_failure)


def _class_of(pod: Pod) -> FailureClass:
    own = cause_of_pod(pod).kind
    if own in _OWN_CLASSES:
        return own
    named = termination_report(pod.termination_message).get("reason")
    resolver = next((kind for kind in _NOT_RESOLVED if kind == named), None)
    return resolver or _by_code(pod.exit_code) or C.ENVIRONMENT_NOT_BUILT


def _by_code(code: int | None) -> FailureClass | None:
    table: dict[int | None, FailureClass] = {
        BuilderExit.BAD_ARGUMENTS: C.ENVIRONMENT_NOT_RESOLVED,
        BuilderExit.NOT_RESOLVED: C.ENVIRONMENT_NOT_RESOLVED,
        BuilderExit.NO_ROOM: C.NO_ROOM_FOR_ENVIRONMENT,
        BuilderExit.INDEX_UNAVAILABLE: C.INDEX_UNAVAILABLE,
    }
    return table.get(code)


def _cause(pod: Pod, kind: FailureClass) -> Cause:
    found = cause_of_pod(pod)
    report = termination_report(pod.termination_message)
    hint = _MEMORY_HINT if kind == C.OUT_OF_MEMORY else HINTS[kind]
    message = found.message
    if not report.get("message") and kind not in _OWN_CLASSES:
        last = next((line.strip() for line in reversed(found.lines) if line.strip()), "")
        message = f"The installation of the packages ended with exit code {pod.exit_code}."
        message = f"{message} Its last line: {last}" if last else message
    return replace(
        found, kind=kind, message=message, hint=found.hint if report.get("hint") else hint
    )
