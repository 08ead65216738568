"""What one decision leaves to the next, to save work.

An empty cache gives the same decisions, at more cost.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import Final

from trainyard_operator.core.session_state import SessionState
from trainyard_scheduler.admissibility import Admissibility, Validator
from trainyard_scheduler.facts import Request
from trainyard_scheduler.objects.installation import InstallationConfig
from trainyard_scheduler.usage import AllocationCache
from trainyard_scheduler.waiting_queue import WaitingQueue

POSITION_UPDATES_PER_SECOND: Final = 2.0
"""Most positions in the queue that are rewritten. New sessions and new reasons do not count."""


@dataclass
class DecisionCache:
    """What need not be computed again."""

    config: InstallationConfig
    validator: Validator
    empty: bool = True
    """Whether no session was evaluated yet."""
    dirty: set[str] = field(default_factory=set)
    """UIDs of sessions to evaluate again."""
    states: dict[str, SessionState] = field(default_factory=dict)
    """By session UID."""
    admissibility: dict[str, Admissibility] = field(default_factory=dict)
    """By session UID."""
    requests: dict[str, Request] = field(default_factory=dict)
    """Sessions that could start now, by UID."""
    builds: dict[str, int] = field(default_factory=dict)
    """Sessions whose packages are to be installed next, by UID: the number of the installation."""
    waiting: dict[str, WaitingQueue] = field(default_factory=dict)
    """The same by queue name, in order."""
    unpublished: dict[str, None] = field(default_factory=dict)
    """UIDs of waiting sessions whose status may be out of date, oldest first."""
    cursor: int = 0
    """How far the periodic check of all positions has come."""
    revision: int = -1
    """The state's revision of nodes and queues."""
    queue_written: dict[str, float] = field(default_factory=dict)
    """When each queue's status was last written, in seconds since the epoch, by UID."""
    allocations: AllocationCache = field(default_factory=AllocationCache)
    _wakes: list[tuple[float, str]] = field(default_factory=list)
    _tokens: float = POSITION_UPDATES_PER_SECOND
    _refilled: float = 0.0

    @classmethod
    def create(cls, config: InstallationConfig) -> DecisionCache:
        """An empty cache."""
        return cls(config, Validator(config))

    def forget(self, uid: str) -> None:
        """Evaluate this session again: something about it changed."""
        self.dirty.add(uid)
        self.states.pop(uid, None)
        self.builds.pop(uid, None)
        self.dequeue(uid)

    def drop(self, uid: str) -> None:
        """Remove a session that does not exist any more."""
        self.states.pop(uid, None)
        self.builds.pop(uid, None)
        self.admissibility.pop(uid, None)
        self.dequeue(uid)

    def wake_at(self, time: float, uid: str) -> None:
        """Evaluate this session again at `time`, in seconds since the epoch."""
        heapq.heappush(self._wakes, (time, uid))

    def wake_due(self, now: float) -> None:
        """Forget the sessions whose wake time has come by `now`."""
        while self._wakes and self._wakes[0][0] <= now:
            self.forget(heapq.heappop(self._wakes)[1])

    @property
    def next_wake(self) -> float | None:
        """The next wake time, in seconds since the epoch."""
        return self._wakes[0][0] if self._wakes else None

    def enqueue(self, request: Request) -> None:
        """Add a session that could start now to its queue."""
        self.requests[request.uid] = request
        self.unpublished[request.uid] = None
        queue = self.waiting.get(request.queue)
        if queue is None:
            queue = self.waiting[request.queue] = WaitingQueue(self.config.policy)
        queue.add(request)

    def dequeue(self, uid: str) -> None:
        """Remove a session from its queue, if it is in one."""
        request = self.requests.pop(uid, None)
        self.unpublished.pop(uid, None)
        if request is not None:
            queue = self.waiting[request.queue]
            queue.remove(request)
            if not len(queue):
                del self.waiting[request.queue]

    def position_updates_allowed(self, wanted: int, now: float) -> int:
        """How many of `wanted` positions may be rewritten now.

        A token bucket; it takes as many tokens.
        """
        gained = max(0.0, now - self._refilled) * POSITION_UPDATES_PER_SECOND
        self._refilled = now
        self._tokens = min(POSITION_UPDATES_PER_SECOND, self._tokens + gained)
        allowed = min(wanted, int(self._tokens))
        self._tokens -= allowed
        return allowed
