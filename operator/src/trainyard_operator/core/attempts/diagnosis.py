"""Why an attempt ended, from its pods and its Job as Kubernetes reports them.

The worker that failed first decides. Workers that ended because of another one (WorkerLost, or
killed by the Job controller afterwards) never hide the cause.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from signal import Signals
from typing import Any

import orjson

from trainyard_api.contract import (
    ENVIRONMENT_GONE,
    EXIT_CLASSES,
    INTERRUPTED_KEY,
    LAST_LINES_KEY,
    PROGRAM_EXIT_KEY,
    PROGRAM_SIGNAL_KEY,
    ExitCode,
)
from trainyard_api.phase import FailureClass
from trainyard_api.visible_text import visible
from trainyard_operator.core.attempts import disruption
from trainyard_operator.core.attempts.hints import HINTS
from trainyard_operator.core.attempts.starting import Wait
from trainyard_scheduler.objects.model import Job, Pod

C = FailureClass
LOG_LINES = 20
LINE_LENGTH = 512

_NOT_STARTED = frozenset(
    {
        "ProgramNotFound",
        "ProgramNotExecutable",
        "ProgramNotStarted",
        "BadCommand",
        "CodeMissing",
        "CodeDamaged",
        "CodeNotStaged",
        ENVIRONMENT_GONE,
        "EnvironmentNotReadable",
    }
)
"""Reasons of the supervisor for a program that it cannot start."""
_OLD_PYTHON = "trainyard: the image's python3"
"""So begins what the supervisor prints where the image's Python is too old for it."""
_OWN_DISK = re.compile(
    r"Usage of EmptyDir volume|Container \S+ exceeded its local ephemeral storage limit"
    r"|Pod ephemeral local storage usage exceeds"
)
"""So begins what the kubelet says of a pod that wrote more than its own limit."""
_VANISHED = frozenset({"Unknown", "ContainerStatusUnknown"})
"""Why a container ended of which its node's runtime knows no end: node or runtime restarted."""
_VANISHED_SENTENCE = (
    "The end of worker {} was not seen: node {}, or its container runtime, restarted meanwhile."
)
_NO_START = ("StartError", "ContainerCannotRun")
DISRUPTED = frozenset({C.EVICTED, C.NODE_LOST, C.WORKER_LOST, C.KILLED, C.UNKNOWN})
"""Classes that a disruption of one worker can have as its consequence in any worker."""
_JOB_EXIT = re.compile(r"Container \S+ for pod \S+ failed with exit code (\d+)")


@dataclass(frozen=True, slots=True)
class Cause:
    """Why an attempt ended, or has to end."""

    kind: FailureClass
    reason: str
    message: str
    exit_code: int | None = None
    lines: tuple[str, ...] = ()
    hint: str = ""
    preempted: bool = False
    """The supervisor says that a stop signal ended it before its goal; not a failure."""
    environment_gone: bool = False
    """Its packages are not on the volume any more, so that it did not start; not a failure."""
    told_by_job: bool = False
    """The pods are gone, and only the Job says that the cluster took one off its node."""

    @property
    def is_failure(self) -> bool:
        """Whether the program or its machine failed."""
        return not self.preempted and not self.environment_gone


def failure_of(job: Job | None, pods: Iterable[Pod], *, node_lost: bool = False) -> Cause | None:
    """The cause of an attempt's failure, None as long as nothing failed.

    `node_lost` is whether a node that was chosen for it is gone or does not answer.
    """
    failed = [p for p in pods if p.outcome == "Failed"]
    gang = job is not None and job.workers > 1
    causes = sorted(
        ((_weight(p), cause_of_pod(p, gang=gang)) for p in failed), key=lambda item: item[0]
    )
    if causes:
        return causes[0][1]
    if job is None or job.finished != "Failed":
        return None
    return cause_of_job(job.reason, job.message, gang=gang, node_lost=node_lost)


