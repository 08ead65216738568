"""What waiting sessions are told about their place, and which news are worth a write."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trainyard_api import timestamps
from trainyard_api.phase import Reason
from trainyard_scheduler.facts import Request
from trainyard_scheduler.forecast import QueueForecast, Standing
from trainyard_scheduler.snapshot import Snapshot

SENTENCES: Mapping[Reason, str] = {
    Reason.WAITING_FOR_GPUS: "Not enough GPUs are free on any set of nodes that it could use.",
    Reason.WAITING_FOR_RESOURCES: "GPUs are free, but not with enough CPU or memory beside them.",
    Reason.WAITING_FOR_TURN: "Others go first.",
    Reason.WAITING_FOR_QUOTA: "Its queue has used up its GPU quota and may not borrow.",
    Reason.WAITING_FOR_USER_LIMIT: "Its user runs as many sessions of this queue as are allowed at once.",
    Reason.QUEUE_PAUSED: "Its queue is paused by an administrator.",
    Reason.RESERVED_FOR_OTHER: "The free GPUs are kept for a session that has waited longer.",
}

PASSING = frozenset(
    {
        Reason.WAITING_FOR_TURN,
        Reason.WAITING_FOR_GPUS,
        Reason.WAITING_FOR_RESOURCES,
        Reason.RESERVED_FOR_OTHER,
    }
)
"""Reasons that change by themselves while a session moves up."""

START_TOLERANCE = 0.1
"""A start time is told anew when it moved by this share of the time that is left…"""
START_TOLERANCE_SECONDS = 30.0
"""… and by at least this much."""


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """The place of one session."""

    standing: Standing
    now: float

    @property
    def position(self) -> int:
        """1 is next."""
        return self.standing.position

    def wire(self) -> dict[str, Any]:
        """`status.queue`."""
        s = self.standing
        told: dict[str, Any] = {
            "position": s.position,
            "ahead": {"sessions": s.ahead_sessions, "gpus": s.ahead_gpus},
            "reason": s.reason.value,
            "message": SENTENCES[s.reason],
        }
        start = {"earliest": s.earliest, "latest": s.latest}
        known = {k: timestamps.to_seconds_text(v) for k, v in start.items() if v is not None}
        if known:
            told["estimatedStart"] = known
        return told

    def news(self, told: object) -> float:
        """How much this differs from what the session was told: 0 not at all, infinity when it must be said.

        Reasons that come and go as the queue moves count as one place out of one; those that somebody can do something about must be
        said.
        """
        if not isinstance(told, dict):
            return math.inf
        old = told.get("position")
        if not isinstance(old, int):
            return math.inf
        if told.get("reason") != self.standing.reason:
            return 1.0 if {told.get("reason"), self.standing.reason} <= PASSING else math.inf
        moved = abs(old - self.position) / self.position
        start = told.get("estimatedStart")
        start = start if isinstance(start, dict) else {}
        shifts = [
            self._shift(timestamps.parse_seconds(start.get("earliest")), self.standing.earliest),
            self._shift(timestamps.parse_seconds(start.get("latest")), self.standing.latest),
        ]
        return max(moved, *shifts)

    def _shift(self, told: float | None, known: float | None) -> float:
        if told is None or known is None:
            return 0.0 if told is known else 0.5
        shift = abs(told - known)
        left = max(1.0, known - self.now)
        if shift < START_TOLERANCE_SECONDS or shift < START_TOLERANCE * left:
            return 0.0
        return shift / left


class QueueReport:
    """The places of many sessions at one moment."""

    def __init__(self, cluster: Snapshot, now: float) -> None:
        self._forecast = QueueForecast(cluster, now)
        self._now = now
        self.front = self._forecast.front
        """Those whose turns come first."""

    def place(self, request: Request) -> QueueStatus:
        """Where a waiting session stands."""
        return QueueStatus(self._forecast.standing(request), self._now)
