"""`decide`: the world and the time → everything to be done now.

A pure function. `Memory` only saves work: an empty one gives the same decisions, later.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any, Final

import orjson

from trainyard_api import names
from trainyard_api.phase import TERMINAL, Phase, Reason
from trainyard_api.scheduling.admission import Admit, Preempt, run_round
from trainyard_api.scheduling.cluster import Cluster, Request
from trainyard_operator.core.acceptance import ACCEPTED, Acceptance, Gatekeeper
from trainyard_operator.core.capacity import cluster_of
from trainyard_operator.core.decisions import (
    CreateJob,
    Decisions,
    DeleteJobs,
    DeleteSession,
    PatchQueue,
    PatchStatus,
    Write,
)
from trainyard_operator.core.lifecycle import Verdict, current_attempt, judge, queued_now
from trainyard_operator.core.manifests import build_job, build_service
from trainyard_operator.core.site import Site
from trainyard_operator.core.status import merge_patch, render, render_unreadable
from trainyard_operator.core.story import note_of
from trainyard_operator.core.survey import Place, places
from trainyard_operator.core.world import Session, World

TICK_SECONDS: Final = 5.0
"""While sessions wait, decide at least this often: ages and ends of minimum run times change who is next."""
PLACES_PER_SECOND: Final = 10.0
"""Places in the queue that are rewritten at most; new sessions and new reasons do not count."""
QUEUE_STATUS_SECONDS: Final = 5.0
"""Shortest time between two writes of one queue's status."""
LENGTHS_KEPT: Final = 9
"""Finished sessions of a kind from which the usual length is taken."""


@dataclass
class Memory:
    """What need not be computed again."""

    gatekeeper: Gatekeeper
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    accepted: dict[str, Acceptance] = field(default_factory=dict)
    requests: dict[str, Request] = field(default_factory=dict)
    """Sessions that could start now, by UID."""
    wakes: list[tuple[float, str]] = field(default_factory=list)
    """Heap of when to judge again whom."""
    lengths: dict[int, deque[int]] = field(default_factory=dict)
    """Running seconds of succeeded sessions, by kind."""
    counted: set[str] = field(default_factory=set)
    """Sessions whose length is in there."""
    revision: int = -1
    queue_written: dict[str, float] = field(default_factory=dict)
    places_left: float = PLACES_PER_SECOND
    """How many places may be rewritten now, at `places_filled`."""
    places_filled: float = 0.0

    @classmethod
    def empty(cls, site: Site) -> Memory:
        """Nothing remembered."""
        return cls(Gatekeeper(site))

    def forget(self, uid: str) -> None:
        """Something about this session changed."""
        self.verdicts.pop(uid, None)
        self.requests.pop(uid, None)

    def usual_seconds(self, kind: int) -> float | None:
        """How long sessions of this kind took, None when none has succeeded yet."""
        known = self.lengths.get(kind)
        return float(median(known)) if known else None


def decide(
    world: World, now: float, site: Site, memory: Memory | None = None, *, survey: bool = True
) -> Decisions:
    """Everything to be done now. With `survey` waiting sessions are told their places."""
    return _Decision(world, now, site, memory or Memory.empty(site)).run(survey)


