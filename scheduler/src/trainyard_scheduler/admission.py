"""One round: who starts now, on which nodes, and who is asked to make room.

Guarantees:

- A session starts only where all its workers fit into what is free now.
- The first session that does not fit gets a reservation: the nodes on which it will fit first, by what is known
  about the ends of running sessions. Nobody may start on them who would delay it, with one exception: while the
  reservation lies at least the minimum run time ahead (or at an unknown time), later sessions may use them as *backfilled*, and
  they give way once they have run that long. So GPUs do not idle, and the wait of the first stays bounded.
- Whether a session starts does not depend on sessions behind it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from trainyard_api.phase import Reason
from trainyard_scheduler.facts import Allocation, Request, Shape
from trainyard_scheduler.fair_share import QueueCursor, QueueHeads
from trainyard_scheduler.placement import give, place, take
from trainyard_scheduler.preemption import candidates, choose, has_run_enough, was_backfilled_past
from trainyard_scheduler.resources import FIRST_GPU, ResourceVector, copies, smaller
from trainyard_scheduler.snapshot import Snapshot
from trainyard_scheduler.waiting_queue import is_bounded

MAX_PREEMPTORS = 16
"""Sessions for which one round makes room by preemption; the next round goes on."""
MAX_PREEMPTORS_TRIED = 200
"""Sessions that one round looks at to find those."""


@dataclass(frozen=True, slots=True)
class Admit:
    """Start this session on these nodes."""

    request: Request
    nodes: tuple[str, ...]
    backfilled: bool = False


@dataclass(frozen=True, slots=True)
class Preempt:
    """Ask this session to save and leave."""

    uid: str
    by: str
    """UID of the session that it makes room for."""


@dataclass(frozen=True, slots=True)
class CycleResult:
    """What a round decided."""

    admitted: tuple[Admit, ...]
    preempted: tuple[Preempt, ...]
    reserved: str | None = None
    """UID of the session that the reservation is for."""
    free: Mapping[str, ResourceVector] = field(default_factory=dict)
    """What is free on each node after these starts."""
    reasons: Mapping[str, Reason] = field(default_factory=dict)
    """Why each session that was looked at and not started waits, by UID."""


def run_cycle(
    cluster: Snapshot, now: float, *, preempt: bool = True, explain: bool = False
) -> CycleResult:
    """Decide. With `explain` every waiting session is looked at and gets its reason; without, hopeless ones are skipped."""
    return _Cycle(cluster, now, preempt, explain).run()


class _Cycle:
    def __init__(self, cluster: Snapshot, now: float, preempt: bool, explain: bool) -> None:
        self.cluster = cluster
        self.now = now
        self.explain = explain
        self.may_preempt = preempt
        self.heads = QueueHeads(cluster, now)
        self.free = dict(cluster.free)
        self.failed: set[Shape] = set()
        self.reserved_against: set[Shape] = set()
        """Shapes that fit now, but would take what is reserved if nobody knows how long they run."""
        self.admitted: list[Admit] = []
        self.preempted: dict[str, Preempt] = {}
        self.reasons: dict[str, Reason] = {}
        self.first_blocked: Request | None = None
        self.reserved: dict[str, ResourceVector] | None = None
        self.shadow_time = math.inf
        self.preemptors = 0
        self.looked = 0
        self.preemptible = [
            h for h in cluster.allocations if has_run_enough(h, now, cluster.policy)
        ]

    def run(self) -> CycleResult:
        for cursor, request in self.heads.heads():
            reason = self._not_allowed(cursor, request) or self._try(request)
            if reason is not None and self.explain:
                self.reasons[request.uid] = reason
        return CycleResult(
            tuple(self.admitted),
            tuple(self.preempted.values()),
            self.first_blocked.uid if self.first_blocked else None,
            self.free,
            self.reasons,
        )

    def _not_allowed(self, cursor: QueueCursor, request: Request) -> Reason | None:
        rules = cursor.rules
        if rules.paused:
            if not self.explain:
                self.heads.drop(cursor)
            return Reason.QUEUE_PAUSED
        limit = rules.max_sessions_per_user
        if limit is not None and self.heads.users[rules.name, request.user] >= limit:
            return Reason.WAITING_FOR_USER_LIMIT
        gpus = request.shape.gpus
        if rules.gpu_quota is None or rules.borrow or gpus == 0:
            return None
        if self.heads.entitled(rules, gpus):
            return None
        # Those behind wait as well: small ones would otherwise keep a large one out for ever.
        if not self.explain:
            self.heads.drop(cursor)
        return Reason.WAITING_FOR_QUOTA

    def _try(self, request: Request) -> Reason | None:
        shape = request.shape
        if shape in self.reserved_against and not is_bounded(request):
            return Reason.RESERVED_FOR_OTHER
        if shape not in self.failed:
            nodes = place(self.free, self.cluster.eligible(shape.runtime), shape)
            if nodes is not None:
                return self._start(request, nodes)
            self.failed.add(shape)
        self._blocked(request)
        self._skip_blocked()
        return self._lack(shape) if self.explain else None

    def _skip_blocked(self) -> None:
        """Leave the lines in which nobody can start any more, unless somebody there might still make room for himself."""
        more = 0 < self.preemptors < MAX_PREEMPTORS and self.looked < MAX_PREEMPTORS_TRIED
        if not self.explain and not (more and self.preemptible):
            self.heads.drop_blocked(self.failed, self.reserved_against)

    def _start(self, request: Request, nodes: tuple[str, ...]) -> Reason | None:
        backfilled = False
        if self.first_blocked is not None:
            self._reserve(self.first_blocked)
            allowed = self._beside_reservation(request, nodes)
            if allowed is None:
                if not is_bounded(request):
                    self.reserved_against.add(request.shape)
                    self._skip_blocked()
                return Reason.RESERVED_FOR_OTHER
            nodes, backfilled = allowed
        take(self.free, nodes, request.shape.worker)
        self.heads.started(request)
        self.admitted.append(Admit(request, nodes, backfilled))
        return None

    def _beside_reservation(
        self, request: Request, nodes: tuple[str, ...]
    ) -> tuple[tuple[str, ...], bool] | None:
        """Nodes for a session behind the reservation, and whether it must give way later; None if it has to wait."""
        reserved = self.reserved
        if reserved is None:
            return nodes, False
        open_now = {
            name: smaller(amount, reserved[name]) if name in reserved else amount
            for name, amount in self.free.items()
        }
        eligible = self.cluster.eligible(request.shape.runtime)
        beside = place(open_now, eligible, request.shape)
        if beside is not None:
            take(reserved, [n for n in beside if n in reserved], request.shape.worker)
            return beside, False
        length = request.expected_seconds or request.limit_seconds
        if length is not None and self.now + length <= self.shadow_time:
            return nodes, False
        if self.shadow_time - self.now >= self.cluster.policy.minimum_run_seconds:
            return nodes, True
        return None

    def _blocked(self, request: Request) -> None:
        if self.first_blocked is None:
            self.first_blocked = request
        elif self.preemptors == 0:
            return
        if self.may_preempt and self.preemptors < MAX_PREEMPTORS:
            self.looked += 1
            self._make_room(request)

    def _make_room(self, request: Request) -> None:
        """Wait for those who are leaving already, else ask others to, if then `request` fits."""
        eligible = self.cluster.eligible(request.shape.runtime)
        left = [h for h in self.preemptible if h.uid not in self.preempted]
        cheapest = candidates(left, request, self.cluster, self.heads, self.now)
        future = self.reserved if self.reserved is not None else self._after_leaving()
        if place(future, eligible, request.shape) is None:
            victims = choose(future, eligible, request, cheapest, self.now) if cheapest else None
            if victims is None:
                return
            for victim in victims:
                give(future, victim.nodes, victim.shape.worker)
                self.preempted[victim.uid] = Preempt(victim.uid, request.uid)
        nodes = place(future, eligible, request.shape)
        if nodes is not None:
            take(future, nodes, request.shape.worker)
            self.reserved = future
            self.shadow_time = self.now + self.cluster.policy.grace_seconds
            self.preemptors += 1

    def _after_leaving(self) -> dict[str, ResourceVector]:
        future = dict(self.free)
        for allocation in self.cluster.allocations:
            if allocation.leaving:
                give(future, allocation.nodes, allocation.shape.worker)
        return future

    def _reserve(self, request: Request) -> None:
        """Find when and where the first blocked session will fit."""
        if self.reserved is not None:
            return
        eligible = self.cluster.eligible(request.shape.runtime)
        worker, future = request.shape.worker, dict(self.free)
        room = sum(copies(future[name], worker) for name in eligible)
        inside = set(eligible)
        for when, allocation in self._releases(request):
            for name in allocation.nodes:
                if name in inside:
                    room -= copies(future[name], worker)
                    give(future, (name,), allocation.shape.worker)
                    room += copies(future[name], worker)
            self.shadow_time = when
            if room >= request.shape.workers:
                break
        nodes = place(future, eligible, request.shape)
        if nodes is None:
            # Even after all ends there is no room: others hold it. Nothing to reserve, so nobody is kept back.
            self.shadow_time, self.reserved = math.inf, {}
            return
        take(future, nodes, worker)
        self.reserved = {name: future[name] for name in set(nodes)}

    def _releases(self, request: Request) -> list[tuple[float, Allocation]]:
        return sorted(
            (
                (release_time(h, request, self.cluster, self.now), h)
                for h in self.cluster.allocations
            ),
            key=lambda item: (item[0], item[1].uid),
        )

    def _lack(self, shape: Shape) -> Reason:
        """Whether GPUs are missing, or only CPU, memory or pods."""
        eligible = self.cluster.eligible(shape.runtime)
        only_gpus = (0,) * FIRST_GPU + shape.worker[FIRST_GPU:]
        if not any(only_gpus):
            return Reason.WAITING_FOR_RESOURCES
        fits = place(self.free, eligible, shape._replace(worker=only_gpus)) is not None
        return Reason.WAITING_FOR_RESOURCES if fits else Reason.WAITING_FOR_GPUS


def release_time(allocation: Allocation, request: Request, cluster: Snapshot, now: float) -> float:
    """When a holding's capacity can be expected back, for `request`; infinity when nothing is known."""
    policy = cluster.policy
    if allocation.leaving:
        return now + policy.grace_seconds
    known = [math.inf]
    if allocation.eta_seconds is not None:
        known.append(now + allocation.eta_seconds)
    if allocation.limit is not None:
        known.append(max(now, allocation.limit))
    if was_backfilled_past(allocation, request) and allocation.started is not None:
        earliest = max(now, allocation.started + policy.minimum_run_seconds)
        known.append(earliest + policy.grace_seconds)
    return min(known)
