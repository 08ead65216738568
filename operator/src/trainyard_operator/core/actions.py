"""What a decision consists of: writes, each safe to repeat and safe on stale input."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, ClassVar

from trainyard_api.phase import EventReason
from trainyard_scheduler.facts import Shape

Manifest = dict[str, Any]


class Lane(IntEnum):
    """How urgent a write is; the smallest goes first."""

    JOBS = 0
    """Creation and deletion of Jobs, and the status that precedes a deletion: GPUs wait for these.
    """
    PHASES = 1
    """A session's new phase."""
    INFORMATIONAL = 2
    """What only people read: positions in the queue, totals of queues."""


@dataclass(frozen=True, slots=True)
class Event:
    """A Kubernetes Event about a session."""

    reason: EventReason
    message: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class CreateJob:
    """Start an attempt.

    The Job's name is a function of session and attempt, so a repetition finds it there.
    """

    lane: ClassVar = Lane.JOBS
    uid: str
    """UID of the session."""
    name: str
    """Name of the Job."""
    attempt: int
    nodes: tuple[str, ...]
    """The node of each worker."""
    shape: Shape
    job: Manifest = field(repr=False)
    service: Manifest | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class PatchStatus:
    """Merge `patch` into a session's status.

    It applies only to the version of the session that the patch was made from.
    """

    uid: str
    name: str
    version: int
    """resourceVersion."""
    patch: Manifest
    event: Event | None = None
    """The Event to send once the patch is written."""
    lane: Lane = Lane.PHASES


@dataclass(frozen=True, slots=True)
class DeleteJobs:
    """End attempts: delete these Jobs, given as (name, UID), if they still have that UID."""

    lane: ClassVar = Lane.JOBS
    uid: str
    """UID of the session."""
    jobs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class DeleteSession:
    """Delete a finished session whose time to live is over."""

    lane: ClassVar = Lane.PHASES
    uid: str
    name: str


@dataclass(frozen=True, slots=True)
class PatchQueue:
    """Merge `patch` into the status of a TrainingQueue."""

    lane: ClassVar = Lane.INFORMATIONAL
    uid: str
    name: str
    patch: Manifest


@dataclass(frozen=True, slots=True)
class CreateBuilder:
    """Start to install the packages of a session. It takes no GPU, so nothing is assumed used."""

    lane: ClassVar = Lane.PHASES
    uid: str
    """UID of the session."""
    name: str
    """Name of the Job."""
    job: Manifest = field(repr=False)


Write = CreateJob | CreateBuilder | PatchStatus | DeleteJobs | DeleteSession | PatchQueue


@dataclass(frozen=True, slots=True)
class Decisions:
    """Everything to be done now, the most urgent first, and figures for metrics."""

    writes: tuple[Write, ...] = ()
    wake: float | None = None
    """When to decide again if nothing happens, in seconds since the epoch.

    None if only events matter.
    """
    waiting: int = 0
    """Sessions that could start now and do not."""
    unpublished: int = 0
    """Those of them whose status may be out of date."""
    allocations: int = 0
    """Sessions that hold resources."""
    gpus_used: int = 0
    gpus_capacity: int = 0
    preempted: int = 0
    """Sessions that this decision preempts."""
    undecided: tuple[tuple[str, str], ...] = ()
    """Names of sessions for which nothing could be decided, each with the error."""
