"""Another session's checkpoint as the start of a session."""

from __future__ import annotations

from pydantic import Field

from trainyard_api.model import ClosedModel
from trainyard_api.session.names import SessionName


class ResumeFrom(ClosedModel):
    """Start from another session's checkpoint: its weights and optimizer state, at step 0."""

    session: SessionName
    """Name of the session whose checkpoint is taken."""
    checkpoint: str = Field(default="latest", min_length=1, max_length=64, pattern=r"^[a-z0-9-]+$")
    """latest, best, or a step such as step-1200."""
