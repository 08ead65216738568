"""Phases, condition types and reasons of a TrainingSession: closed lists with a sentence each.

`Reason`, `FailureClass` and `EventReason` carry the sentence as `.sentence`. Operator and gateway
show it to users; the page of failure reasons lists it.
"""

from __future__ import annotations

from enum import Enum
from typing import Final


class TextEnum(str, Enum):
    """Members that are their text, also when printed; `enum.StrEnum` came with Python 3.11."""

    __str__ = str.__str__


class Phase(TextEnum):
    """The state of a session in its life cycle."""

    PENDING = "Pending"
    """Not ready: something that it needs is missing, for example its dataset."""
    QUEUED = "Queued"
    """Ready; waits for its turn and for GPUs."""
    STARTING = "Starting"
    """Admitted: its Job exists, its pods are being scheduled and their images pulled."""
    RUNNING = "Running"
    """All its workers run."""
    SUSPENDING = "Suspending"
    """Preempted, or suspended by its owner while it ran; it saves a checkpoint."""
    SUSPENDED = "Suspended"
    """Its owner suspended it; it holds no GPUs and waits for desiredState: Running."""
    STOPPING = "Stopping"
    """Its owner stopped it; it saves a checkpoint."""
    SUCCEEDED = "Succeeded"
    """All its workers ended with 0, at the goal if one is known."""
    FAILED = "Failed"
    """Ended with an error that a retry cannot fix, or out of retries; see status.failure."""
    STOPPED = "Stopped"
    """Stopped by its owner after it had run; its checkpoints are kept."""
    CANCELLED = "Cancelled"
    """Stopped by its owner before it ever ran."""


TERMINAL: Final = frozenset({Phase.SUCCEEDED, Phase.FAILED, Phase.STOPPED, Phase.CANCELLED})
WAITING: Final = frozenset({Phase.PENDING, Phase.QUEUED})
"""Listed in the queue."""
CANCELLABLE: Final = WAITING | {Phase.SUSPENDED}
"""These hold no GPUs and have not ended.

A stop ends them at once: as Stopped if they ran, otherwise as Cancelled.
"""
HOLDING_GPUS: Final = frozenset({Phase.STARTING, Phase.RUNNING, Phase.SUSPENDING, Phase.STOPPING})


class DesiredState(TextEnum):
    """The state that the owner wants."""

    RUNNING = "Running"
    SUSPENDED = "Suspended"
    STOPPED = "Stopped"


class ResumeMode(TextEnum):
    """Whether known programs get the option that names their checkpoint."""

    NONE = "none"
    AUTO = "auto"


class ConditionType(TextEnum):
    """The conditions of a session."""

    ACCEPTED = "Accepted"
    """The session can run on this installation: runtime, queue and size are possible."""
    DATASET_READY = "DatasetReady"
    """The dataset is registered with the gateway."""
    ADMITTED = "Admitted"
    """The queue gave the session its GPUs."""
    RUNNING = "Running"
    """All workers run."""
    COMPLETE = "Complete"
    """The session succeeded (`kubectl wait --for=condition=Complete`)."""
    FAILED = "Failed"
    """The session failed; reason and message say why."""
    READY = "Ready"
    """The session is what its owner asked for: it runs, has succeeded, or is suspended or stopped."""
    STALLED = "Stalled"
    """Without a change by its owner nothing happens any more; absent otherwise."""


SETTLED: Final = frozenset(
    {Phase.RUNNING, Phase.SUCCEEDED, Phase.SUSPENDED, Phase.STOPPED, Phase.CANCELLED}
)
"""Phases in which a session is what its owner asked for."""


