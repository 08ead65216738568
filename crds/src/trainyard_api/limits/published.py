"""Limits as the gateway publishes them, and the operator reads them.

They are JSON in an annotation of the Lease that the gateway renews (`names.ANNOTATION_LIMITS`).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from pydantic import Field, ValidationError

from trainyard_api.limits.period import Period
from trainyard_api.model import OpenModel
from trainyard_api.phase import TextEnum

MOST_LIMITS: Final = 500
"""Limits of an installation: all of them are one annotation, for which Kubernetes has 256 KiB."""
MOST_GPUS: Final = 100_000
MOST_GPU_SECONDS: Final = 2.0**53
_LONGEST: Final = 262_144


class SubjectKind(TextEnum):
    """Whose sessions a limit is about."""

    USER = "user"
    TEAM = "team"
    KEY = "key"
    """Sessions that were started with this API key, by its public part."""


class Subject(NamedTuple):
    """Whose sessions a limit is about."""

    kind: SubjectKind
    name: str


class WhenSpent(TextEnum):
    """What happens to running sessions when a budget is spent; new ones wait."""

    WAIT = "wait"
    """They run on."""
    SUSPEND = "suspend"
    """They save a checkpoint, give their GPUs back and wait as well."""


class PublishedLimit(OpenModel):
    """One limit, with what was spent until `asOf`."""

    kind: SubjectKind
    name: str = Field(max_length=64)
    max_gpus: int | None = Field(default=None, ge=0, le=MOST_GPUS)
    """GPUs that its sessions hold at once."""
    budget_gpu_seconds: float | None = Field(default=None, ge=0, le=MOST_GPU_SECONDS)
    """GPU-seconds in a period."""
    period: Period = Period.MONTH
    when_spent: WhenSpent = WhenSpent.WAIT
    spent_gpu_seconds: float = Field(default=0.0, ge=0, le=MOST_GPU_SECONDS)
    """Of the period in which `asOf` lies, by the ledger."""


class PublishedLimits(OpenModel):
    """All limits of an installation."""

    as_of: float = Field(ge=0, le=MOST_GPU_SECONDS)
    """Until when what was spent is summed, in seconds since the epoch."""
    limits: list[PublishedLimit] = Field(max_length=MOST_LIMITS)


def read_limits(text: str) -> PublishedLimits:
    """The limits of an annotation. Raises ValueError for a text that is none."""
    if len(text) > _LONGEST:
        raise ValueError(f"it has {len(text):,} characters; {_LONGEST:,} are accepted")
    try:
        return PublishedLimits.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"{place}: {first['msg']}") from None


def subjects_of(user: str, team: str, key: str) -> tuple[Subject, ...]:
    """Whose a session is, by its labels; an empty text is a label that is not there."""
    named = ((SubjectKind.USER, user), (SubjectKind.TEAM, team), (SubjectKind.KEY, key))
    return tuple(Subject(kind, name) for kind, name in named if name)
