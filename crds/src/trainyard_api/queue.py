"""TrainingQueue: a share of the cluster's GPUs with its limits."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from trainyard_api.model import ClosedModel, OpenModel

QueueingStrategy = Literal["BestEffortFIFO", "ShortestRemainingTime"]


class TrainingQueueSpec(ClosedModel):
    """What sessions of this queue may use.

    Every field may change at any time. A change stops no running session.
    """

    gpu_quota: int | None = Field(default=None, ge=0, le=100_000)
    """GPUs that this queue is guaranteed. Default: no quota; the whole cluster is shared by weight."""
    borrow: bool = True
    """Whether sessions may use idle GPUs beyond the quota; preemption gives them back."""
    weight: int = Field(default=1, ge=1, le=1000)
    """Share of unguaranteed GPUs relative to other queues."""
    max_sessions_per_user: int | None = Field(default=None, ge=1, le=100_000)
    """Sessions of one user that may hold GPUs at once. Default: no limit."""
    max_gpus_per_session: int | None = Field(default=None, ge=0, le=4096)
    """Maximum GPUs (workers × GPUs per worker) of one session. Default: no limit."""
    paused: bool = False
    """Start no more sessions of this queue; running sessions continue."""
    queueing_strategy: QueueingStrategy = "BestEffortFIFO"
    """The order of sessions.

    BestEffortFIFO: by priority and age. ShortestRemainingTime: a session counts as if it had come
    later by its expected remaining time, at most by three days; and one that has run for
    timeSliceSeconds yields, right after a checkpoint, to one that is expected to need at most
    half of its remaining time.
    """
    time_slice_seconds: int = Field(default=3600, ge=1, le=2_592_000)
    """How long an attempt runs before it may yield, with ShortestRemainingTime."""


class TrainingQueueStatus(OpenModel):
    """The observed state; the operator writes it."""

    running: int | None = None
    """Sessions that hold GPUs."""
    waiting: int | None = None
    """Sessions that wait."""
    gpus_used: int | None = None
    """GPUs that this queue's sessions hold."""
    gpus_total: int | None = None
    """GPUs of all nodes that sessions of any queue can use."""
    observed_generation: int | None = None
    """Generation of the spec that this was derived from."""


class TrainingQueue(OpenModel):
    """A share of the cluster's GPUs with its limits."""

    api_version: Literal["trainyard.io/v1alpha1"] = "trainyard.io/v1alpha1"
    kind: Literal["TrainingQueue"] = "TrainingQueue"
    metadata: dict[str, Any]
    spec: TrainingQueueSpec = Field(default=TrainingQueueSpec())
    status: TrainingQueueStatus = Field(default=TrainingQueueStatus())
