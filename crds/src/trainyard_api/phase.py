"""Phases, condition types and reasons of a TrainingSession: closed lists, each entry with its sentence."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Phase(StrEnum):
    """Where a session is in its life."""

    PENDING = "Pending"
    """Accepted, but something it needs is not there yet (for example its dataset)."""
    QUEUED = "Queued"
    """Ready to run; waits for its turn and for GPUs."""
    STARTING = "Starting"
    """Admitted: its Job exists, its pods are being scheduled and their images pulled."""
    RUNNING = "Running"
    """All its workers run."""
    SUSPENDING = "Suspending"
    """Asked to make room (by its owner or by preemption); it saves a checkpoint."""
    SUSPENDED = "Suspended"
    """Its owner suspended it; it holds no GPUs and waits for desiredState: Running."""
    STOPPING = "Stopping"
    """Its owner stopped it; it saves a checkpoint."""
    SUCCEEDED = "Succeeded"
    """Trained to the end; its model is registered."""
    FAILED = "Failed"
    """Ended with an error that a retry cannot mend, or out of retries; see status.failure."""
    STOPPED = "Stopped"
    """Stopped by its owner after it had run; its checkpoints are kept."""
    CANCELLED = "Cancelled"
    """Stopped by its owner before it ever ran."""


TERMINAL: Final = frozenset({Phase.SUCCEEDED, Phase.FAILED, Phase.STOPPED, Phase.CANCELLED})
WAITING: Final = frozenset({Phase.PENDING, Phase.QUEUED})
"""Listed in the queue."""
CANCELLABLE: Final = WAITING | {Phase.SUSPENDED}
"""Hold no GPUs and have not ended: a stop ends these at once, as Cancelled, or as Stopped if they ran."""
HOLDING_GPUS: Final = frozenset({Phase.STARTING, Phase.RUNNING, Phase.SUSPENDING, Phase.STOPPING})


class DesiredState(StrEnum):
    """What the owner wants of a session."""

    RUNNING = "Running"
    SUSPENDED = "Suspended"
    STOPPED = "Stopped"


class ConditionType(StrEnum):
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


class Reason(StrEnum):
    """Why a condition has its status. `SENTENCES` says the same to people."""

    ACCEPTED = "Accepted"
    UNKNOWN_RUNTIME = "UnknownRuntime"
    UNKNOWN_QUEUE = "UnknownQueue"
    NEVER_FITS = "NeverFits"
    EXCEEDS_QUEUE_LIMIT = "ExceedsQueueLimit"
    INVALID_SPEC = "InvalidSpec"
    RESUME_SOURCE_NOT_FOUND = "ResumeSourceNotFound"
    DATASET_FOUND = "DatasetFound"
    DATASET_NOT_FOUND = "DatasetNotFound"
    DATASET_UNKNOWN_YET = "DatasetUnknownYet"
    NO_DATASET_NEEDED = "NoDatasetNeeded"
    WAITING_FOR_GPUS = "WaitingForGPUs"
    WAITING_FOR_RESOURCES = "WaitingForResources"
    WAITING_FOR_TURN = "WaitingForTurn"
    WAITING_FOR_QUOTA = "WaitingForQuota"
    WAITING_FOR_USER_LIMIT = "WaitingForUserLimit"
    WAITING_FOR_RETRY = "WaitingForRetry"
    WAITING_FOR_PREVIOUS_PODS = "WaitingForPreviousPods"
    QUEUE_PAUSED = "QueuePaused"
    RESERVED_FOR_OTHER = "ReservedForOther"
    SUSPENDED_BY_OWNER = "SuspendedByOwner"
    STOPPED_BY_OWNER = "StoppedByOwner"
    PREEMPTED = "Preempted"
    ADMITTED = "Admitted"
    PODS_STARTING = "PodsStarting"
    PODS_RUNNING = "PodsRunning"
    SUCCEEDED = "Succeeded"


class FailureClass(StrEnum):
    """What kind of failure ended an attempt; decides whether another attempt can help."""

    OUT_OF_MEMORY = "OutOfMemory"
    BAD_CONFIGURATION = "BadConfiguration"
    BAD_DATA = "BadData"
    DATASET_MISSING = "DatasetMissing"
    CHECKPOINT_MISSING = "CheckpointMissing"
    DIVERGED = "Diverged"
    VOLUME_FULL = "VolumeFull"
    ACCESS_DENIED = "AccessDenied"
    PROGRAM_ERROR = "ProgramError"
    WORKER_LOST = "WorkerLost"
    IMAGE_UNAVAILABLE = "ImageUnavailable"
    CONTAINER_CONFIG = "ContainerConfig"
    UNSCHEDULABLE = "Unschedulable"
    EVICTED = "Evicted"
    NODE_LOST = "NodeLost"
    STALLED = "Stalled"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    JOB_DELETED = "JobDeleted"
    KILLED = "Killed"
    UNKNOWN = "Unknown"


RETRYABLE: Final = frozenset(
    {
        FailureClass.OUT_OF_MEMORY,
        FailureClass.VOLUME_FULL,
        FailureClass.PROGRAM_ERROR,
        FailureClass.WORKER_LOST,
        FailureClass.EVICTED,
        FailureClass.NODE_LOST,
        FailureClass.UNSCHEDULABLE,
        FailureClass.STALLED,
        FailureClass.JOB_DELETED,
        FailureClass.KILLED,
        FailureClass.UNKNOWN,
    }
)
"""Failures that another attempt from the last checkpoint can get past; the rest fail at once."""


class EventReason(StrEnum):
    """Reasons of the Kubernetes Events that tell a session's story."""

    QUEUED = "Queued"
    ADMITTED = "Admitted"
    RUNNING = "Running"
    CHECKPOINT_SAVED = "CheckpointSaved"
    PREEMPTED = "Preempted"
    SUSPENDED = "Suspended"
    RESUMED = "Resumed"
    RETRYING = "Retrying"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    STOPPED = "Stopped"
    CANCELLED = "Cancelled"
