"""`status.queue` of waiting sessions, and the choice of those whose status is written now."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import orjson

from trainyard_api import timestamps
from trainyard_api.phase import Reason
from trainyard_operator.core.cache import DecisionCache
from trainyard_operator.core.status import MESSAGE_LENGTH
from trainyard_scheduler.facts import Request
from trainyard_scheduler.forecast import QueueForecast, QueuePosition
from trainyard_scheduler.limits.limit import without_spent
from trainyard_scheduler.objects import fields
from trainyard_scheduler.objects.model import Queue, Session
from trainyard_scheduler.objects.store import ClusterState
from trainyard_scheduler.snapshot import Snapshot
from trainyard_scheduler.waiting_queue import all_requests

TRANSIENT_REASONS: Final = frozenset(
    {
        Reason.WAITING_FOR_TURN,
        Reason.WAITING_FOR_GPUS,
        Reason.WAITING_FOR_RESOURCES,
        Reason.RESERVED_FOR_OTHER,
    }
)
"""Reasons that change without anyone's action while a session moves up."""

START_TOLERANCE: Final = 0.1
"""A start time is written again once it moved by this share of the time left, and by at least…"""
START_TOLERANCE_SECONDS: Final = 30.0
"""… this much."""

MAX_STATUS_UPDATES: Final = 200
"""Waiting sessions with an unpublished change that one decision examines and updates."""
POSITIONS_CHECKED: Final = 200
"""Further waiting sessions whose position one decision examines, in rotation."""


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """`status.queue` of one waiting session."""

    found: QueuePosition
    now: float
    """Seconds since the epoch."""

    @property
    def message(self) -> str:
        """Why the session waits, as long as the custom resource takes it."""
        return self.found.message[:MESSAGE_LENGTH]

    def render(self) -> dict[str, Any]:
        """The field as it is written."""
        p = self.found
        rendered: dict[str, Any] = {
            "position": p.position,
            "ahead": {"sessions": p.ahead_sessions, "gpus": p.ahead_gpus},
            "reason": p.reason.value,
            "message": self.message,
        }
        start = {"earliest": p.earliest, "latest": p.latest}
        known = {k: timestamps.to_seconds_text(v) for k, v in start.items() if v is not None}
        if known:
            rendered["estimatedStart"] = known
        return rendered

    def change(self, published: object) -> float:
        """How much this differs from the published `status.queue`: 0 is not at all.

        Infinity means that it must be written: it is the first, or the reason is one that a user
        can act on. Otherwise it is the larger of the relative move of the position and of the start
        times.
        """
        if not isinstance(published, dict):
            return math.inf
        position = fields.count(published.get("position"))
        reason = fields.text(published.get("reason"))
        if position == 0:
            return math.inf
        if reason != self.found.reason:
            return 1.0 if {reason, self.found.reason} <= TRANSIENT_REASONS else math.inf
        said = fields.text(published.get("message"))
        if without_spent(said) != without_spent(self.message):
            return 1.0
        moved = abs(position - self.found.position) / self.found.position
        start = published.get("estimatedStart")
        start = start if isinstance(start, dict) else {}
        shifts = [
            self._shift(timestamps.parse_seconds(start.get("earliest")), self.found.earliest),
            self._shift(timestamps.parse_seconds(start.get("latest")), self.found.latest),
        ]
        return max(moved, *shifts)

    def _shift(self, published: float | None, found: float | None) -> float:
        if published is None or found is None:
            return 0.0 if published is found else 0.5
        # A start that may be at any time says the same a minute later.
        shift = abs(max(published, self.now) - found)
        left = max(1.0, found - self.now)
        if shift < START_TOLERANCE_SECONDS or shift < START_TOLERANCE * left:
            return 0.0
        return shift / left


_Update = tuple[float, Session, QueueStatus]


def select_updates(
    state: ClusterState, snapshot: Snapshot, cache: DecisionCache, now: float, limit: int
) -> list[tuple[Session, QueueStatus]]:
    """The waiting sessions whose `status.queue` is written now, at most `limit`.

    First come sessions that must be written, in queue order. The rest of `limit` goes to sessions
    whose position moved, at a bounded rate. Sessions that are left out stay unpublished, or are
    found again by the periodic check.
    """
    if not cache.requests:
        return []
    forecast = QueueForecast(snapshot, now)
    due: list[_Update] = []
    moved: list[_Update] = []
    for request in _examined(snapshot, forecast, cache):
        if request.uid in state.busy:
            continue
        session = state.sessions[request.uid]
        status = QueueStatus(forecast.position(request), now)
        change = _change(session, status, cache)
        if change == math.inf:
            due.append((change, session, status))
            continue
        cache.unpublished.pop(request.uid, None)
        if change > 0:
            moved.append((change, session, status))
    due.sort(key=_importance)
    moved.sort(key=_importance)
    chosen = due[:limit]
    room = min(limit - len(chosen), len(moved))
    chosen += moved[: cache.position_updates_allowed(room, now)]
    for _, session, _status in chosen:
        cache.unpublished.pop(session.uid, None)
    return [(session, status) for _, session, status in chosen]


def _change(session: Session, status: QueueStatus, cache: DecisionCache) -> float:
    published = orjson.loads(session.status.own)
    if published.get("message") != cache.states[session.uid].message[:MESSAGE_LENGTH]:
        return math.inf
    return status.change(published.get("queue"))


def _examined(
    snapshot: Snapshot, forecast: QueueForecast, cache: DecisionCache
) -> Iterator[Request]:
    """Sessions with unpublished changes, those in front, and some of the others in rotation."""
    found = {uid: cache.requests[uid] for uid in islice(cache.unpublished, MAX_STATUS_UPDATES)}
    found.update((r.uid, r) for r in forecast.front)
    start, end = cache.cursor, cache.cursor + POSITIONS_CHECKED
    found.update((r.uid, r) for r in islice(all_requests(snapshot.waiting), start, end))
    cache.cursor = end if end < len(cache.requests) else 0
    return iter(list(found.values()))


def _importance(update: _Update) -> tuple[float, int]:
    change, _, status = update
    return -change, status.found.position


def queue_totals(queue: Queue, snapshot: Snapshot) -> Mapping[str, Any]:
    """The status of a TrainingQueue."""
    allocations = [a for a in snapshot.allocations if a.queue == queue.name]
    return {
        "running": len(allocations),
        "waiting": len(snapshot.waiting.get(queue.name, ())),
        "gpusUsed": sum(a.gpus for a in allocations),
        "gpusTotal": snapshot.gpu_capacity(),
        "observedGeneration": queue.generation,
    }
