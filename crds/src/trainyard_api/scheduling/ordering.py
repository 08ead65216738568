"""Who is next.

Within a queue: priority raised by age, then age. Between queues: sessions that fit into their queue's guaranteed quota first,
then priority, then the queue that uses least for its weight, then age.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from trainyard_api.scheduling.cluster import Cluster, Policy, QueueRules, Request

Rank = tuple[int, float, str]


def rank(request: Request, now: float, policy: Policy) -> Rank:
    """Sorts requests of one queue, the next one first."""
    aged = int(max(0.0, now - request.queued) / policy.ageing_seconds)
    return (-(request.priority + aged), request.queued, request.name)


class Line:
    """The waiting sessions of one queue, the next one first."""

    __slots__ = ("at", "ranked", "rules", "shapes")

    def __init__(self, rules: QueueRules, ranked: list[tuple[Rank, Request]]) -> None:
        self.rules = rules
        self.ranked = ranked
        self.at = 0
        self.shapes = {request.shape for _, request in ranked}


class Lines:
    """The lines of all queues, merged. Mutable: lives for one round."""

    def __init__(self, cluster: Cluster, now: float) -> None:
        self.used: Counter[str] = Counter()
        """GPUs that each queue's sessions hold."""
        self.users: Counter[tuple[str, str]] = Counter()
        """Sessions that hold capacity, by (queue, user)."""
        for holding in cluster.holdings:
            self.used[holding.queue] += holding.shape.gpus
            self.users[holding.queue, holding.user] += 1
        by_queue: defaultdict[str, list[tuple[Rank, Request]]] = defaultdict(list)
        for request in cluster.waiting:
            by_queue[request.queue].append((rank(request, now, cluster.policy), request))
        self._lines = []
        for name, ranked in by_queue.items():
            ranked.sort(key=_first)
            self._lines.append(Line(cluster.queues[name], ranked))

    def heads(self) -> Iterable[Line]:
        """Lines that still have someone to look at; the line whose head is next comes out again and again.

        The caller moves `line.at` on, or drops the line.
        """
        while self._lines:
            line = self._lines[0] if len(self._lines) == 1 else min(self._lines, key=self._urgency)
            yield line
            if line.at >= len(line.ranked):
                self.drop(line)

    def drop(self, line: Line) -> None:
        """Look at this line no further in this round."""
        if line in self._lines:
            self._lines.remove(line)

    def drop_hopeless(self, failed: set[object]) -> None:
        """Drop the lines in which every shape is in `failed`."""
        self._lines = [line for line in self._lines if not line.shapes <= failed]

    def entitled(self, rules: QueueRules, gpus: int) -> bool:
        """Whether `gpus` more stay within the queue's guaranteed quota."""
        return rules.gpu_quota is not None and self.used[rules.name] + gpus <= rules.gpu_quota

    def started(self, request: Request) -> None:
        """Count a session that starts."""
        self.used[request.queue] += request.shape.gpus
        self.users[request.queue, request.user] += 1

    def _urgency(self, line: Line) -> tuple[bool, int, float, float, str]:
        (aged, queued, name), request = line.ranked[line.at]
        share = self.used[line.rules.name] / line.rules.weight
        return (not self.entitled(line.rules, request.shape.gpus), aged, share, queued, name)


def _first(item: tuple[Rank, Request]) -> Rank:
    return item[0]


def serving_order(cluster: Cluster, now: float) -> list[Request]:
    """All waiting sessions in the order in which their turns come if each starts when it is its turn."""
    lines = Lines(cluster, now)
    order = []
    for line in lines.heads():
        request = line.ranked[line.at][1]
        line.at += 1
        lines.started(request)
        order.append(request)
    return order
