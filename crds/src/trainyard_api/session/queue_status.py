"""The place of a waiting session in its queue."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from trainyard_api.model import OpenModel


class Ahead(OpenModel):
    """The sessions ahead of a session in its queue."""

    sessions: int = 0
    """Waiting sessions ahead."""
    gpus: int = 0
    """GPUs that these request."""


class EstimatedStart(OpenModel):
    """Between which times the session is expected to start."""

    earliest: datetime | None = None
    """Start if sessions end when their step rates say, or as soon as those like them did."""
    latest: datetime | None = None
    """Start if sessions run until their limits, or as long as nine in ten like them did; absent if
    neither is known."""


class QueueStatus(OpenModel):
    """Position and expected start of a waiting session."""

    position: int | None = None
    """Position in the queue; 1 is next."""
    ahead: Ahead | None = None
    """The sessions ahead."""
    reason: str | None = Field(default=None, max_length=64)
    """Why it does not run yet: one word from a closed list."""
    message: str | None = Field(default=None, max_length=1024)
    """The same as a sentence."""
    estimated_start: EstimatedStart | None = None
    """Expected start; absent while unknown."""
