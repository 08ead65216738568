"""About what a user gets notices."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from trainyard_api.contract import MAX_METRIC_NAME
from trainyard_api.model import Rule as Condition
from trainyard_api.model import RuledModel
from trainyard_api.phase import FailureClass, Phase

MOST_RULES: Final = 16
"""Rules of one receiver."""
MOST_RULES_OF_USER: Final = 64
"""Rules of all receivers of one user: each is looked at for each session."""
DEFAULT_SECONDS: Final = 600


class PhaseRule(RuledModel):
    """A session is in one of these phases."""

    on: Literal["phase"]
    phases: list[Phase] = Field(min_length=1, max_length=len(Phase))
    """Each gives one notice for an attempt."""


class FailureRule(RuledModel):
    """An attempt of a session failed, also if another one follows."""

    on: Literal["failure"]
    classes: list[FailureClass] | None = Field(
        default=None, min_length=1, max_length=len(FailureClass)
    )
    """Default: every failure class."""


class MetricRule(RuledModel):
    """The latest value of a metric is beyond a bound; one notice for an attempt."""

    on: Literal["metric"]
    name: str = Field(min_length=1, max_length=MAX_METRIC_NAME)
    """Name of the metric, as the session's status shows it."""
    above: float | None = None
    """Values greater than this one, and values that are not a number."""
    below: float | None = None
    """Values less than this one, and values that are not a number."""

    RULES: ClassVar[tuple[Condition, ...]] = (
        Condition(
            cel="has(self.above) || has(self.below)",
            message="give above or below: the bound of the metric",
            holds=lambda s: s.above is not None or s.below is not None,
        ),
    )


class StalledRule(RuledModel):
    """A running session makes no step; one notice for each step at which it stays."""

    on: Literal["stalled"]
    seconds: int = Field(default=DEFAULT_SECONDS, ge=60, le=86_400)
    """Time without a step."""


class StartsSoonRule(RuledModel):
    """A waiting session is expected to start soon; one notice for an attempt."""

    on: Literal["starts-soon"]
    seconds: int = Field(default=DEFAULT_SECONDS, ge=0, le=86_400)
    """Largest time to the earliest expected start."""


class BudgetRule(RuledModel):
    """A budget of the user or of a team of the user is spent, or nearly; for administrators with
    `sessions: all` any budget. One notice of each for a period."""

    on: Literal["budget"]


NoticeRule = Annotated[
    PhaseRule | FailureRule | MetricRule | StalledRule | StartsSoonRule | BudgetRule,
    Field(discriminator="on"),
]
