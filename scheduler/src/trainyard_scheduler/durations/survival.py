"""The survival curve: the share of sessions that run longer than a time.

It is the product-limit estimator of Kaplan and Meier, "Nonparametric Estimation from Incomplete
Observations" (1958): sessions that still run count up to now, as right-censored observations. Most
trainings are short and a few run for days, so a curve says more than a mean, and a session that has
outlived the short ones is compared with the long ones only.

The bounds that are read from it have the correction for few samples of split conformal prediction
(Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World", 2005): if one of n + 1
exchangeable sessions is predicted from the n others, each bound is missed with at most the chance
asked for. Where n is too small for such a bound, there is none.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, floor
from operator import neg
from typing import Final

ROUNDING: Final = 1e-9
"""Shares are products of floats; so much less still counts as reached."""


@dataclass(frozen=True, slots=True)
class SurvivalCurve:
    """A step function. Times are seconds of run time."""

    times: tuple[float, ...] = ()
    """Run times at which sessions ended, rising, each once."""
    shares: tuple[float, ...] = ()
    """For each, the estimated share of sessions that run longer."""
    ended: tuple[int, ...] = ()
    """For each, how many sessions had ended by then."""

    @classmethod
    def of(cls, ended: Iterable[float], running: Iterable[float] = ()) -> SurvivalCurve:
        """The curve of sessions that ended after these seconds, and of those that run as long."""
        ends, censored = Counter(ended), sorted(running)
        at_risk, share, total = ends.total(), 1.0, 0
        times, shares, counts = sorted(ends), [], []
        seen = 0
        for time in times:
            while seen < len(censored) and censored[seen] < time:
                seen += 1
            share *= 1 - ends[time] / (at_risk + len(censored) - seen)
            at_risk -= ends[time]
            total += ends[time]
            shares.append(share)
            counts.append(total)
        return cls(tuple(times), tuple(shares), tuple(counts))

    def samples(self, ran: float) -> int:
        """How many of those sessions that have ended ran longer than `ran` seconds."""
        at = bisect_right(self.times, ran)
        before = self.ended[at - 1] if at else 0
        return (self.ended[-1] if self.ended else 0) - before

    def shortest(self, miss: float, ran: float = 0.0) -> float:
        """The run time that a session falls short of with a chance of at most `miss` (0 … 0.5).

        The session has run for `ran` seconds. If nothing better is known, that is `ran`.
        """
        samples = self.samples(ran)
        rank = floor((samples + 1) * miss + ROUNDING)
        found = self._reached(rank / samples, ran) if rank else None
        return ran if found is None else found

    def longest(self, miss: float, ran: float = 0.0) -> float | None:
        """The run time that a session exceeds with a chance of at most `miss` (0 … 0.5).

        The session has run for `ran` seconds. None if the sessions seen do not tell: that takes
        1 ÷ miss − 1 that ran longer than `ran`, and more while many of them still run.
        """
        samples = self.samples(ran)
        rank = ceil((samples + 1) * (1 - miss) - ROUNDING)
        return self._reached(rank / samples, ran) if rank <= samples else None

    def _reached(self, share: float, ran: float) -> float | None:
        """The first time by which `share` of those that ran longer than `ran` have ended."""
        first = bisect_right(self.times, ran)
        left = (self.shares[first - 1] if first else 1.0) * (1 - share) + ROUNDING
        at = bisect_left(self.shares, -left, lo=first, key=neg)
        return self.times[at] if at < len(self.times) else None
