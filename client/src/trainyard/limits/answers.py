"""What the gateway says of limits."""

from __future__ import annotations

from trainyard_api.model import OpenModel


class Limit(OpenModel):
    """A limit of a user, a team or a key, and what is spent."""

    kind: str
    """user, team or key."""
    name: str
    max_gpus: int | None = None
    """GPUs at once."""
    gpu_hours: float | None = None
    """The budget of a period."""
    period: str = "month"
    """day, week, month or total."""
    when_spent: str = "wait"
    """wait or suspend."""
    warn_percent: int = 80
    queues: list[str] | None = None
    """The queues that are accepted; None for all."""
    max_priority: int | None = None
    spent_gpu_hours: float = 0
    since: str | None = None
    """When the period began."""
    renews: str | None = None
    """When the next one begins; None if the budget never renews."""


class Limits(OpenModel):
    """Limits, by kind and name."""

    limits: list[Limit]
