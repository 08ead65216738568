"""Who is next between queues.

Sessions that fit into their queue's guaranteed quota first, then priority (raised by age as well, twelve times slower
than within a queue, so that weights decide between queues that are equally urgent), then the queue that uses least for
its weight, then age.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from itertools import islice

from trainyard_scheduler.facts import QueueRules, Request, Shape
from trainyard_scheduler.snapshot import Snapshot
from trainyard_scheduler.waiting_queue import WaitingQueue

AGEING_BETWEEN_QUEUES = 12
"""Between queues a point of priority is worth this many times as much waiting as within one."""


class QueueCursor:
    """A line as one round goes through it: `at` is the next to look at."""

    __slots__ = ("at", "line", "rules")

    def __init__(self, rules: QueueRules, line: WaitingQueue) -> None:
        self.rules, self.line, self.at = rules, line, 0


class QueueHeads:
    """The lines of all queues, merged. Mutable: lives for one round."""

    def __init__(self, cluster: Snapshot, now: float) -> None:
        self.used: Counter[str] = Counter()
        """GPUs that each queue's sessions hold."""
        self.users: Counter[tuple[str, str]] = Counter()
        """Sessions that hold capacity, by (queue, user)."""
        for allocation in cluster.allocations:
            self.used[allocation.queue] += allocation.shape.gpus
            self.users[allocation.queue, allocation.user] += 1
        self._policy, self._now = cluster.policy, now
        self._turns = [
            QueueCursor(cluster.queues[name], line)
            for name, line in cluster.waiting.items()
            if len(line)
        ]

    def heads(self) -> Iterator[tuple[QueueCursor, Request]]:
        """One request after the other, each with its line."""
        while self._turns:
            cursor = (
                self._turns[0] if len(self._turns) == 1 else min(self._turns, key=self._urgency)
            )
            request = cursor.line[cursor.at]
            cursor.at += 1
            if cursor.at >= len(cursor.line):
                self.drop(cursor)
            yield cursor, request

    def drop(self, cursor: QueueCursor) -> None:
        """Look at this line no further in this round."""
        if cursor in self._turns:
            self._turns.remove(cursor)

    def drop_blocked(self, failed: Collection[Shape], reserved_against: Collection[Shape]) -> None:
        """Drop the lines in which nobody can start: shapes in `failed`, and of unknown length those in `reserved_against`."""
        self._turns = [t for t in self._turns if not _all_blocked(t.line, failed, reserved_against)]

    def entitled(self, rules: QueueRules, gpus: int) -> bool:
        """Whether `gpus` more stay within the queue's guaranteed quota."""
        return rules.gpu_quota is not None and self.used[rules.name] + gpus <= rules.gpu_quota

    def started(self, request: Request) -> None:
        """Count a session that starts."""
        self.used[request.queue] += request.shape.gpus
        self.users[request.queue, request.user] += 1

    def _urgency(self, cursor: QueueCursor) -> tuple[bool, int, float, float, str]:
        request = cursor.line[cursor.at]
        waited = max(0.0, self._now - request.queued)
        aged = int(waited / (self._policy.ageing_seconds * AGEING_BETWEEN_QUEUES))
        share = self.used[cursor.rules.name] / cursor.rules.weight
        within = self.entitled(cursor.rules, request.shape.gpus)
        return (not within, -(request.priority + aged), share, request.queued, request.name)


def _all_blocked(
    line: WaitingQueue, failed: Collection[Shape], reserved_against: Collection[Shape]
) -> bool:
    useless = failed if line.bounded else {*failed, *reserved_against}
    return all(shape in useless for shape in line.shapes)


def front(cluster: Snapshot, now: float, most: int) -> list[Request]:
    """The first `most` waiting sessions in the order in which their turns come if each starts when it is its turn."""
    heads = QueueHeads(cluster, now)
    order = []
    for _, request in islice(heads.heads(), most):
        heads.started(request)
        order.append(request)
    return order
