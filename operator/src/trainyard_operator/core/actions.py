"""What a decision consists of: writes, each safe to repeat and safe on stale input."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, ClassVar

from trainyard_api.phase import EventReason
from trainyard_scheduler.facts import Shape

Manifest = dict[str, Any]


class Lane(IntEnum):
    """How urgent a write is; the smaller goes first."""

    JOBS = 0
    """What GPUs wait for: Jobs are made and deleted, and sessions told that they have to leave, before which nothing is deleted."""
    PHASES = 1
    """What became of a session."""
    INFORMATIONAL = 2
    """What changes nothing but what people read: places in the queue, figures of queues."""


@dataclass(frozen=True, slots=True)
class Event:
    """A Kubernetes Event about a session."""

    reason: EventReason
    message: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class CreateJob:
    """Start an attempt. The name is a function of session and attempt, so that a repetition finds it there already."""

    lane: ClassVar = Lane.JOBS
    uid: str
    name: str
    attempt: int
    nodes: tuple[str, ...]
    shape: Shape
    job: Manifest = field(repr=False)
    service: Manifest | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class PatchStatus:
    """Merge `patch` into the session's status, if the session is still of the version that the patch was made from."""

    uid: str
    name: str
    version: int
    patch: Manifest
    event: Event | None = None
    lane: Lane = Lane.PHASES


@dataclass(frozen=True, slots=True)
class DeleteJobs:
    """End attempts: delete these Jobs, given as (name, UID), if they are still the very same."""

    lane: ClassVar = Lane.JOBS
    uid: str
    jobs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class DeleteSession:
    """The time to live after the end is over."""

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


Write = CreateJob | PatchStatus | DeleteJobs | DeleteSession | PatchQueue


@dataclass(frozen=True, slots=True)
class Decisions:
    """Everything to be done now, the most urgent first."""

    writes: tuple[Write, ...] = ()
    wake: float | None = None
    """When to decide again even if nothing happens; None when only events matter."""
    waiting: int = 0
    """Sessions that could start now and do not."""
    unpublished: int = 0
    """Those of them who may have to be told something."""
    allocation: int = 0
    """Sessions that hold capacity."""
    gpus_used: int = 0
    gpus_capacity: int = 0
    preempted: int = 0
    """Sessions asked to leave by this decision."""
