"""What a session is now, and what has to be done about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trainyard_api.phase import Phase
from trainyard_scheduler.objects.model import BuilderJob, Job


@dataclass(frozen=True, slots=True)
class SessionState:
    """What a session is now, with the status fields and deletions that follow."""

    phase: Phase
    message: str
    reason: str
    """Reason of the conditions that this phase sets."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the status that change with it; None removes one."""
    delete_jobs: tuple[Job | BuilderJob, ...] = ()
    delete_session: bool = False
    in_queue: bool = False
    """It could start now, and only the queue decides when."""
    build: int | None = None
    """Number of the installation of its packages to start once there is a place for it."""
    delayed: bool = False
    """Do not write it yet: a further change is likely soon."""
    wake: float | None = None
    """When to evaluate again even if nothing happens, in seconds since the epoch."""
