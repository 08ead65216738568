"""Workers that do not start: one table from what Kubernetes shows to what becomes of the attempt.

The first row that holds counts, and the last one always holds. So for all that a pod, its Job, its
node and their warnings can show, there is a class, a sentence, and a time after which the attempt
ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from trainyard_api.phase import FailureClass
from trainyard_api.visible_text import visible
from trainyard_operator.core.attempts.waiting import WaitingWorker, joined, refusal

C = FailureClass
PREPARATION_SECONDS: Final = 3600.0
"""How long images may be pulled and init containers run once a pod's sandbox is there."""
QUIET_SHARE: Final = 0.5
"""A start that goes its usual way is reported only after this share of the start timeout."""


class Patience(Enum):
    """How long a state may last."""

    NONE = "at once"
    START = "`startTimeoutSeconds`"
    WARNED = "`startTimeoutSeconds` since the first warning about the pod"
    PREPARATION = "an hour"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table."""

    shown: str
    """What Kubernetes shows, for people."""
    kind: FailureClass
    patience: Patience
    holds: Callable[[WaitingWorker], bool]
    said: Callable[[WaitingWorker], str]
    usual: bool = False
    """A start that goes its usual way looks like this for a while."""


def _no_pod(w: WaitingWorker) -> str:
    return (
        f"No pod appeared for {w.where}, and no event says why. kube-controller-manager makes the"
        f" pods of Jobs: `kubectl describe job {w.job}` and its log say more."
    )


def _unscheduled(w: WaitingWorker) -> str:
    words = w.pod.unschedulable if w.pod is not None else ""
    return f"kube-scheduler has not placed a pod yet: {words}"


def _set_up(w: WaitingWorker) -> str:
    words = [w.pod.setup_message, w.pod.setup_reason] if w.pod is not None else []
    said = next((text for text in words if text), "")
    return (
        f"The pod of worker {w.worker} could not be prepared for the program:"
        f" {joined(said, w.warning)}"
    )


def _with_warning(sentence: str) -> Callable[[WaitingWorker], str]:
    def said(w: WaitingWorker) -> str:
        words = joined(w.warning, w.trouble) or "no event says why"
        return f"{sentence.format(w=w)}: {words}"

    return said


def _told(sentence: str) -> Callable[[WaitingWorker], str]:
    return lambda w: f"{sentence.format(w=w)}: {w.kubelets_words}"


ROWS: Final[tuple[Row, ...]] = (
    Row(
        "the Job is suspended, and not by Trainyard",
        C.POD_REFUSED,
        Patience.START,
        lambda w: w.pod is None and w.suspended,
        lambda w: f"Job {w.job} is suspended, and not by Trainyard, so that it has no pods.",
    ),
    Row(
        "no pod; `FailedCreate` of the Job: `exceeded quota`",
        C.QUOTA_EXCEEDED,
        Patience.START,
        lambda w: w.is_refused(by_quota=True),
        lambda w: f"Kubernetes makes no pod for {w.where}: {refusal(w.warning)}",
    ),
    Row(
        "no pod; `FailedCreate` of the Job for another reason: LimitRange, admission policy, "
        "webhook",
        C.POD_REFUSED,
        Patience.START,
        lambda w: w.is_refused(by_quota=False),
        lambda w: f"Kubernetes makes no pod for {w.where}: {refusal(w.warning)}",
    ),
    Row(
        "no pod, and no event",
        C.POD_REFUSED,
        Patience.START,
        lambda w: w.pod is None,
        _no_pod,
        usual=True,
    ),
    Row(
        "`PodScheduled=False`: kube-scheduler's words, also of a volume bound to other nodes",
        C.UNSCHEDULABLE,
        Patience.START,
        lambda w: not w.placed and w.pod is not None and bool(w.pod.unschedulable),
        _unscheduled,
    ),
    Row(
        "no node, and not a word of kube-scheduler",
        C.UNSCHEDULABLE,
        Patience.START,
        lambda w: not w.placed,
        lambda w: f"kube-scheduler has not looked at {w.where} yet; does it run?",
        usual=True,
    ),
    Row(
        "its node is deleted, or its kubelet does not answer",
        C.NODE_LOST,
        Patience.START,
        lambda w: w.node_lost,
        lambda w: f"The program of {w.where} has not started. {w.trouble}",
    ),
    Row(
        "an init container (Trainyard's, or one that was put beside it) waits for an image or is "
        "refused",
        C.SETUP_FAILED,
        Patience.WARNED,
        lambda w: w.is_set_up_as(),
        _set_up,
    ),
    Row(
        "`InvalidImageName`, `ErrImageNeverPull`",
        C.INVALID_IMAGE,
        Patience.NONE,
        lambda w: w.waits_as("InvalidImageName", "ErrImageNeverPull"),
        _told("The image of {w.where} cannot be used"),
    ),
    Row(
        "`ErrImagePull`, `ImagePullBackOff`, with words such as `429`, `i/o timeout`, `connection "
        "refused`; `RegistryUnavailable`",
        C.REGISTRY_UNAVAILABLE,
        Patience.WARNED,
        lambda w: _pulls(w) and w.registry_troubled,
        _told("The registry does not give the image for {w.where}"),
    ),
    Row(
        "`ErrImagePull`, `ImagePullBackOff`, `ImageInspectError` with other words, such as `not "
        "found`",
        C.IMAGE_UNAVAILABLE,
        Patience.WARNED,
        lambda w: _pulls(w),
        _told("The image for {w.where} cannot be pulled"),
    ),
    Row(
        "`CreateContainerConfigError`: a Secret, key or setting that is missing or wrong",
        C.CONTAINER_CONFIG,
        Patience.NONE,
        lambda w: w.waits_as("CreateContainerConfigError") and not w.not_synced,
        _told("The container of {w.where} cannot be made"),
    ),
    Row(
        "`CreateContainerError`, `RunContainerError` and other reasons of the kubelet, such as `context "
        "deadline exceeded`",
        C.START_TIMEOUT,
        Patience.WARNED,
        lambda w: w.placed and bool(w.pod and w.pod.waiting_reason) and not _is_creating(w),
        _told("The container of {w.where} does not start"),
    ),
    Row(
        "`PodReadyToStartContainers=True`, `ContainerCreating`: an image is pulled, or an init "
        "container runs",
        C.START_TIMEOUT,
        Patience.PREPARATION,
        lambda w: w.pod is not None and w.pod.sandboxed,
        _with_warning("The images of {w.where} are pulled and its init containers run"),
        usual=True,
    ),
    Row(
        "a node, and not a word of its kubelet",
        C.START_TIMEOUT,
        Patience.START,
        lambda w: w.pod is not None and not w.pod.seen_by_kubelet,
        _with_warning("The kubelet has not begun with {w.where}"),
        usual=True,
    ),
    Row(
        "`ContainerCreating`: sandbox, network (CNI), volumes, devices, RuntimeClass; the newest "
        "`Warning` of the pod",
        C.START_TIMEOUT,
        Patience.START,
        lambda w: w.pod is not None,
        _with_warning("The containers of {w.where} are not created"),
        usual=True,
    ),
)


@dataclass(frozen=True, slots=True)
class Wait:
    """What a worker waits for, and until when it may."""

    row: Row
    message: str
    reason: str
    """One word of Kubernetes, empty if it has none."""
    since: float
    """From when its time counts, in seconds since the epoch."""
    due: float
    """When the attempt is ended because of it, in seconds since the epoch."""
    reported: float
    """When the status begins to say it, in seconds since the epoch."""


def waits_of(
    workers: Iterable[WaitingWorker], start_timeout: float, now: float
) -> tuple[Wait, ...]:
    """What each of these workers waits for; `now` is in seconds since the epoch."""
    return tuple(_wait(w, start_timeout, now) for w in workers)


def _wait(worker: WaitingWorker, start_timeout: float, now: float) -> Wait:
    row = next((row for row in ROWS if row.holds(worker)), ROWS[-1])
    since = worker.since(warned=row.patience == Patience.WARNED, now=now)
    length = {
        Patience.NONE: 0.0,
        Patience.PREPARATION: max(PREPARATION_SECONDS, start_timeout),
    }.get(row.patience, start_timeout)
    quiet = row.usual and not (worker.warning or worker.trouble)
    reported = since + start_timeout * QUIET_SHARE if quiet else since
    message = visible(row.said(worker))[:1024]
    return Wait(row, message, _word(worker), since, since + length, reported)


def first_due(waits: Iterable[Wait], now: float) -> Wait | None:
    """The wait that ends the attempt at `now`; of several the first in the table."""
    due = [wait for wait in waits if wait.due <= now]
    return min(due, key=lambda wait: ROWS.index(wait.row), default=None)


def first_reported(waits: Iterable[Wait], now: float) -> Wait | None:
    """The wait that the status reports at `now`; None while everything goes its usual way."""
    due = [wait for wait in waits if wait.reported <= now]
    return min(due, key=lambda wait: ROWS.index(wait.row), default=None)


def next_look(waits: Iterable[Wait], now: float) -> float | None:
    """When one of them is to be reported or is over; None if there is none."""
    times = (time for wait in waits for time in (wait.reported, wait.due) if time > now)
    return min(times, default=None)


def _word(worker: WaitingWorker) -> str:
    pod = worker.pod
    own = (pod.setup_reason or pod.waiting_reason) if pod is not None else ""
    if own and own not in _CREATING:
        return own
    reason = worker.warning.partition(": ")[0]
    return reason if reason.isalnum() else ""


_CREATING: Final = ("ContainerCreating", "PodInitializing")
_PULLING: Final = (
    "ErrImagePull",
    "ImagePullBackOff",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
)


def _is_creating(w: WaitingWorker) -> bool:
    return w.waits_as(*_CREATING)


def _pulls(w: WaitingWorker) -> bool:
    return w.waits_as(*_PULLING)