def _weight(pod: Pod) -> tuple[int, float, int, int]:
    """Workers that ended because another one did come last, then the first to end comes first.

    Of several in the same second an interrupted one comes last: the Job interrupts the others.
    """
    follower = pod.exit_code in (ExitCode.WORKER_LOST, ExitCode.PREEMPTED, 143) or (
        pod.deleting and not pod.disruption
    )
    interrupted = _interrupted(termination_report(pod.termination_message))
    return (int(follower), pod.ended or 0.0, int(interrupted), pod.worker)


def cause_of_wait(wait: Wait) -> Cause:
    """The cause of an attempt that is ended because a worker has not started in time."""
    return _cause(wait.row.kind, wait.reason, wait.message)


def operator_failure(kind: FailureClass, message: str) -> Cause:
    """A cause that the operator itself states."""
    return _cause(kind, kind.value, message)


def ended_early(position: str) -> Cause:
    """The cause of an attempt that ended with 0 before its goal; `position` is where it was."""
    message = f"The program ended with exit code 0 at {position}, before its goal."
    return operator_failure(C.ENDED_EARLY, message)


def environment_gone(times: int) -> Cause:
    """The cause of attempts in a row that found their packages removed from the volume."""
    message = (
        f"Its packages were removed from the volume {times} times in a row before its program "
        "could start."
    )
    return operator_failure(C.ENVIRONMENT_GONE, message)


def cause_of_pod(pod: Pod, *, gang: bool = False) -> Cause:
    """Why the container of an ended pod failed; `gang` is whether it is one of several workers."""
    report = termination_report(pod.termination_message)
    lines = _lines(report, pod.termination_message)
    code = pod.exit_code
    kind = _kind(pod, report, gang)
    reason = report.get("reason") or pod.terminated_reason or pod.reason or kind.value
    message = report.get("message") or _sentence(pod, kind, report, lines)
    by_kubelet = disruption.has_own_share(disruption.reason_of(pod))
    preempted = _interrupted(report) and kind == C.EVICTED and not by_kubelet
    return Cause(
        kind=kind,
        reason=visible(str(reason)[:128])[:128],
        message=visible(str(message)[:2048])[:2048],
        exit_code=code,
        lines=lines,
        hint=visible(str(report.get("hint") or HINTS[kind])[:1024])[:1024],
        preempted=preempted,
        environment_gone=report.get("reason") == ENVIRONMENT_GONE and not _started(report),
    )


def _interrupted(report: dict[str, Any]) -> bool:
    """Whether the supervisor says that a stop signal ended the program before its goal."""
    return report.get(INTERRUPTED_KEY) is True


def _started(report: dict[str, Any]) -> bool:
    """Whether the supervisor says how the program ended: what it left is then its own word."""
    return PROGRAM_EXIT_KEY in report or PROGRAM_SIGNAL_KEY in report


def _kind(pod: Pod, report: dict[str, Any], gang: bool) -> FailureClass:
    code = pod.exit_code
    if (over := _over_its_limit(pod)) is not None:
        return over
    if code == ExitCode.BAD_CONFIGURATION and _not_started(pod, report):
        return C.CONTAINER_CONFIG
    if _interrupted(report):
        return C.EVICTED
    if code is not None and code in EXIT_CLASSES:
        return EXIT_CLASSES[code]
    if (disrupted := disruption.class_of(pod)) is not None:
        return disrupted
    if code is None:
        return _never_ran(pod)
    if code == ExitCode.PREEMPTED and gang:
        # Workers agree to leave when one of them is asked to; this one was not.
        return C.WORKER_LOST
    return C.NODE_LOST if _vanished(pod, report) else _by_signal(pod, code)


def _vanished(pod: Pod, report: dict[str, Any]) -> bool:
    """Whether the end of a container was not seen, as its node restarted."""
    return pod.terminated_reason in _VANISHED and not _started(report)


def _over_its_limit(pod: Pod) -> FailureClass | None:
    """The class of a pod that used more than it asked for; None for any other."""
    if "OOMKilled" in (pod.terminated_reason, pod.setup_reason):
        return C.OUT_OF_MEMORY
    if pod.reason == "Evicted" and _OWN_DISK.match(pod.message):
        return C.SCRATCH_FULL
    return None