class SentencedEnum(TextEnum):
    """Names that Kubernetes and users see, each with a sentence that explains it."""

    sentence: str

    def __new__(cls, name: str, sentence: str) -> SentencedEnum:
        """The member `name`; `sentence` is its explanation."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.sentence = sentence
        return member


class Reason(SentencedEnum):
    """Why a condition of a session has its status, and why a session waits."""

    ACCEPTED = "Accepted", "The session can run on this installation."
    UNKNOWN_RUNTIME = "UnknownRuntime", "This installation has no runtime of that name."
    UNKNOWN_QUEUE = "UnknownQueue", "There is no TrainingQueue of that name."
    NEVER_FITS = "NeverFits", "Its workers would not fit even if all nodes were empty."
    EXCEEDS_QUEUE_LIMIT = "ExceedsQueueLimit", "It asks for more GPUs than its queue ever allows."
    INVALID_SPEC = "InvalidSpec", "The spec cannot be used."
    RESUME_SOURCE_NOT_FOUND = (
        "ResumeSourceNotFound",
        "The session that resumeFrom names does not exist, or its user may not see it.",
    )
    SECRET_NOT_RELEASED = (
        "SecretNotReleased",
        "A Secret that it names is not there, or not released to sessions.",
    )
    DATASET_FOUND = "DatasetFound", "The dataset is registered."
    DATASET_NOT_FOUND = (
        "DatasetNotFound",
        "The dataset is not registered, or the session's user may not see it.",
    )
    DATASET_DOES_NOT_FIT = "DatasetDoesNotFit", "The training cannot use the dataset."
    DATASET_UNKNOWN_YET = "DatasetUnknownYet", "The gateway has not looked up the dataset yet."
    CODE_NOT_FOUND = "CodeNotFound", "The bundle of code is not there."
    CODE_UNKNOWN_YET = "CodeUnknownYet", "The gateway has not looked up the bundle of code yet."
    PREPARING_ENVIRONMENT = (
        "PreparingEnvironment",
        "Its packages are being installed, without a GPU.",
    )
    NO_DATASET_NEEDED = "NoDatasetNeeded", "The session names no dataset."
    WAITING_FOR_GPUS = (
        "WaitingForGPUs",
        "Not enough GPUs are free on any set of nodes that it could use.",
    )
    WAITING_FOR_RESOURCES = (
        "WaitingForResources",
        "GPUs are free, but not with enough CPU or memory beside them.",
    )
    WAITING_FOR_TURN = "WaitingForTurn", "Others go first."
    WAITING_FOR_QUOTA = "WaitingForQuota", "Its queue has used up its GPU quota and may not borrow."
    WAITING_FOR_USER_LIMIT = (
        "WaitingForUserLimit",
        "Its user runs as many sessions of this queue as are allowed at once.",
    )
    WAITING_FOR_GPU_LIMIT = (
        "WaitingForGPULimit",
        "Its user, team or key holds as many GPUs as it may at once.",
    )
    BUDGET_SPENT = "BudgetSpent", "The GPU-hours of its user, team or key are spent for now."
    WAITING_FOR_RETRY = (
        "WaitingForRetry",
        "The last attempt failed or was disrupted; the next one starts later.",
    )
    WAITING_FOR_PREVIOUS_PODS = (
        "WaitingForPreviousPods",
        "The pods of its last attempt are not gone yet.",
    )
    QUEUE_PAUSED = "QueuePaused", "Its queue is paused by an administrator."
    RESERVED_FOR_OTHER = (
        "ReservedForOther",
        "The free GPUs are kept for a session that has waited longer.",
    )
    SUSPENDED_BY_OWNER = "SuspendedByOwner", "Its owner suspended it."
    STOPPED_BY_OWNER = "StoppedByOwner", "Its owner stopped it."
    PREEMPTED = "Preempted", "Another session preempts it."
    DISRUPTED = "Disrupted", "The cluster took a worker off its node; all workers end."
    ADMITTED = "Admitted", "The queue gave it its GPUs."
    PODS_STARTING = "PodsStarting", "Its pods are being placed and their images pulled."
    PODS_RUNNING = "PodsRunning", "All workers run."
    NODE_NOT_READY = "NodeNotReady", "A worker's node is not ready or does not answer."
    SUCCEEDED = "Succeeded", "All workers ended with 0, at the goal if one is known."


class FailureClass(SentencedEnum):
    """What kind of failure ended an attempt. It decides whether another attempt can help."""

    OUT_OF_MEMORY = (
        "OutOfMemory",
        "The kernel killed a worker for its memory limit (`OOMKilled`), or a GPU or the pod has no memory left (69).",
    )
    BAD_CONFIGURATION = (
        "BadConfiguration",
        "The trainer refuses its configuration for this dataset.",
    )
    BAD_DATA = (
        "BadData",
        "The dataset cannot be read; the message names file, row and column.",
    )
    DATASET_MISSING = (
        "DatasetMissing",
        "The dataset's file is not on the volume.",
    )
    CHECKPOINT_MISSING = (
        "CheckpointMissing",
        "The checkpoint named in `resumeFrom` is not there.",
    )
    DIVERGED = (
        "Diverged",
        "The loss is NaN or infinite.",
    )
    VOLUME_FULL = (
        "VolumeFull",
        "No space is left on the data volume.",
    )
    ACCESS_DENIED = (
        "AccessDenied",
        "The gateway refuses the trainer's token.",
    )
    PROGRAM_ERROR = (
        "ProgramError",
        "The program exits with a code that is not in this table.",
    )
    WORKER_LOST = (
        "WorkerLost",
        "A worker lost the connection to another worker, and no other cause is known.",
    )
    INVALID_IMAGE = (
        "InvalidImage",
        "The image's name is no valid one, or the runtime never pulls it and the node does not have it.",
    )
    IMAGE_UNAVAILABLE = (
        "ImageUnavailable",
        "The kubelet could not pull the image for `startTimeoutSeconds`: the registry does not have it, or refuses.",
    )
    REGISTRY_UNAVAILABLE = (
        "RegistryUnavailable",
        "The same, and the kubelet's words say that the registry does not answer, or has too much to do.",
    )
    CONTAINER_CONFIG = (
        "ContainerConfig",
        "The container cannot be created, or its program cannot be started.",
    )
    SETUP_FAILED = (
        "SetupFailed",
        "Trainyard's init container, which puts the supervisor into the pod, cannot be started or fails.",
    )
    QUOTA_EXCEEDED = (
        "QuotaExceeded",
        "A ResourceQuota of the namespace was used up for `startTimeoutSeconds`.",
    )
    POD_REFUSED = (
        "PodRefused",
        "A pod was refused: by a LimitRange or an admission policy of the namespace, or by its node's kubelet.",
    )
    START_TIMEOUT = (
        "StartTimeout",
        "A pod has its node, and its containers did not start within `startTimeoutSeconds`: sandbox, network, volume, device or kubelet.",
    )
    SCRATCH_FULL = (
        "ScratchFull",
        "A worker wrote more to its node's disk than its limit, and the kubelet evicted it.",
    )
    ENVIRONMENT_NOT_RESOLVED = (
        "EnvironmentNotResolved",
        "The packages that the session asks for cannot be had, or their list is refused; the message has the resolver's words.",
    )
    TORCH_WOULD_BE_REPLACED = (
        "TorchWouldBeReplaced",
        "A package needs another version of torch than the runtime has; the message names both.",
    )
    INDEX_UNAVAILABLE = (
        "IndexUnavailable",
        "The index of packages did not answer in four installations.",
    )
    NO_ROOM_FOR_ENVIRONMENT = (
        "NoRoomForEnvironment",
        "The volume had no space for the packages in four installations, or could not be written.",
    )
    ENVIRONMENT_NOT_BUILT = (
        "EnvironmentNotBuilt",
        "The installation of the packages was killed, broke in an unknown way, or took too long.",
    )
    ENVIRONMENT_GONE = (
        "EnvironmentGone",
        "The packages were removed from the volume before the program could start, in four attempts in a row.",
    )
    UNSCHEDULABLE = (
        "Unschedulable",
        "kube-scheduler finds no node for `startTimeoutSeconds` (120 s unless set), or the node was full when the pod came.",
    )
    EVICTED = (
        "Evicted",
        "The pod was evicted: a drain, node pressure, a pod of higher priority. Only node pressure uses a retry.",
    )
    NODE_LOST = (
        "NodeLost",
        "The pod's node is deleted, is shut down, has restarted or does not answer.",
    )
    STALLED = (
        "Stalled",
        "The step has not advanced for `stallTimeoutSeconds`.",
    )
    DEADLINE_EXCEEDED = (
        "DeadlineExceeded",
        "All attempts together have run `maxRuntimeSeconds`.",
    )
    ENDED_EARLY = (
        "EndedEarly",
        "The program exits with 0 before its goal, and nothing from outside ended it.",
    )
    JOB_DELETED = (
        "JobDeleted",
        "The session's Job was deleted, but not by the operator.",
    )
    KILLED = (
        "Killed",
        "SIGKILL or SIGTERM from another process; neither the kernel's OOM killer nor the kubelet.",
    )
    UNKNOWN = (
        "Unknown",
        "The pods are deleted and left no trace.",
    )


RETRYABLE: Final = frozenset(
    {
        FailureClass.OUT_OF_MEMORY,
        FailureClass.VOLUME_FULL,
        FailureClass.PROGRAM_ERROR,
        FailureClass.WORKER_LOST,
        FailureClass.EVICTED,
        FailureClass.NODE_LOST,
        FailureClass.IMAGE_UNAVAILABLE,
        FailureClass.REGISTRY_UNAVAILABLE,
        FailureClass.SETUP_FAILED,
        FailureClass.QUOTA_EXCEEDED,
        FailureClass.POD_REFUSED,
        FailureClass.START_TIMEOUT,
        FailureClass.UNSCHEDULABLE,
        FailureClass.STALLED,
        FailureClass.JOB_DELETED,
        FailureClass.KILLED,
        FailureClass.UNKNOWN,
    }
)
"""Failures that another attempt can survive; all others end the session at once."""

UNCOUNTED: Final = frozenset(
    {
        FailureClass.REGISTRY_UNAVAILABLE,
        FailureClass.QUOTA_EXCEEDED,
        FailureClass.UNSCHEDULABLE,
        FailureClass.NODE_LOST,
    }
)
"""Failures of the cluster, in which the program has no part: they use no retry.

The session goes back to the queue and keeps its age.
"""


class EventReason(SentencedEnum):
    """Reasons of the Kubernetes Events about a session."""

    QUEUED = "Queued", "The session entered the queue, or returned to it."
    ADMITTED = "Admitted", "An attempt got its GPUs."
    RUNNING = "Running", "All workers of the first attempt run."
    PREEMPTED = "Preempted", "Another session preempts it."
    DISRUPTED = "Disrupted", "The cluster took a worker off its node; all workers end."
    NODE_NOT_READY = "NodeNotReady", "A worker's node is not ready or does not answer."
    NODE_READY = "NodeReady", "The nodes of all workers answer again."
    SUSPENDED = "Suspended", "The session holds no GPUs and waits for its owner to resume it."
    RESUMED = "Resumed", "All workers of a later attempt run."
    RETRYING = "Retrying", "An attempt failed and another one follows."
    SUCCEEDED = "Succeeded", "All workers ended with 0, at the goal if one is known."
    FAILED = "Failed", "The session failed, and no further attempt follows."
    STOPPED = "Stopped", "Its owner stopped the session after it had run."
    CANCELLED = "Cancelled", "Its owner stopped the session before it ever ran."
