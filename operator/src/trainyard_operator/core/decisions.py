"""What a decision consists of: writes, each safe to repeat and safe on stale input."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from trainyard_api.phase import EventReason
from trainyard_api.scheduling.facts import Shape

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Note:
    """A Kubernetes Event about a session."""

    reason: EventReason
    message: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class CreateJob:
    """Start an attempt. The name is a function of session and attempt, so that a repetition finds it there already."""

    uid: str
    name: str
    attempt: int
    nodes: tuple[str, ...]
    shape: Shape
    job: Manifest = field(repr=False)
    service: Manifest | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class PatchStatus:
    """Merge `patch` into the session's status."""

    uid: str
    name: str
    patch: Manifest
    note: Note | None = None


@dataclass(frozen=True, slots=True)
class DeleteJobs:
    """End attempts: delete these Jobs, given as (name, UID), if they are still the very same."""

    uid: str
    jobs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class DeleteSession:
    """The time to live after the end is over."""

    uid: str
    name: str


@dataclass(frozen=True, slots=True)
class PatchQueue:
    """Merge `patch` into the status of a TrainingQueue."""

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
    untold: int = 0
    """Those of them who may have to be told something."""
    holding: int = 0
    """Sessions that hold capacity."""
    gpus_used: int = 0
    gpus_capacity: int = 0
    preempted: int = 0
    """Sessions asked to leave by this decision."""