def _never_ran(pod: Pod) -> FailureClass:
    """The class of a pod that ended before its program began."""
    if pod.setup_reason:
        return C.SETUP_FAILED
    if pod.reason.startswith("OutOf"):
        # Another pod was quicker; kube-scheduler did not know of it.
        return C.UNSCHEDULABLE
    return C.POD_REFUSED if pod.reason else C.UNKNOWN


def _not_started(pod: Pod, report: dict[str, Any]) -> bool:
    """Whether the supervisor could not start the program, or could not run itself."""
    told = str(report.get("reason")) in _NOT_STARTED and not _started(report)
    return told or pod.termination_message.startswith(_OLD_PYTHON)


def _by_signal(pod: Pod, code: int) -> FailureClass:
    if pod.terminated_reason in _NO_START or code in (126, 127):
        return C.CONTAINER_CONFIG
    if code in (137, 143) or pod.signal in (9, 15):
        return C.KILLED
    return C.PROGRAM_ERROR


def _sentence(pod: Pod, kind: FailureClass, report: dict[str, Any], lines: tuple[str, ...]) -> str:
    if pod.exit_code is None and pod.setup_reason:
        return _setup_sentence(pod)
    if kind == C.OUT_OF_MEMORY:
        return f"Worker {pod.worker} used more memory than it asked for and was killed."
    if pod.message:
        return pod.message
    if _vanished(pod, report):
        return _VANISHED_SENTENCE.format(pod.worker, pod.assigned or "it was on")
    if kind == C.CONTAINER_CONFIG and pod.termination_message and not report:
        return pod.termination_message
    if pod.exit_code is None and (reason := disruption.reason_of(pod)):
        return disruption.sentence(pod, reason)
    if pod.exit_code is None:
        return f"Worker {pod.worker} ended without an exit code."
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f"{_how(pod, report)} Its last line: {last}" if last else _how(pod, report)


def _how(pod: Pod, report: dict[str, Any]) -> str:
    number = report.get(PROGRAM_SIGNAL_KEY)
    if not isinstance(number, int):
        return f"Worker {pod.worker} ended with exit code {pod.exit_code}."
    try:
        name = f" ({Signals(number).name})"
    except ValueError:
        name = ""
    return f"The program of worker {pod.worker} was killed by signal {number}{name}."


def _setup_sentence(pod: Pod) -> str:
    words = pod.setup_message or pod.setup_reason
    return f"The pod of worker {pod.worker} could not be prepared for the program: {words}"


def cause_of_job(
    reason: str, message: str, *, gang: bool = False, node_lost: bool = False
) -> Cause:
    """From what a failed Job says, when its pods are gone."""
    match = _JOB_EXIT.search(message)
    if match:
        code = int(match.group(1))
        if code == ExitCode.PREEMPTED:
            # Whether a signal or the program itself ended it stood in the pod.
            return Cause(C.UNKNOWN, reason, message, code, hint=HINTS[C.UNKNOWN])
        ghost = Pod("", "", 0, None, (), exit_code=code, phase="Failed")
        found = cause_of_pod(ghost, gang=gang)
        return Cause(found.kind, reason, message, code, (), found.hint, found.preempted)
    if "DisruptionTarget" in message:
        kind = C.NODE_LOST if node_lost else C.EVICTED
        return replace(_cause(kind, reason, message), told_by_job=True)
    return _cause(C.UNKNOWN, reason or "Unknown", message or "The Job failed.")


def _cause(kind: FailureClass, reason: str, message: str) -> Cause:
    return Cause(kind, reason[:128] or kind.value, message[:2048], hint=HINTS[kind])


def termination_report(text: str) -> dict[str, Any]:
    """The program's JSON termination message, {} for anything else."""
    try:
        report = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return report if isinstance(report, dict) else {}


def _lines(report: dict[str, Any], text: str) -> tuple[str, ...]:
    given = report.get(LAST_LINES_KEY)
    lines = [str(line) for line in given] if isinstance(given, list) else []
    if not report:
        lines = text.splitlines()
    return tuple(visible(line[:LINE_LENGTH])[:LINE_LENGTH] for line in lines[-LOG_LINES:])
