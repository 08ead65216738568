"""The run times of ended sessions, by what the sessions have in common.

A *reference class* is a set of sessions whose run times are taken to be alike. Each session has
several, from the most specific to the most general: its kind; its user and number of GPUs; its
number of GPUs; all. Only sessions that exist count, so that operator and gateway know the same.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Sequence
from typing import Final

RUNS_COUNTED: Final = 200
"""Ended sessions of a class, the last to end, whose run times count: code and data change."""

ReferenceClass = tuple[str | int, ...]

_Run = tuple[float, str, int]
"""Completion time in seconds since the epoch, UID, run time in seconds."""


def reference_classes(kind: int, user: str, gpus: int) -> tuple[ReferenceClass, ...]:
    """The classes of a session, from the most specific to the most general."""
    return (("kind", kind), ("user", user, gpus), ("gpus", gpus), ("all",))


class RunHistory:
    """Run times of ended sessions."""

    def __init__(self) -> None:
        self._runs: dict[ReferenceClass, list[_Run]] = {}
        """The last to end at the end."""
        self._known: dict[str, tuple[tuple[ReferenceClass, ...], _Run]] = {}

    def __len__(self) -> int:
        """How many sessions it knows."""
        return len(self._known)

    def put(
        self, uid: str, classes: tuple[ReferenceClass, ...], completed: float, run_seconds: int
    ) -> None:
        """Count an ended session; `completed` is in seconds since the epoch."""
        self.drop(uid)
        run = (completed, uid, run_seconds)
        self._known[uid] = (classes, run)
        for reference in classes:
            insort(self._runs.setdefault(reference, []), run)

    def drop(self, uid: str) -> None:
        """Forget a session that is gone."""
        classes, run = self._known.pop(uid, ((), (0.0, "", 0)))
        for reference in classes:
            runs = self._runs[reference]
            del runs[bisect_left(runs, run)]
            if not runs:
                del self._runs[reference]

    def run_seconds(self, reference: ReferenceClass, before: float = math.inf) -> Sequence[int]:
        """Run times of the last sessions of a class that ended, at most `RUNS_COUNTED`.

        Only those count that ended before `before`, in seconds since the epoch.
        """
        runs = self._runs.get(reference, [])
        end = bisect_left(runs, (before,)) if before < math.inf else len(runs)
        return [run for _, _, run in runs[max(0, end - RUNS_COUNTED) : end]]
