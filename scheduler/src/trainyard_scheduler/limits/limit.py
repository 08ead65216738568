"""Limits of users, teams and keys at one moment, and whether a session waits for one. Pure.

Times are seconds since the epoch. A session without GPUs spends nothing and waits for no limit.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from trainyard_api import timestamps
from trainyard_api.limits.period import Period, period_at
from trainyard_api.limits.published import Subject, SubjectKind
from trainyard_api.phase import Reason
from trainyard_scheduler.facts import Allocation, Request

TEAM_SECONDS: Final = 10.0
"""While teams have limits, a new session without a team waits so long for the gateway's label."""
_HOUR: Final = 3600
_IN: Final = {
    Period.DAY: "this day",
    Period.WEEK: "this week",
    Period.MONTH: "this month",
    Period.TOTAL: "in all",
}


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit with what is spent now."""

    subject: Subject
    max_gpus: int | None = None
    """GPUs at once; None without such a limit."""
    budget_seconds: float | None = None
    """GPU-seconds in a period; None without a budget."""
    spent_seconds: float = 0.0
    """GPU-seconds of this period."""
    period: Period = Period.MONTH
    renews: float = math.inf
    """When the budget is there again in full."""
    suspends: bool = False
    """Whether running sessions give their GPUs back when the budget is spent."""

    def is_spent(self, now: float) -> bool:
        """Whether nothing of the budget is left."""
        budget = self.budget_seconds
        return budget is not None and self.spent_seconds >= budget and now < self.renews

    def after(self, gpus: int, now: float, later: float) -> Limit:
        """The same at `later`, if its sessions hold so many GPUs meanwhile."""
        if later < self.renews:
            return replace(self, spent_seconds=self.spent_seconds + gpus * (later - now))
        since, end = period_at(self.period, later)
        return replace(self, spent_seconds=gpus * (later - max(since, now)), renews=end)


@dataclass(frozen=True, slots=True)
class Wait:
    """That a session waits for a limit, in words."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Limits:
    """All limits of an installation, at one moment."""

    by_subject: Mapping[Subject, Limit] = field(default_factory=dict)

    def of(self, subjects: Iterable[Subject]) -> list[Limit]:
        """Those of a session."""
        return [self.by_subject[s] for s in subjects if s in self.by_subject]

    def after(self, allocations: Iterable[Allocation], now: float, later: float) -> Limits:
        """The same at `later`, if these hold their GPUs meanwhile."""
        if not any(limit.budget_seconds is not None for limit in self.by_subject.values()):
            return self
        held = _held(self, allocations)
        return Limits({s: v.after(held[s], now, later) for s, v in self.by_subject.items()})

    def renewals(self) -> list[float]:
        """When budgets are there again in full."""
        budgets = (v for v in self.by_subject.values() if v.budget_seconds is not None)
        return sorted({limit.renews for limit in budgets if limit.renews < math.inf})


NO_LIMITS: Final = Limits()
_FIGURE: Final = re.compile(r"(?<=is spent: )[\d,.]+(?= of )")
_AWAITS_TEAM: Final = Wait(
    Reason.WAITING_FOR_TURN,
    "It waits until the gateway has said of which team it is, since teams have limits.",
)


class LimitUse:
    """The GPUs that limited sessions hold. Mutable; lives for one cycle."""

    def __init__(self, limits: Limits, allocations: Iterable[Allocation]) -> None:
        self._limits = limits
        self._held = _held(limits, allocations)
        self._of_teams = any(s.kind == SubjectKind.TEAM for s in limits.by_subject)
        self._known: dict[tuple[tuple[Subject, ...], int, float], Wait | None] = {}
        """Answers since the last start: thousands of sessions of one program have the same."""

    def started(self, request: Request) -> None:
        """Count a session that starts."""
        self._known.clear()
        for subject in request.subjects:
            if subject in self._limits.by_subject:
                self._held[subject] += request.shape.gpus

    def wait(self, request: Request, now: float) -> Wait | None:
        """Which limit keeps a session waiting; None if none does. A spent budget comes first."""
        gpus = request.shape.gpus
        if gpus == 0 or not self._limits.by_subject:
            return None
        if self._of_teams and _awaits_team(request, now):
            return _AWAITS_TEAM
        asked = request.subjects, gpus, now
        if asked not in self._known:
            self._known[asked] = self._wait(*asked)
        return self._known[asked]

    def _wait(self, subjects: tuple[Subject, ...], gpus: int, now: float) -> Wait | None:
        limits = self._limits.of(subjects)
        for limit in limits:
            if limit.is_spent(now):
                return Wait(Reason.BUDGET_SPENT, _spent(limit))
        for limit in limits:
            held = self._held[limit.subject]
            if limit.max_gpus is not None and held + gpus > limit.max_gpus:
                return Wait(Reason.WAITING_FOR_GPU_LIMIT, _too_many(limit, held, gpus))
        return None


def _awaits_team(request: Request, now: float) -> bool:
    """Whether it is new and has no team yet, as sessions by `kubectl` for a moment."""
    named = any(s.kind == SubjectKind.TEAM for s in request.subjects)
    return not named and abs(now - request.queued) < TEAM_SECONDS


def over_budget(limits: Limits, allocations: Iterable[Allocation], now: float) -> list[Allocation]:
    """The running sessions that give their GPUs back, since a budget says so and is spent."""
    if not any(v.suspends and v.is_spent(now) for v in limits.by_subject.values()):
        return []
    return [
        a
        for a in allocations
        if a.started is not None
        and not a.leaving
        and a.shape.gpus
        and any(v.suspends and v.is_spent(now) for v in limits.of(a.subjects))
    ]


def _held(limits: Limits, allocations: Iterable[Allocation]) -> Counter[Subject]:
    found: Counter[Subject] = Counter()
    for allocation in allocations if limits.by_subject else ():
        for subject in allocation.subjects:
            if subject in limits.by_subject:
                found[subject] += allocation.shape.gpus
    return found


def _spent(limit: Limit) -> str:
    spent, budget = limit.spent_seconds / _HOUR, (limit.budget_seconds or 0.0) / _HOUR
    words = (
        f"The budget of {named(limit.subject)} is spent: {spent:,.1f} of {budget:,.1f} GPU-hours"
        f" {_IN[limit.period]}."
    )
    if limit.renews == math.inf:
        return f"{words} It starts when an administrator raises the budget."
    return f"{words} It renews at {timestamps.to_seconds_text(limit.renews)}."


def without_spent(message: str) -> str:
    """The message without what is spent, which rises every second while others run."""
    return _FIGURE.sub("", message)


def _too_many(limit: Limit, held: int, gpus: int) -> str:
    words = f"{named(limit.subject)} may hold {limit.max_gpus} GPUs at once and holds {held}"
    words = f"{words[0].upper()}{words[1:]}; it asks for {gpus}."
    if limit.max_gpus is not None and gpus > limit.max_gpus:
        return f"{words} It starts when an administrator raises the limit."
    return f"{words} It starts when enough of them are free."


def named(subject: Subject) -> str:
    """A subject in a sentence, such as `the team vision`."""
    return f"the {SubjectKind(subject.kind).value} {subject.name}"
