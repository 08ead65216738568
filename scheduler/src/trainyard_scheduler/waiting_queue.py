"""Who is next within a queue: priority raised by age, then age. A point of priority is worth a fixed time of waiting
(`Policy.ageing_seconds`), so the order of two sessions never changes while they wait, and a queue stays sorted by itself.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from trainyard_scheduler.facts import Policy, Request

Rank = tuple[float, str]


def rank(request: Request, policy: Policy) -> Rank:
    """Sorts the requests of one queue, the next one first."""
    return (request.queued - request.priority * policy.ageing_seconds, request.name)


class WaitingQueue:
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


def waiting_queues(requests: Iterable[Request], policy: Policy) -> dict[str, WaitingQueue]:
    """Requests as lines by queue."""
    by_queue: dict[str, list[Request]] = {}
    for request in requests:
        by_queue.setdefault(request.queue, []).append(request)
    return {name: WaitingQueue(policy, members) for name, members in by_queue.items()}


def gpus_ahead(line: WaitingQueue) -> list[int]:
    """GPUs that those before each position ask for."""
    sums, total = [], 0
    for request in line:
        sums.append(total)
        total += request.shape.gpus
    return sums


def all_requests(waiting: Mapping[str, WaitingQueue]) -> Iterator[Request]:
    """All waiting sessions."""
    for line in waiting.values():
        yield from line
