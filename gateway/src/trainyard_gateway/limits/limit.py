"""A limit as it is set and shown."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictFloat, StrictInt, StringConstraints

from trainyard_api.limits.period import Period
from trainyard_api.limits.published import MOST_GPUS, SubjectKind, WhenSpent
from trainyard_api.model import ClosedModel, OpenModel
from trainyard_api.session.spec import PRIORITY_MAX, PRIORITY_MIN

MOST_GPU_HOURS = 1e9
QueueName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"),
]


class LimitSpec(ClosedModel):
    """What the sessions of a user, a team or a key may use together; what is absent is no limit."""

    max_gpus: StrictInt | None = Field(default=None, ge=0, le=MOST_GPUS)
    """GPUs that they hold at once; further ones wait."""
    gpu_hours: StrictFloat | None = Field(default=None, ge=0, le=MOST_GPU_HOURS)
    """The budget: GPU-hours in a period. When it is spent, new sessions wait."""
    period: Period = Period.MONTH
    """When the budget is there again in full: each day, week (Monday) or month in UTC, or never."""
    when_spent: WhenSpent = WhenSpent.WAIT
    """What running sessions do when the budget is spent: they run on (`wait`), or save a checkpoint
    and wait as well (`suspend`)."""
    warn_percent: StrictInt = Field(default=80, ge=1, le=100)
    """From which share of the budget on a notice warns."""
    queues: list[QueueName] | None = Field(default=None, min_length=1, max_length=20)
    """Only these queues are accepted."""
    max_priority: StrictInt | None = Field(default=None, ge=PRIORITY_MIN, le=PRIORITY_MAX)
    """The highest priority that is accepted."""


class LimitInfo(OpenModel):
    """A limit, and what is spent."""

    kind: SubjectKind
    name: str
    max_gpus: int | None = None
    """GPUs at once; null without such a limit."""
    gpu_hours: float | None = None
    """The budget: GPU-hours in a period; null without one."""
    period: Period
    when_spent: WhenSpent
    warn_percent: int
    queues: list[str] | None = None
    """The queues that are accepted; null for all."""
    max_priority: int | None = None
    """The highest priority that is accepted; null for all."""
    spent_gpu_hours: float = 0
    """GPU-hours of this period, by the ledger."""
    since: str
    """When this period began."""
    renews: str | None = None
    """When the next one begins; null if the budget never renews."""
