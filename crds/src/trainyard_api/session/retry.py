"""Retries of a session."""

from __future__ import annotations

from pydantic import Field

from trainyard_api.model import ClosedModel


class Retry(ClosedModel):
    """Retries after a failure that a further attempt can survive."""

    limit: int = Field(default=3, ge=0, le=20)
    """Further attempts after the first; preemption and suspension do not count."""
    backoff_seconds: int = Field(default=10, ge=0, le=3600)
    """Seconds before the first retry; doubles with every further retry, up to one hour."""
