"""What one decision leaves to the next, to save work. An empty cache gives the same decisions, later."""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from trainyard_api.phase import Phase
from trainyard_operator.core.session_state import SessionState
from trainyard_scheduler.admissibility import Admissibility, Validator
from trainyard_scheduler.facts import Request
from trainyard_scheduler.objects.installation import InstallationConfig
from trainyard_scheduler.objects.model import Session
from trainyard_scheduler.usage import AllocationCache
from trainyard_scheduler.waiting_queue import WaitingQueue

PLACES_PER_SECOND: Final = 2.0
"""Places in the queue that are rewritten at most; new sessions and new reasons do not count."""
LENGTHS_KEPT: Final = 9
"""Finished sessions of a kind from which the usual length is taken."""


@dataclass
class DecisionCache:
    """What need not be computed again."""

    config: InstallationConfig
    validator: Validator
    fresh: bool = True
    """Nothing was looked at yet."""
    dirty: set[str] = field(default_factory=set)
    """UIDs of sessions to look at again."""
    states: dict[str, SessionState] = field(default_factory=dict)
    accepted: dict[str, Admissibility] = field(default_factory=dict)
    requests: dict[str, Request] = field(default_factory=dict)
    """Sessions that could start now, by UID."""
    lines: dict[str, WaitingQueue] = field(default_factory=dict)
    """The same by queue, in order."""
    unpublished: dict[str, None] = field(default_factory=dict)
    """Waiting sessions that may have to be told something, oldest first."""
    cursor: int = 0
    """How far the slow look at everybody's place has come."""
    revision: int = -1
    """Of the state's nodes and queues."""
    queue_written: dict[str, float] = field(default_factory=dict)
    """When the status of each queue was last written."""
    allocations: AllocationCache = field(default_factory=AllocationCache)
    """What sessions hold, as far as it did not change."""
    _wakes: list[tuple[float, str]] = field(default_factory=list)
    _lengths: dict[int, deque[int]] = field(default_factory=dict)
    _counted: set[str] = field(default_factory=set)
    _places_left: float = PLACES_PER_SECOND
    _places_filled: float = 0.0

    @classmethod
    def empty(cls, config: InstallationConfig) -> DecisionCache:
        """Nothing remembered."""
        return cls(config, Validator(config))

    def forget(self, uid: str) -> None:
        """Something about this session changed."""
        self.dirty.add(uid)
        self.states.pop(uid, None)
        self.dequeue(uid)

    def forget_gone(self, uid: str) -> None:
        """This session does not exist any more."""
        self.states.pop(uid, None)
        self.accepted.pop(uid, None)
        self._counted.discard(uid)
        self.dequeue(uid)

    def wake_at(self, moment: float, uid: str) -> None:
        """Look at this session again then."""
        heapq.heappush(self._wakes, (moment, uid))

    def wake_up(self, now: float) -> None:
        """Forget those whose time has come."""
        while self._wakes and self._wakes[0][0] <= now:
            self.forget(heapq.heappop(self._wakes)[1])

    @property
    def next_wake(self) -> float | None:
        """When the next one is to be looked at."""
        return self._wakes[0][0] if self._wakes else None

    def enqueue(self, request: Request) -> None:
        """This session could start now."""
        self.requests[request.uid] = request
        self.unpublished[request.uid] = None
        line = self.lines.get(request.queue)
        if line is None:
            line = self.lines[request.queue] = WaitingQueue(self.config.policy)
        line.add(request)

    def dequeue(self, uid: str) -> None:
        """This session does not wait any more, or has to be looked at again."""
        request = self.requests.pop(uid, None)
        self.unpublished.pop(uid, None)
        if request is not None:
            line = self.lines[request.queue]
            line.remove(request)
            if not len(line):
                del self.lines[request.queue]

    def learn(self, session: Session) -> None:
        """Remember how long a session that succeeded ran."""
        if session.status.phase != Phase.SUCCEEDED or session.uid in self._counted:
            return
        self._counted.add(session.uid)
        known = self._lengths.setdefault(session.spec.kind, deque(maxlen=LENGTHS_KEPT))
        known.append(session.status.run_seconds)

    def usual_seconds(self, kind: int) -> float | None:
        """How long sessions of this kind took, None when none has succeeded yet."""
        known = self._lengths.get(kind)
        return float(median(known)) if known else None

    def places_allowed(self, wanted: int, now: float) -> int:
        """How many places may be rewritten now."""
        gained = max(0.0, now - self._places_filled) * PLACES_PER_SECOND
        self._places_filled = now
        self._places_left = min(PLACES_PER_SECOND, self._places_left + gained)
        allowed = min(wanted, int(self._places_left))
        self._places_left -= allowed
        return allowed