class _Decision:
    def __init__(self, world: World, now: float, site: Site, memory: Memory) -> None:
        self.world, self.now, self.site, self.memory = world, now, site, memory
        self.writes: list[Write] = []
        self.starting: set[str] = set()

    def run(self, survey: bool) -> Decisions:
        memory, world = self.memory, self.world
        self._refresh()
        waiting = tuple(memory.requests.values())
        cluster = cluster_of(world, waiting, self.site, self.now)
        outcome = run_round(cluster, self.now)
        for admit in outcome.admitted:
            self._admit(admit)
        for preempt in outcome.preempted:
            self._preempt(preempt)
        if survey:
            self._survey(cluster)
            self._tell_queues(cluster)
        self.writes.sort(key=_urgency)
        return Decisions(
            writes=tuple(self.writes),
            wake=self._wake(bool(waiting)),
            waiting=len(waiting) - len(outcome.admitted),
            holding=len(cluster.holdings) + len(outcome.admitted),
            gpus_used=sum(h.shape.gpus for h in cluster.holdings),
            gpus_capacity=cluster.gpu_capacity(),
            preempted=len(outcome.preempted),
        )

    # ── each session by itself ────────────────────────────────────────────────────────────────────────────

    def _refresh(self) -> None:
        memory, world = self.memory, self.world
        if memory.revision != world.revision:
            memory.revision = world.revision
            self._recheck_acceptance()
        while memory.wakes and memory.wakes[0][0] <= self.now:
            memory.forget(heapq.heappop(memory.wakes)[1])
        for uid in memory.verdicts.keys() - world.sessions.keys():
            memory.forget(uid)
            memory.accepted.pop(uid, None)
            memory.counted.discard(uid)
        for uid in world.sessions.keys() - memory.verdicts.keys() - world.busy:
            self._judge(world.sessions[uid])
        for item in world.unreadable.values():
            if item.uid not in world.busy:
                self._patch(item.uid, item.name, *render_unreadable(item, self.now))

    def _recheck_acceptance(self) -> None:
        memory, world = self.memory, self.world
        for uid, old in list(memory.accepted.items()):
            session = world.sessions.get(uid)
            if session and memory.gatekeeper.answer(session.wish, world) is not old:
                memory.forget(uid)

    def _judge(self, session: Session) -> None:
        memory, world, uid = self.memory, self.world, session.uid
        acceptance = ACCEPTED
        if session.seen.phase not in TERMINAL:
            acceptance = memory.gatekeeper.answer(session.wish, world)
            memory.accepted[uid] = acceptance
        source = session.wish.resume_session
        verdict = judge(
            session,
            world.jobs_for(uid),
            world.pods_for(uid),
            acceptance,
            source is None or source in world.names,
            self.now,
            self.site,
        )
        if verdict.reason != Reason.RESUME_SOURCE_NOT_FOUND:
            memory.verdicts[uid] = verdict
        if verdict.wake is not None:
            heapq.heappush(memory.wakes, (verdict.wake, uid))
        if verdict.eligible:
            memory.requests[uid] = self._request(session)
        self._learn(session)
        self._act(session, verdict)

    def _act(self, session: Session, verdict: Verdict) -> None:
        if verdict.delete_session:
            self.writes.append(DeleteSession(session.uid, session.name))
        elif verdict.delete_jobs:
            jobs = tuple((j.name, j.uid) for j in verdict.delete_jobs)
            self.writes.append(DeleteJobs(session.uid, jobs))
        elif not verdict.delayed and not verdict.eligible and session.seen.phase not in TERMINAL:
            self._tell(session, verdict, _not_in_line(verdict))

    def _tell(self, session: Session, verdict: Verdict, place: Mapping[str, Any] | None) -> None:
        acceptance = self.memory.accepted.get(session.uid, ACCEPTED)
        current, wanted = render(session, verdict, acceptance, place, self.now)
        note = note_of(session, verdict, wanted)
        self._patch(session.uid, session.name, current, wanted, note)

    def _patch(
        self,
        uid: str,
        name: str,
        current: dict[str, Any],
        wanted: dict[str, Any],
        note: Any = None,
    ) -> None:
        patch = merge_patch(current, wanted)
        if patch:
            self.writes.append(PatchStatus(uid, name, {"status": patch}, note))

    def _request(self, session: Session) -> Request:
        wish, seen = session.wish, session.seen
        limit = None
        if wish.max_runtime is not None:
            limit = float(max(0, wish.max_runtime - seen.run_seconds))
        expected = seen.eta_seconds if seen.attempt else self.memory.usual_seconds(wish.kind)
        return Request(
            uid=session.uid,
            name=session.name,
            queue=wish.queue,
            user=session.user,
            priority=wish.priority,
            queued=seen.queued or queued_now(session, self.now),
            shape=wish.shape,
            expected_seconds=expected,
            limit_seconds=limit,
        )

    def _learn(self, session: Session) -> None:
        if session.seen.phase != Phase.SUCCEEDED or session.uid in self.memory.counted:
            return
        self.memory.counted.add(session.uid)
        known = self.memory.lengths.setdefault(session.wish.kind, deque(maxlen=LENGTHS_KEPT))
        known.append(session.seen.run_seconds)

    # ── the round ─────────────────────────────────────────────────────────────────────────────────────────

    def _admit(self, admit: Admit) -> None:
        world, uid = self.world, admit.request.uid
        session = world.sessions[uid]
        attempt = current_attempt(session, world.jobs_for(uid)) + 1
        source = session.wish.resume_session
        job = build_job(
            session,
            attempt,
            admit.nodes,
            self.site,
            resume_uid=world.names.get(source) if source else None,
            backfilled=admit.backfilled,
        )
        service = build_service(session, self.site) if admit.request.shape.workers > 1 else None
        name = names.job_name(session.name, uid, attempt)
        self.writes.append(
            CreateJob(uid, name, attempt, admit.nodes, admit.request.shape, job, service)
        )
        self.starting.add(uid)

    def _preempt(self, preempt: Preempt) -> None:
        session = self.world.sessions[preempt.uid]
        if preempt.uid in self.world.busy:
            return
        by = self.world.sessions[preempt.by].name
        message = f"Makes room for {by}; it saves a checkpoint and goes back to the queue."
        verdict = Verdict(Phase.SUSPENDING, message, Reason.PREEMPTED)
        self.writes = [w for w in self.writes if w.uid != preempt.uid]
        self._tell(session, verdict, None)

    # ── what waiting sessions are told ────────────────────────────────────────────────────────────────────

    def _survey(self, cluster: Cluster) -> None:
        left = tuple(r for r in cluster.waiting if r.uid not in self.starting)
        if not left:
            return
        found = places(replace(cluster, waiting=left), self.now)
        changed: list[tuple[float, Session, Place]] = []
        for uid, place in found.items():
            session = self.world.sessions[uid]
            if uid in self.world.busy:
                continue
            if session.seen.phase != Phase.QUEUED:
                self._tell(session, self.memory.verdicts[uid], place.wire())
                continue
            weight = place.news(orjson.loads(session.seen.own).get("queue"))
            if weight == float("inf"):
                self._tell(session, self.memory.verdicts[uid], place.wire())
            elif weight > 0:
                changed.append((weight, session, place))
        changed.sort(key=lambda item: (-item[0], item[2].position))
        for _, session, place in changed[: self._places_allowed(len(changed))]:
            self._tell(session, self.memory.verdicts[session.uid], place.wire())

    def _places_allowed(self, wanted: int) -> int:
        memory = self.memory
        gained = max(0.0, self.now - memory.places_filled) * PLACES_PER_SECOND
        memory.places_filled = self.now
        memory.places_left = min(PLACES_PER_SECOND, memory.places_left + gained)
        allowed = min(wanted, int(memory.places_left))
        memory.places_left -= allowed
        return allowed

    def _tell_queues(self, cluster: Cluster) -> None:
        for queue in self.world.queues.values():
            if self.now - self.memory.queue_written.get(queue.uid, 0.0) < QUEUE_STATUS_SECONDS:
                continue
            held = [h for h in cluster.holdings if h.queue == queue.name]
            wanted = {
                "running": len(held),
                "waiting": sum(r.queue == queue.name for r in cluster.waiting),
                "gpusUsed": sum(h.shape.gpus for h in held),
                "observedGeneration": queue.generation,
            }
            patch = merge_patch(orjson.loads(queue.own), wanted)
            if patch:
                self.memory.queue_written[queue.uid] = self.now
                self.writes.append(PatchQueue(queue.uid, queue.name, {"status": patch}))

    def _wake(self, waiting: bool) -> float | None:
        due = [self.memory.wakes[0][0]] if self.memory.wakes else []
        if waiting:
            due.append(self.now + TICK_SECONDS)
        return min(due, default=None)


def _not_in_line(verdict: Verdict) -> dict[str, Any] | None:
    """`status.queue` of a session that is queued but may not start yet."""
    if verdict.phase != Phase.QUEUED:
        return None
    return {"reason": str(verdict.reason), "message": verdict.message}


_ORDER = {CreateJob: 0, DeleteJobs: 1, PatchStatus: 2, DeleteSession: 3, PatchQueue: 4}


def _urgency(write: Write) -> int:
    return _ORDER[type(write)]
