"""Who is next.

Within a queue: priority raised by age, then age. A point of priority is worth a fixed time of waiting
(`Policy.ageing_seconds`), so the order of two sessions never changes while they wait, and a queue stays sorted by itself.

Between queues: sessions that fit into their queue's guaranteed quota first, then priority (raised by age as well, twelve
times slower, so that weights decide between queues that are equally urgent), then the queue that uses least for its weight,
then age.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING

from trainyard_api.scheduling.facts import Policy, QueueRules, Request, Shape

if TYPE_CHECKING:
    from trainyard_api.scheduling.cluster import Cluster

Rank = tuple[float, str]

AGEING_BETWEEN_QUEUES = 12
"""Between queues a point of priority is worth this many times as much waiting as within one."""


def rank(request: Request, policy: Policy) -> Rank:
    """Sorts the requests of one queue, the next one first."""
    return (request.queued - request.priority * policy.ageing_seconds, request.name)


class WaitingLine:
    """The waiting sessions of one queue, the next one first."""

    __slots__ = ("_policy", "_ranked", "bounded", "shapes")

    def __init__(self, policy: Policy, requests: Iterable[Request] = ()) -> None:
        self._policy = policy
        self._ranked = sorted(((rank(r, policy), r) for r in requests), key=_rank)
        self.shapes = Counter(r.shape for _, r in self._ranked)
        """How many sessions of each shape wait."""
        self.bounded = sum(is_bounded(r) for _, r in self._ranked)
        """How many of them have a known or limited length."""

    def __len__(self) -> int:
        return len(self._ranked)

    def __iter__(self) -> Iterator[Request]:
        return (request for _, request in self._ranked)

    def __getitem__(self, index: int) -> Request:
        return self._ranked[index][1]

    def add(self, request: Request) -> None:
        """Put a request where it belongs."""
        insort(self._ranked, (rank(request, self._policy), request), key=_rank)
        self.shapes[request.shape] += 1
        self.bounded += is_bounded(request)

    def remove(self, request: Request) -> None:
        """Take a request out."""
        del self._ranked[self.index(request)]
        self.shapes[request.shape] -= 1
        if not self.shapes[request.shape]:
            del self.shapes[request.shape]
        self.bounded -= is_bounded(request)

    def index(self, request: Request) -> int:
        """How many go before a request. Raises ValueError when it does not wait here."""
        key = rank(request, self._policy)
        at = bisect_left(self._ranked, key, key=_rank)
        while at < len(self._ranked) and self._ranked[at][0] == key:
            if self._ranked[at][1].uid == request.uid:
                return at
            at += 1
        raise ValueError(f"{request.name} does not wait in this line")


def _rank(item: tuple[Rank, Request]) -> Rank:
    return item[0]


def is_bounded(request: Request) -> bool:
    """Whether anything is known about how long the session will run."""
    return request.expected_seconds is not None or request.limit_seconds is not None


def lines_of(requests: Iterable[Request], policy: Policy) -> dict[str, WaitingLine]:
    """Requests as lines by queue."""
    by_queue: dict[str, list[Request]] = {}
    for request in requests:
        by_queue.setdefault(request.queue, []).append(request)
    return {name: WaitingLine(policy, members) for name, members in by_queue.items()}


class Turn:
    """A line as one round goes through it: `at` is the next to look at."""

    __slots__ = ("at", "line", "rules")

    def __init__(self, rules: QueueRules, line: WaitingLine) -> None:
        self.rules, self.line, self.at = rules, line, 0


class Turns:
    """The lines of all queues, merged. Mutable: lives for one round."""

    def __init__(self, cluster: Cluster, now: float) -> None:
        self.used: Counter[str] = Counter()
        """GPUs that each queue's sessions hold."""
        self.users: Counter[tuple[str, str]] = Counter()
        """Sessions that hold capacity, by (queue, user)."""
        for holding in cluster.holdings:
            self.used[holding.queue] += holding.shape.gpus
            self.users[holding.queue, holding.user] += 1
        self._policy, self._now = cluster.policy, now
        self._turns = [
            Turn(cluster.queues[name], line) for name, line in cluster.waiting.items() if len(line)
        ]

    def heads(self) -> Iterator[tuple[Turn, Request]]:
        """One request after the other, each with its line."""
        while self._turns:
            turn = self._turns[0] if len(self._turns) == 1 else min(self._turns, key=self._urgency)
            request = turn.line[turn.at]
            turn.at += 1
            if turn.at >= len(turn.line):
                self.drop(turn)
            yield turn, request

    def drop(self, turn: Turn) -> None:
        """Look at this line no further in this round."""
        if turn in self._turns:
            self._turns.remove(turn)

    def drop_hopeless(self, failed: Collection[Shape], held_back: Collection[Shape]) -> None:
        """Drop the lines in which nobody can start: shapes in `failed`, and of unknown length those in `held_back`."""
        self._turns = [t for t in self._turns if not _hopeless(t.line, failed, held_back)]

    def entitled(self, rules: QueueRules, gpus: int) -> bool:
        """Whether `gpus` more stay within the queue's guaranteed quota."""
        return rules.gpu_quota is not None and self.used[rules.name] + gpus <= rules.gpu_quota

    def started(self, request: Request) -> None:
        """Count a session that starts."""
        self.used[request.queue] += request.shape.gpus
        self.users[request.queue, request.user] += 1

    def _urgency(self, turn: Turn) -> tuple[bool, int, float, float, str]:
        request = turn.line[turn.at]
        waited = max(0.0, self._now - request.queued)
        aged = int(waited / (self._policy.ageing_seconds * AGEING_BETWEEN_QUEUES))
        share = self.used[turn.rules.name] / turn.rules.weight
        within = self.entitled(turn.rules, request.shape.gpus)
        return (not within, -(request.priority + aged), share, request.queued, request.name)


def _hopeless(line: WaitingLine, failed: Collection[Shape], held_back: Collection[Shape]) -> bool:
    useless = failed if line.bounded else {*failed, *held_back}
    return all(shape in useless for shape in line.shapes)


def front(cluster: Cluster, now: float, most: int) -> list[Request]:
    """The first `most` waiting sessions in the order in which their turns come if each starts when it is its turn."""
    turns = Turns(cluster, now)
    order = []
    for _, request in islice(turns.heads(), most):
        turns.started(request)
        order.append(request)
    return order


def gpus_ahead(line: WaitingLine) -> list[int]:
    """GPUs that those before each position ask for."""
    sums, total = [], 0
    for request in line:
        sums.append(total)
        total += request.shape.gpus
    return sums


def everyone(waiting: Mapping[str, WaitingLine]) -> Iterator[Request]:
    """All waiting sessions."""
    for line in waiting.values():
        yield from line
