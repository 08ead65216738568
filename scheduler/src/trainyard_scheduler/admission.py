"""One scheduling cycle: who starts now, on which nodes, and who is preempted.

Guarantees:

- A session starts only where all its workers fit into what is free now.
- The first session that does not fit gets a reservation, as in EASY backfill (Lifka, 1995; Mu'alem
  and Feitelson, 2001). The *shadow time* is the earliest time at which it will fit, by the known
  ends of running sessions. The nodes that it will use then are reserved.
- A later session may start on reserved nodes if it ends before the shadow time. It may also start
  if the shadow time lies at least the minimum run time ahead, or is unknown; it is then marked
  *backfilled* and may be preempted for the first session once it has run that long. So GPUs do not
  stay idle, and the wait of the first session stays bounded.
- Whether a session starts does not depend on sessions behind it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from trainyard_api.phase import Reason
from trainyard_scheduler.facts import Allocation, Request, Shape
from trainyard_scheduler.fair_share import QueueCursor, QueueHeads
from trainyard_scheduler.limits.limit import LimitUse
from trainyard_scheduler.placement import Placements, give, place, take
from trainyard_scheduler.preemption.time_slices import TimeSlices
from trainyard_scheduler.preemption.victims import (
    candidates,
    choose,
    has_run_enough,
    was_backfilled_past,
)
from trainyard_scheduler.resources import FIRST_GPU, ResourceVector, copies, minimum
from trainyard_scheduler.snapshot import Snapshot

MAX_PREEMPTORS = 16
"""Sessions for which one cycle preempts others; the next cycle continues."""
MAX_PREEMPTORS_TRIED = 200
"""Sessions that one cycle examines to find those."""


@dataclass(frozen=True, slots=True)
class Admit:
    """Start this session on these nodes."""

    request: Request
    nodes: tuple[str, ...]
    """The node of each worker."""
    backfilled: bool = False


@dataclass(frozen=True, slots=True)
class Preempt:
    """Ask this session to save a checkpoint and end."""

    uid: str
    by: str
    """UID of the session that preempts."""


@dataclass(frozen=True, slots=True)
class CycleResult:
    """What a cycle decided."""

    admitted: tuple[Admit, ...]
    preempted: tuple[Preempt, ...]
    reserved: str | None = None
    """UID of the session that the reservation is for."""
    free: Mapping[str, ResourceVector] = field(default_factory=dict)
    """What is free on each node after these starts."""
    reasons: Mapping[str, Reason] = field(default_factory=dict)
    """Why each examined session that does not start waits, by UID; filled only with `explain`."""


def run_cycle(
    snapshot: Snapshot, now: float, *, preempt: bool = True, explain: bool = False
) -> CycleResult:
    """Decide at `now`, in seconds since the epoch.

    With `explain`, every waiting session is examined and gets its reason. Without it, sessions that
    cannot start are skipped as early as possible.
    """
    return _Cycle(snapshot, now, preempt, explain).run()


class _Cycle:
    def __init__(self, snapshot: Snapshot, now: float, preempt: bool, explain: bool) -> None:
        self.snapshot = snapshot
        self.now = now
        self.explain = explain
        self.may_preempt = preempt
        self.heads = QueueHeads(snapshot, now)
        self.slices = TimeSlices(snapshot, now)
        self.limits = LimitUse(snapshot.limits, snapshot.allocations)
        self.free = dict(snapshot.free)
        self.placements = Placements(self.free, snapshot.eligible)
        self.failed: set[Shape] = set()
        """Shapes that fit nowhere now."""
        self.reserved_against: set[Shape] = set()
        """Shapes that fit now, but may take what is reserved only if their run time is bounded."""
        self.admitted: list[Admit] = []
        self.preempted: dict[str, Preempt] = {}
        self.reasons: dict[str, Reason] = {}
        self.first_blocked: Request | None = None
        self.reserved: dict[str, ResourceVector] | None = None
        """By reserved node, what is free there at the shadow time beside the first blocked session.
        """
        self.shadow_time = math.inf
        self.preemptors = 0
        self.tried = 0
        policy = snapshot.policy
        self.preemptible = [a for a in snapshot.allocations if has_run_enough(a, now, policy)]

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

    # ── what queues allow ─────────────────────────────────────────────────────────────────

    def _not_allowed(self, cursor: QueueCursor, request: Request) -> Reason | None:
        rules = cursor.rules
        if rules.paused:
            if not self.explain:
                self.heads.drop(cursor)
            return Reason.QUEUE_PAUSED
        limit = rules.max_sessions_per_user
        if limit is not None and self.heads.users[rules.name, request.user] >= limit:
            return Reason.WAITING_FOR_USER_LIMIT
        # Sessions behind it may belong to others: they start, and nothing is reserved for it.
        if (wait := self.limits.wait(request, self.now)) is not None:
            return wait.reason
        gpus = request.shape.gpus
        if rules.gpu_quota is None or rules.borrow or gpus == 0:
            return None
        if self.heads.entitled(rules, gpus):
            return None
        # Sessions behind it wait as well: small ones would otherwise starve a large one.
        if not self.explain:
            self.heads.drop(cursor)
        return Reason.WAITING_FOR_QUOTA

    # ── starting one ──────────────────────────────────────────────────────────────────────

    def _try(self, request: Request) -> Reason | None:
        shape = request.shape
        if shape in self.reserved_against and not self.snapshot.is_bounded(request):
            return Reason.RESERVED_FOR_OTHER
        if shape not in self.failed:
            nodes = self.placements.find(shape)
            if nodes is not None:
                return self._start(request, nodes)
            self.failed.add(shape)
        self._blocked(request)
        self._skip_blocked()
        return self._lack(shape) if self.explain else None

    def _skip_blocked(self) -> None:
        """Drop the queues in which no session can start, unless one there might still preempt."""
        more = 0 < self.preemptors < MAX_PREEMPTORS and self.tried < MAX_PREEMPTORS_TRIED
        if not self.explain and not (more and self.preemptible):
            self.heads.drop_blocked(self.failed, self.reserved_against)

    def _start(self, request: Request, nodes: tuple[str, ...]) -> Reason | None:
        backfilled = False
        if self.first_blocked is not None:
            self._reserve(self.first_blocked)
            allowed = self._beside_reservation(request, nodes)
            if allowed is None:
                if not self.snapshot.is_bounded(request):
                    self.reserved_against.add(request.shape)
                    self._skip_blocked()
                return Reason.RESERVED_FOR_OTHER
            nodes, backfilled = allowed
        self.placements.take(nodes, request.shape.worker)
        self.heads.started(request)
        self.limits.started(request)
        self.admitted.append(Admit(request, nodes, backfilled))
        return None

    def _beside_reservation(
        self, request: Request, nodes: tuple[str, ...]
    ) -> tuple[tuple[str, ...], bool] | None:
        """Nodes for a session behind the reservation, and whether it is backfilled.

        None if it has to wait.
        """
        reserved = self.reserved
        if reserved is None:
            return nodes, False
        unreserved = {
            name: minimum(free, reserved[name]) if name in reserved else free
            for name, free in self.free.items()
        }
        eligible = self.snapshot.eligible(request.shape.runtime)
        beside = place(unreserved, eligible, request.shape)
        if beside is not None:
            take(reserved, [n for n in beside if n in reserved], request.shape.worker)
            return beside, False
        length = self.snapshot.expected_seconds(request) or request.limit_seconds
        if length is not None and self.now + length <= self.shadow_time:
            return nodes, False
        if self.shadow_time - self.now >= self.snapshot.policy.minimum_run_seconds:
            return nodes, True
        return None

    # ── the first that does not fit ───────────────────────────────────────────────────────

    def _blocked(self, request: Request) -> None:
        if self.first_blocked is None:
            self.first_blocked = request
        elif self.preemptors == 0:
            return
        if self.may_preempt and self.preemptors < MAX_PREEMPTORS:
            self.tried += 1
            self._make_room(request)

    def _make_room(self, request: Request) -> None:
        """Wait for sessions that leave already; preempt others only if `request` fits then."""
        eligible = self.snapshot.eligible(request.shape.runtime)
        left = [a for a in self.preemptible if a.uid not in self.preempted]
        cheapest = candidates(left, request, self.snapshot, self.heads, self.slices, self.now)
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
            self.shadow_time = self.now + self.snapshot.policy.grace_seconds
            self.preemptors += 1

    def _after_leaving(self) -> dict[str, ResourceVector]:
        future = dict(self.free)
        for allocation in self.snapshot.allocations:
            if allocation.leaving:
                give(future, allocation.nodes, allocation.shape.worker)
        return future

    def _reserve(self, request: Request) -> None:
        """Compute the shadow time of the first blocked session and reserve its nodes."""
        if self.reserved is not None:
            return
        eligible = self.snapshot.eligible(request.shape.runtime)
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
            # Other pods hold the nodes: it does not fit even after all ends. So nothing is
            # reserved.
            self.shadow_time, self.reserved = math.inf, {}
            return
        take(future, nodes, worker)
        self.reserved = {name: future[name] for name in set(nodes)}

    def _releases(self, request: Request) -> list[tuple[float, Allocation]]:
        return sorted(
            (
                (release_time(a, request, self.snapshot, self.slices, self.now), a)
                for a in self.snapshot.allocations
            ),
            key=lambda item: (item[0], item[1].uid),
        )

    def _lack(self, shape: Shape) -> Reason:
        """Whether GPUs are missing, or only CPU, memory or pods."""
        eligible = self.snapshot.eligible(shape.runtime)
        only_gpus = (0,) * FIRST_GPU + shape.worker[FIRST_GPU:]
        if not any(only_gpus):
            return Reason.WAITING_FOR_RESOURCES
        fits = place(self.free, eligible, shape._replace(worker=only_gpus)) is not None
        return Reason.WAITING_FOR_RESOURCES if fits else Reason.WAITING_FOR_GPUS


def release_time(
    allocation: Allocation, request: Request, snapshot: Snapshot, slices: TimeSlices, now: float
) -> float:
    """When the resources of `allocation` are expected back, in seconds since the epoch.

    They are expected for `request`, past which `allocation` may have been backfilled. Infinity if
    the end is unknown.
    """
    policy = snapshot.policy
    if allocation.leaving:
        return now + policy.grace_seconds
    known = [math.inf]
    if allocation.eta_seconds is not None:
        known.append(now + allocation.eta_seconds)
    if allocation.limit is not None:
        known.append(max(now, allocation.limit))
    if was_backfilled_past(allocation, request, slices) and allocation.started is not None:
        earliest = max(now, allocation.started + policy.minimum_run_seconds)
        known.append(earliest + policy.grace_seconds)
    return min(known)
