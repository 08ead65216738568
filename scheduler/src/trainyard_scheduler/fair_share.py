"""Who is next between queues.

Sessions within their queue's guaranteed quota come first; then priority; then the queue that uses
the fewest GPUs for its weight; then age. Age raises priority here as well, twelve times slower than
within a queue, so that weights decide between queues that are equally urgent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from trainyard_scheduler.facts import QueueRules, Request, Shape
from trainyard_scheduler.limits.limit import LimitUse
from trainyard_scheduler.snapshot import Snapshot
from trainyard_scheduler.waiting_queue import WaitingQueue

MOST_LIMITED = 25
"""Sessions that wait for a limit, of those whose start is forecast."""
AGEING_BETWEEN_QUEUES = 12
"""Between queues a point of priority is worth this many times as much waiting as within one."""


class QueueCursor:
    """How far one cycle has come in a queue. `at` is the index of the next request."""

    __slots__ = ("at", "queue", "rules")

    def __init__(self, rules: QueueRules, queue: WaitingQueue) -> None:
        self.rules, self.queue, self.at = rules, queue, 0


class QueueHeads:
    """Merges the queues by fair share. Mutable; lives for one cycle."""

    def __init__(self, snapshot: Snapshot, now: float) -> None:
        """`now` is in seconds since the epoch."""
        self.used: Counter[str] = Counter()
        """GPUs of each queue's allocations."""
        self.users: Counter[tuple[str, str]] = Counter()
        """Allocations by (queue, user)."""
        for allocation in snapshot.allocations:
            self.used[allocation.queue] += allocation.shape.gpus
            self.users[allocation.queue, allocation.user] += 1
        self._policy, self._now = snapshot.policy, now
        self._usual_seconds = snapshot.usual_seconds
        self._cursors = [
            QueueCursor(snapshot.queues[name], queue)
            for name, queue in snapshot.waiting.items()
            if len(queue)
        ]

    def heads(self) -> Iterator[tuple[QueueCursor, Request]]:
        """Each request in order of urgency, with the cursor of its queue."""
        while self._cursors:
            cursor = (
                min(self._cursors, key=self._urgency) if self._cursors[1:] else self._cursors[0]
            )
            request = cursor.queue[cursor.at]
            cursor.at += 1
            if cursor.at >= len(cursor.queue):
                self.drop(cursor)
            yield cursor, request

    def drop(self, cursor: QueueCursor) -> None:
        """Skip the rest of this queue in this cycle."""
        if cursor in self._cursors:
            self._cursors.remove(cursor)

    def drop_blocked(self, failed: Collection[Shape], reserved_against: Collection[Shape]) -> None:
        """Skip the queues in which no session can start any more.

        Shapes in `failed` fit nowhere. Shapes in `reserved_against` may start only if their run
        time is bounded.
        """
        self._cursors = [
            c
            for c in self._cursors
            if not _all_blocked(c.queue, failed, reserved_against, self._usual_seconds)
        ]

    def entitled(self, rules: QueueRules, gpus: int) -> bool:
        """Whether `gpus` more stay within the queue's guaranteed quota."""
        return rules.gpu_quota is not None and self.used[rules.name] + gpus <= rules.gpu_quota

    def started(self, request: Request) -> None:
        """Count a session that this cycle starts."""
        self.used[request.queue] += request.shape.gpus
        self.users[request.queue, request.user] += 1

    def _urgency(self, cursor: QueueCursor) -> tuple[bool, int, float, float, str]:
        request = cursor.queue[cursor.at]
        waited = max(0.0, self._now - request.queued)
        aged = int(waited / (self._policy.ageing_seconds * AGEING_BETWEEN_QUEUES))
        share = self.used[cursor.rules.name] / cursor.rules.weight
        within = self.entitled(cursor.rules, request.shape.gpus)
        return (not within, -(request.priority + aged), share, request.queued, request.name)


def _all_blocked(
    queue: WaitingQueue,
    failed: Collection[Shape],
    reserved_against: Collection[Shape],
    usual_seconds: Mapping[int, float],
) -> bool:
    blocked = failed if queue.any_bounded(usual_seconds) else {*failed, *reserved_against}
    return all(shape in blocked for shape in queue.shapes)


def front(snapshot: Snapshot, now: float, count: int) -> list[Request]:
    """The first `count` waiting sessions, if each started when it is its turn.

    Of those that wait for a limit only the first `MOST_LIMITED` are among them: a program that
    submits a thousand hides none of the others.
    """
    heads, limits = QueueHeads(snapshot, now), LimitUse(snapshot.limits, snapshot.allocations)
    order: list[Request] = []
    limited = 0
    for _, request in heads.heads():
        if limits.wait(request, now) is None:
            heads.started(request)
            limits.started(request)
        elif limited >= MOST_LIMITED:
            continue
        else:
            limited += 1
        order.append(request)
        if len(order) >= count:
            break
    return order
