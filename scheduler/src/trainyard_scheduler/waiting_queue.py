"""Who is next within one queue: priority raised by age, then age, less for longer sessions.

A point of priority is worth a fixed time of waiting (`Policy.ageing_seconds`). So the order of two
sessions never changes while they wait, and the queue stays sorted.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from trainyard_scheduler.facts import Policy, Request

Rank = tuple[float, str]

_Key = TypeVar("_Key")


def rank(request: Request, policy: Policy) -> Rank:
    """The sort key of the requests of one queue; the smallest is next."""
    since = request.queued + request.behind_seconds
    return (since - request.priority * policy.ageing_seconds, request.name)


class WaitingQueue:
    """The waiting sessions of one queue in order; index 0 is next."""

    __slots__ = ("_policy", "_ranked", "bounded", "kinds", "shapes")

    def __init__(self, policy: Policy, requests: Iterable[Request] = ()) -> None:
        self._policy = policy
        self._ranked = sorted(((rank(r, policy), r) for r in requests), key=_rank)
        self.shapes = Counter(r.shape for _, r in self._ranked)
        """How many sessions of each shape wait."""
        self.bounded = sum(_is_bounded(r) for _, r in self._ranked)
        """How many have a run-time limit or an expected run time."""
        self.kinds = Counter(r.kind for _, r in self._ranked if not _is_bounded(r))
        """How many of the others wait, by kind.

        They are bounded where the usual run time of their kind is known.
        """

    def __len__(self) -> int:
        return len(self._ranked)

    def __iter__(self) -> Iterator[Request]:
        return (request for _, request in self._ranked)

    def __getitem__(self, index: int) -> Request:
        return self._ranked[index][1]

    def add(self, request: Request) -> None:
        """Insert a request by its rank."""
        insort(self._ranked, (rank(request, self._policy), request), key=_rank)
        self._count(request, 1)

    def remove(self, request: Request) -> None:
        """Remove a request. Raises ValueError if it does not wait here."""
        del self._ranked[self.index(request)]
        self._count(request, -1)

    def index(self, request: Request) -> int:
        """How many are ahead of a request. Raises ValueError if it does not wait here."""
        key = rank(request, self._policy)
        at = bisect_left(self._ranked, key, key=_rank)
        while at < len(self._ranked) and self._ranked[at][0] == key:
            if self._ranked[at][1].uid == request.uid:
                return at
            at += 1
        raise ValueError(f"{request.name} does not wait in this queue")

    def any_bounded(self, usual_seconds: Mapping[int, float]) -> bool:
        """Whether the run time of any waiting session is known or limited.

        `usual_seconds` are usual run times by kind.
        """
        return self.bounded > 0 or any(kind in usual_seconds for kind in self.kinds)

    def _count(self, request: Request, by: int) -> None:
        _add(self.shapes, request.shape, by)
        if _is_bounded(request):
            self.bounded += by
        else:
            _add(self.kinds, request.kind, by)


def _add(counter: Counter[_Key], key: _Key, by: int) -> None:
    counter[key] += by
    if not counter[key]:
        del counter[key]


def _rank(item: tuple[Rank, Request]) -> Rank:
    return item[0]


def _is_bounded(request: Request) -> bool:
    return request.expected_seconds is not None or request.limit_seconds is not None


def waiting_queues(requests: Iterable[Request], policy: Policy) -> dict[str, WaitingQueue]:
    """Requests as waiting queues, by queue name."""
    by_queue: dict[str, list[Request]] = {}
    for request in requests:
        by_queue.setdefault(request.queue, []).append(request)
    return {name: WaitingQueue(policy, members) for name, members in by_queue.items()}


def gpus_ahead(queue: WaitingQueue) -> list[int]:
    """For each index, the GPUs that the sessions ahead of it request."""
    sums, total = [], 0
    for request in queue:
        sums.append(total)
        total += request.shape.gpus
    return sums


def all_requests(waiting: Mapping[str, WaitingQueue]) -> Iterator[Request]:
    """All waiting sessions, queue by queue."""
    for queue in waiting.values():
        yield from queue
