"""How short and how long sessions are likely to run, as far as earlier sessions tell."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from math import ceil
from typing import Final

from trainyard_scheduler.durations.history import ReferenceClass, RunHistory
from trainyard_scheduler.durations.survival import SurvivalCurve

MISS: Final = 0.1
"""Largest chance that a session ends before its shortest time, and that it outlasts its longest."""
FEWEST: Final = ceil(1 / MISS) - 1
"""Sessions that must have ended for a statement that is missed with a chance of `MISS`."""

Classes = tuple[ReferenceClass, ...]


class Lengths:
    """What the history and the sessions that run say at one moment.

    A class whose sessions do not tell is passed over for the next more general one.
    """

    def __init__(
        self,
        history: RunHistory,
        running: Iterable[tuple[Classes, float]] = (),
        before: float = math.inf,
    ) -> None:
        """`running` are the classes of each session that runs, and for how many seconds it has.

        Of the ended sessions those count that ended before `before`, in seconds since the epoch.
        """
        self._history, self._before = history, before
        self._running: dict[ReferenceClass, list[float]] = defaultdict(list)
        if history:
            for classes, ran in running:
                for reference in classes:
                    self._running[reference].append(ran)
        self._curves: dict[ReferenceClass, SurvivalCurve] = {}

    def shortest(self, classes: Classes, ran: float, miss: float = MISS) -> float | None:
        """The run time that a session falls short of with a chance of at most `miss` (0 … 0.5).

        It has run for `ran` seconds, and may end at once where no class tells more. None while
        fewer sessions have ended than any statement with a chance of `MISS` takes.
        """
        if len(self._history) < FEWEST:
            return None
        curves = (self._curve(reference) for reference in classes)
        found = (curve.shortest(miss, ran) for curve in curves)
        return next((seconds for seconds in found if seconds > ran), ran)

    def longest(self, classes: Classes, ran: float, miss: float = MISS) -> float | None:
        """The run time that a session exceeds with a chance of at most `miss` (0 … 0.5).

        It has run for `ran` seconds. None where no class tells.
        """
        curves = (self._curve(reference) for reference in classes)
        found = (curve.longest(miss, ran) for curve in curves)
        return next((seconds for seconds in found if seconds is not None), None)

    def _curve(self, reference: ReferenceClass) -> SurvivalCurve:
        curve = self._curves.get(reference)
        if curve is None:
            ended = self._history.run_seconds(reference, self._before)
            curve = SurvivalCurve.of(ended, self._running.get(reference, ()) if ended else ())
            self._curves[reference] = curve
        return curve
