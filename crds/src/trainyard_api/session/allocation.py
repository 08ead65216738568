"""What ended attempts and installations of a session held, and from when to when."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from pydantic import Field

from trainyard_api.model import OpenModel
from trainyard_api.phase import TextEnum

MOST_ALLOCATIONS: Final = 32
"""Records that a session's status keeps. The gateway keeps all of them in its database."""


class AllocationKind(TextEnum):
    """What held the resources."""

    ATTEMPT = "Attempt"
    INSTALLATION = "Installation"


class AllocationOutcome(TextEnum):
    """How it ended."""

    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    PREEMPTED = "Preempted"
    """Another session took its GPUs."""
    DISRUPTED = "Disrupted"
    """The cluster took a worker off its node, or kept it from running."""
    SUSPENDED = "Suspended"
    STOPPED = "Stopped"


class Allocation(OpenModel):
    """What one ended attempt, or one installation of packages, held."""

    kind: AllocationKind | str = Field(default=AllocationKind.ATTEMPT, max_length=16)
    """Attempt or Installation."""
    number: int
    """Number of the attempt or installation, from 1."""
    start_time: datetime | None = None
    """When its first pod was bound to a node; absent if none was."""
    end_time: datetime
    """When the program of its last pod ended; when the operator found the pods gone if exact is false."""
    exact: bool = True
    """Whether both times are those that Kubernetes reported of all its pods."""
    ran: bool = True
    """Whether its program began to run."""
    gpus: int = 0
    """GPUs of all pods together."""
    cpu_millis: int = 0
    """Thousandths of a CPU core of all pods together."""
    memory_bytes: int = 0
    """Bytes of memory of all pods together."""
    outcome: AllocationOutcome | str = Field(max_length=16)
    """Succeeded, Failed, Preempted, Disrupted, Suspended or Stopped."""
    checkpoint_time: datetime | None = None
    """When the last checkpoint became durable that was known at its end."""
