"""How long sessions of one kind usually run, learned from those that succeeded.

The usual run time of a kind is the median over its last successful sessions. It is the median
because one run on a slow node must not shift it, and the last few because code and data change.
Predictions from recent runs in place of users' estimates follow Tsafrir, Etsion and Feitelson,
"Backfilling Using System-Generated Predictions" (2007). The value depends only on the sessions that
exist, so that operator and gateway know the same.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Mapping
from statistics import median
from typing import Final

SESSIONS_COUNTED: Final = 9
"""Successful sessions of a kind, the last to complete, whose run times count."""

_Run = tuple[float, str, int]
"""Completion time in seconds since the epoch, UID, run time in seconds."""


class Durations:
    """Run times of the successful sessions that exist."""

    def __init__(self) -> None:
        self._runs: dict[int, list[_Run]] = {}
        """By kind, the last to complete at the end."""
        self._known: dict[str, tuple[int, _Run]] = {}
        self._usual: dict[int, float] = {}

    @property
    def usual_seconds(self) -> Mapping[int, float]:
        """The usual run time of each kind with a successful session, in seconds."""
        return self._usual

    def put(self, uid: str, kind: int, completed: float, run_seconds: int) -> None:
        """Count a successful session; `completed` is in seconds since the epoch."""
        self.drop(uid)
        run = (completed, uid, run_seconds)
        self._known[uid] = (kind, run)
        insort(self._runs.setdefault(kind, []), run)
        self._update(kind)

    def drop(self, uid: str) -> None:
        """Forget a session that is gone."""
        known = self._known.pop(uid, None)
        if known is None:
            return
        kind, run = known
        runs = self._runs[kind]
        del runs[bisect_left(runs, run)]
        self._update(kind)

    def _update(self, kind: int) -> None:
        runs = self._runs[kind]
        if runs:
            self._usual[kind] = float(median(r[2] for r in runs[-SESSIONS_COUNTED:]))
        else:
            del self._runs[kind]
            self._usual.pop(kind, None)
