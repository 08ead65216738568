"""What is spent of each budget now: the ledger's sum, and what was held since. Pure.

The gateway sums the ledger until `asOf`. For the time after that the operator counts what the
sessions that it sees held, so that a budget ends in time also while no gateway runs. Nothing counts
twice, since one ends where the other begins. Times are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from trainyard_api.limits.period import period_at
from trainyard_api.limits.published import PublishedLimit, PublishedLimits, Subject, WhenSpent
from trainyard_scheduler.limits.limit import NO_LIMITS, Limit, Limits


@dataclass(frozen=True, slots=True)
class Held:
    """GPUs that an attempt held, or holds."""

    subjects: tuple[Subject, ...]
    gpus: int
    start: float
    end: float | None = None
    """None: it holds them."""


def limits_at(published: PublishedLimits | None, held: Iterable[Held], now: float) -> Limits:
    """The limits with what is spent now. Of `held` the time after `asOf` counts."""
    if published is None or not published.limits:
        return NO_LIMITS
    found = {
        Subject(one.kind, one.name): _Spending(one, published.as_of, now)
        for one in published.limits
    }
    for each in held:
        for subject in each.subjects:
            if (spending := found.get(subject)) is not None:
                spending.count(each)
    return Limits({subject: spending.limit() for subject, spending in found.items()})


class _Spending:
    """Sums for one limit."""

    def __init__(self, published: PublishedLimit, as_of: float, now: float) -> None:
        self._published, self._now = published, now
        self._span = period_at(published.period, as_of)
        self._since, self._spent = as_of, published.spent_gpu_seconds
        if now >= self._span.end:
            self._span = period_at(published.period, now)
            self._since, self._spent = self._span.start, 0.0

    def count(self, held: Held) -> None:
        end = self._now if held.end is None else min(held.end, self._now)
        self._spent += held.gpus * max(0.0, end - max(held.start, self._since))

    def limit(self) -> Limit:
        published = self._published
        return Limit(
            subject=Subject(published.kind, published.name),
            max_gpus=published.max_gpus,
            budget_seconds=published.budget_gpu_seconds,
            spent_seconds=self._spent,
            period=published.period,
            renews=self._span.end,
            suspends=published.when_spent == WhenSpent.SUSPEND,
        )
