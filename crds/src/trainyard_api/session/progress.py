"""How far a session's training is."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from trainyard_api.model import OpenModel


class Checkpoint(OpenModel):
    """A durable checkpoint."""

    step: int = 0
    """Optimizer steps done when it was written."""
    time: datetime | None = None
    """When it became durable."""


class Progress(OpenModel):
    """Progress of the training; the gateway writes it from the trainer's reports."""

    epoch: int | None = None
    """Epochs completed."""
    epochs: int | None = None
    """Total epochs."""
    step: int | None = None
    """Optimizer steps done."""
    total_steps: int | None = None
    """Total optimizer steps."""
    percent: float | None = None
    """Completed share, 0 to 100."""
    percent_display: str | None = Field(default=None, max_length=16)
    """percent as text, such as 62%."""
    steps_per_second: float | None = None
    """Step rate of the last minute."""
    eta_seconds: int | None = None
    """Remaining seconds at this rate."""
    eta_display: str | None = Field(default=None, max_length=16)
    """etaSeconds as text, such as 4m10s."""
    last_checkpoint: Checkpoint | None = None
    """The latest durable checkpoint."""
    last_heartbeat: datetime | None = None
    """When the trainer last reported."""
    last_step_time: datetime | None = None
    """When the step last advanced."""
    attempt: int | None = None
    """The attempt that reported this."""


class MetricValue(OpenModel):
    """The latest value of one metric."""

    name: str = Field(max_length=128)
    """Name as reported, such as val/accuracy."""
    value: str = Field(max_length=32)
    """Value as text, because JSON has no NaN and no infinities."""
    step: int | None = None
    """Step at which it was reported."""
