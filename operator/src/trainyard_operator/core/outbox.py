"""Writes that wait to be sent, and which of them is next. It has no clock and no client.

Guarantees:

- The most urgent lane goes first. But no lane waits longer than its `PATIENCE`, however many urgent
  writes the API server does not take.
- At most one write of a session is under way.
- A status that was not sent yet is replaced by a later one, which keeps its place. It is dropped if
  it is withdrawn. So what is sent is what was decided last.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from trainyard_operator.core.actions import CreateJob, Lane, PatchStatus, Write

PATIENCE: Final[Mapping[Lane, float]] = {Lane.JOBS: 0.0, Lane.PHASES: 0.2, Lane.INFORMATIONAL: 1.0}
"""Seconds without any write of a lane after which one goes before everything else."""

_Key = tuple[str, bool]


class Outbox:
    """Writes by lane, in the order in which they were put."""

    def __init__(self) -> None:
        self._lanes: dict[Lane, dict[_Key, Write | None]] = {lane: {} for lane in Lane}
        """By UID and whether it is a status that may be replaced; None where one was withdrawn."""
        self._sending: set[str] = set()
        self._taken = dict.fromkeys(Lane, float("-inf"))
        """When a write of each lane was last taken."""

    def put(self, write: Write) -> None:
        """Add a write. A status that may be replaced replaces the session's earlier one."""
        if replaceable(write):
            for lane, writes in self._lanes.items():
                if lane != write.lane:
                    writes.pop((write.uid, True), None)
        else:
            self.withdraw(write.uid)
        self._lanes[write.lane][write.uid, replaceable(write)] = write

    def withdraw(self, uid: str) -> None:
        """Drop the unsent status of a session. Its place is kept for the next one."""
        for writes in self._lanes.values():
            if writes.get((uid, True)) is not None:
                writes[uid, True] = None

    def take(self, lane: Lane, now: float) -> Write | None:
        """The next write of a lane, which is under way from now on.

        None if there is none, or if a more urgent one goes first. `now` is in monotonic seconds.
        """
        patient = now - self._taken[lane] < PATIENCE[lane]
        if patient and any(self._next(other) for other in Lane if other < lane):
            return None
        key = self._next(lane)
        if key is None:
            return None
        write = self._lanes[lane].pop(key)
        if write is None:
            return None
        self._sending.add(write.uid)
        self._taken[lane] = now
        return write

    def sent(self, uid: str) -> None:
        """The outcome of a session's write is known."""
        self._sending.discard(uid)

    def promises(self, uid: str) -> bool:
        """Whether a write of this session is under way, or waits and cannot be replaced."""
        return uid in self._sending or any((uid, False) in w for w in self._lanes.values())

    def waiting(self, lane: Lane) -> int:
        """How many writes of a lane are to be sent."""
        return sum(write is not None for write in self._lanes[lane].values())

    def _next(self, lane: Lane) -> _Key | None:
        writes = self._lanes[lane]
        later, gone = None, []
        for key, write in writes.items():
            if write is None:
                gone.append(key)
            elif write.uid in self._sending:
                continue
            elif lane != Lane.JOBS or isinstance(write, CreateJob):
                later = key
                break
            else:
                later = later or key
        for key in gone:
            del writes[key]
        return later


def replaceable(write: Write) -> bool:
    """Whether an unsent write may be replaced: a status on which no deletion of a Job depends."""
    return isinstance(write, PatchStatus) and write.lane != Lane.JOBS
