"""How an attempt of a session failed or was disrupted."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from trainyard_api.model import OpenModel
from trainyard_api.phase import FailureClass


class Failure(OpenModel):
    """Why the last attempt failed."""

    failure_class: FailureClass | str = Field(alias="class", max_length=64)
    """Class of the failure, from a closed list."""
    attempt: int | None = None
    """The attempt that failed."""
    exit_code: int | None = None
    """Exit code of the worker that failed first."""
    reason: str | None = Field(default=None, max_length=128)
    """Reason as Kubernetes or the trainer gave it."""
    message: str | None = Field(default=None, max_length=2048)
    """What happened."""
    hint: str | None = Field(default=None, max_length=1024)
    """What to do about it."""
    last_log_lines: list[Annotated[str, Field(max_length=512)]] | None = Field(
        default=None, max_length=20
    )
    """The last lines that the program printed."""
    time: datetime | None = None
    """When the failure was detected."""
    alike: int | None = None
    """Attempts in a row that ended in this way before any step or checkpoint; exhausted memory is not retried after the second."""


class Disruption(OpenModel):
    """How the cluster took a worker of an attempt off its node."""

    attempt: int
    """The attempt that was disrupted."""
    reason: str = Field(max_length=128)
    """Reason as Kubernetes gave it, such as EvictionByEvictionAPI."""
    message: str | None = Field(default=None, max_length=1024)
    """Which worker, and what to do."""
    time: datetime | None = None
    """When it was seen."""
