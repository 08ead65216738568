"""Which source of a metric counts, where a program reports in several ways.

A program may report one metric by MLflow's client, in its event files, in tables (CSV files) and to
the status server.
The values would differ in their digits and steps, so for each name the best source counts. A
program that reports by `trainyard` speaks for itself; that is decided elsewhere, for all names.
"""

from __future__ import annotations

from enum import IntEnum

MOST_NAMES = 20_000
"""Names that are remembered; those beyond count from every source."""


class Source(IntEnum):
    """Sources of metrics, the best one first."""

    MLFLOW = 1
    EVENT_FILES = 2
    TABLES = 3
    STATUS = 4


class MetricSources:
    """The best source of each name so far; every thread may ask."""

    def __init__(self) -> None:
        self._best: dict[str, Source] = {}

    def claim(self, name: str, source: Source) -> bool:
        """Whether a value of `name` from `source` counts; from now on no worse source does."""
        best = self._best.get(name)
        if best is not None and best < source:
            return False
        if best != source and (best is not None or len(self._best) < MOST_NAMES):
            self._best[name] = source
        return True
