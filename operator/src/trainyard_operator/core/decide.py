"""`decide`: the world and the time → everything to be done now. A pure function; `Memory` only saves work."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from typing import Any, Final

import orjson

from trainyard_api import names
from trainyard_api.phase import HOLDING_GPUS, TERMINAL, Phase, Reason
from trainyard_operator.core.actions import (
    CreateJob,
    Decisions,
    DeleteJobs,
    DeleteSession,
    Lane,
    Note,
    PatchQueue,
    PatchStatus,
    Write,
)
from trainyard_operator.core.cache import Memory
from trainyard_operator.core.event_for import note_of
from trainyard_operator.core.lifecycle import judge
from trainyard_operator.core.manifests import build_job, build_service
from trainyard_operator.core.queue_status import Place, Survey
from trainyard_operator.core.status import merge_patch, render, render_unreadable
from trainyard_operator.core.verdict import Verdict
from trainyard_scheduler.admissibility import ACCEPTED
from trainyard_scheduler.admission import Admit, Preempt, Round, run_round
from trainyard_scheduler.facts import Request
from trainyard_scheduler.forecast import held
from trainyard_scheduler.objects.installation import Site
from trainyard_scheduler.objects.model import Session, Unreadable, current_attempt, queued_now
from trainyard_scheduler.objects.store import World
from trainyard_scheduler.snapshot import Cluster
from trainyard_scheduler.usage import cluster_of
from trainyard_scheduler.waiting_queue import everyone

TICK_SECONDS: Final = 5.0
"""While sessions wait, decide at least this often: ends of minimum run times change who may start."""
TOLD_PER_SURVEY: Final = 200
"""Sessions with news that one survey looks at."""
CHECKED_PER_SURVEY: Final = 200
"""Further sessions whose place one survey checks, in turn."""
QUEUE_STATUS_SECONDS: Final = 5.0
"""Shortest time between two writes of one queue's status."""


def decide(
    world: World,
    now: float,
    site: Site,
    memory: Memory | None = None,
    *,
    news: int = TOLD_PER_SURVEY,
) -> Decisions:
    """Everything to be done now. At most `news` waiting sessions are told their places, those in front first; with 0 nobody looks."""
    return _Decision(world, now, site, memory or Memory.empty(site)).run(news)


class _Decision:
    def __init__(self, world: World, now: float, site: Site, memory: Memory) -> None:
        self.world, self.now, self.site, self.memory = world, now, site, memory
        self.writes: list[Write] = []

    def run(self, news: int) -> Decisions:
        memory = self.memory
        self._refresh()
        cluster = cluster_of(self.world, memory.lines, self.site, self.now, memory.holdings)
        outcome = run_round(cluster, self.now)
        for admit in outcome.admitted:
            self._admit(admit)
        for preempt in outcome.preempted:
            self._preempt(preempt)
        cluster = _afterwards(cluster, outcome, self.now)
        if news > 0:
            self._survey(cluster, news)
            self._tell_queues(cluster)
        self.writes.sort(key=_urgency)
        return Decisions(
            writes=tuple(self.writes),
            wake=self._wake(),
            waiting=len(memory.requests),
            untold=len(memory.untold),
            holding=len(cluster.holdings),
            gpus_used=sum(h.gpus for h in cluster.holdings),
            gpus_capacity=cluster.gpu_capacity(),
            preempted=len(outcome.preempted),
        )

    # ── each session by itself ────────────────────────────────────────────────────────────────────────────

    def _refresh(self) -> None:
        memory, world = self.memory, self.world
        if memory.fresh:
            memory.fresh = False
            memory.dirty.update(world.sessions)
        if memory.revision != world.revision:
            memory.revision = world.revision
            self._recheck_acceptance()
        memory.wake_up(self.now)
        restless = set()
        for uid in memory.dirty:
            session = world.sessions.get(uid)
            if session is None:
                memory.forget_gone(uid)
            elif uid not in world.busy and not self._judge(session):
                restless.add(uid)
        memory.dirty = restless
        for item in world.unreadable.values():
            if item.uid not in world.busy:
                self._patch(item, *render_unreadable(item, self.now), Lane.PHASES)

    def _recheck_acceptance(self) -> None:
        memory, world = self.memory, self.world
        for uid, old in list(memory.accepted.items()):
            session = world.sessions.get(uid)
            if session and memory.gatekeeper.answer(session.wish, world) is not old:
                memory.forget(uid)

    def _judge(self, session: Session) -> bool:
        """Judge and act; False when it depends on things that do not call for another look by themselves."""
        memory, world, uid = self.memory, self.world, session.uid
        acceptance = ACCEPTED
        if session.seen.phase not in TERMINAL:
            acceptance = memory.accepted[uid] = memory.gatekeeper.answer(session.wish, world)
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
        refusal = world.refusals.get(uid)
        if verdict.eligible and refusal is not None and refusal.until > self.now:
            verdict = replace(
                verdict,
                eligible=False,
                reason=Reason.WAITING_FOR_RETRY,
                message=refusal.message,
                wake=refusal.until,
            )
        memory.verdicts[uid] = verdict
        memory.leave_line(uid)
        if verdict.wake is not None:
            memory.wake_at(verdict.wake, uid)
        if verdict.eligible:
            memory.join_line(self._request(session))
        memory.learn(session)
        self._act(session, verdict)
        return verdict.reason != Reason.RESUME_SOURCE_NOT_FOUND

    def _act(self, session: Session, verdict: Verdict) -> None:
        if verdict.delete_session:
            self.writes.append(DeleteSession(session.uid, session.name))
        elif verdict.delete_jobs:
            jobs = tuple((j.name, j.uid) for j in verdict.delete_jobs)
            self.writes.append(DeleteJobs(session.uid, jobs))
        elif not verdict.delayed and not verdict.eligible and session.seen.phase not in TERMINAL:
            self._tell(session, verdict, _not_in_line(verdict), lane_of(verdict))

    def _tell(
        self, session: Session, verdict: Verdict, place: Mapping[str, Any] | None, lane: Lane
    ) -> None:
        acceptance = self.memory.accepted.get(session.uid, ACCEPTED)
        current, wanted = render(session, verdict, acceptance, place, self.now)
        self._patch(session, current, wanted, lane, note_of(session, verdict, wanted))

    def _patch(
        self,
        session: Session | Unreadable,
        current: dict[str, Any],
        wanted: dict[str, Any],
        lane: Lane,
        note: Note | None = None,
    ) -> None:
        patch = merge_patch(current, wanted)
        if patch:
            body = {"status": patch}
            self.writes.append(
                PatchStatus(session.uid, session.name, session.version, body, note, lane)
            )

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

    # ── the round ─────────────────────────────────────────────────────────────────────────────────────────

    def _admit(self, admit: Admit) -> None:
        world, uid = self.world, admit.request.uid
        session = world.sessions[uid]
        self.memory.leave_line(uid)
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

    def _preempt(self, preempt: Preempt) -> None:
        session = self.world.sessions[preempt.uid]
        if preempt.uid in self.world.busy:
            return
        by = self.world.sessions[preempt.by].name
        message = f"Makes room for {by}; it saves a checkpoint and goes back to the queue."
        verdict = Verdict(Phase.SUSPENDING, message, Reason.PREEMPTED)
        self.writes = [w for w in self.writes if w.uid != preempt.uid]
        self._tell(session, verdict, None, lane_of(verdict))

    # ── what waiting sessions are told ────────────────────────────────────────────────────────────────────

    def _survey(self, cluster: Cluster, news: int) -> None:
        memory = self.memory
        if not memory.requests:
            return
        survey = Survey(cluster, self.now)
        due: list[tuple[float, Session, Place]] = []
        moved: list[tuple[float, Session, Place]] = []
        for request in self._asking(cluster, survey):
            session = self.world.sessions[request.uid]
            if request.uid in self.world.busy:
                continue
            place = survey.place(request)
            told, weight = orjson.loads(session.seen.own), math.inf
            if told.get("message") == memory.verdicts[request.uid].message:
                weight = place.news(told.get("queue"))
            if weight == math.inf:
                due.append((weight, session, place))
                continue
            memory.untold.pop(request.uid, None)
            if weight > 0:
                moved.append((weight, session, place))
        due.sort(key=_most_urgent)
        moved.sort(key=_most_urgent)
        # Those left out stay among the untold; places that moved are found again.
        chosen = due[:news]
        room = news - len(chosen)
        chosen += moved[: memory.places_allowed(min(room, len(moved)), self.now)]
        for _, session, place in chosen:
            memory.untold.pop(session.uid, None)
            self._tell(session, memory.verdicts[session.uid], place.wire(), Lane.NEWS)

    def _asking(self, cluster: Cluster, survey: Survey) -> list[Request]:
        """Those with news, those in front, and some of the others in turn."""
        memory = self.memory
        asking = {uid: memory.requests[uid] for uid in islice(memory.untold, TOLD_PER_SURVEY)}
        asking.update((r.uid, r) for r in survey.front)
        start, end = memory.cursor, memory.cursor + CHECKED_PER_SURVEY
        asking.update((r.uid, r) for r in islice(everyone(cluster.waiting), start, end))
        memory.cursor = end if end < len(memory.requests) else 0
        return list(asking.values())

    def _tell_queues(self, cluster: Cluster) -> None:
        for queue in self.world.queues.values():
            written = self.memory.queue_written.get(queue.uid, -math.inf)
            if self.now - written < QUEUE_STATUS_SECONDS or queue.uid in self.world.busy:
                continue
            held_here = [h for h in cluster.holdings if h.queue == queue.name]
            wanted = {
                "running": len(held_here),
                "waiting": len(cluster.waiting.get(queue.name, ())),
                "gpusUsed": sum(h.gpus for h in held_here),
                "observedGeneration": queue.generation,
            }
            patch = merge_patch(orjson.loads(queue.own), wanted)
            if patch:
                self.memory.queue_written[queue.uid] = self.now
                self.writes.append(PatchQueue(queue.uid, queue.name, {"status": patch}))

    def _wake(self) -> float | None:
        due = [self.memory.next_wake] if self.memory.next_wake is not None else []
        if self.memory.requests:
            due.append(self.now + TICK_SECONDS)
        return min(due, default=None)


def _afterwards(cluster: Cluster, outcome: Round, now: float) -> Cluster:
    """The cluster once the admitted sessions have started."""
    if not outcome.admitted:
        return cluster
    started = tuple(held(a.request, a.nodes, now) for a in outcome.admitted)
    return replace(cluster, free=outcome.free, holdings=cluster.holdings + started)


def _not_in_line(verdict: Verdict) -> dict[str, Any] | None:
    """`status.queue` of a session that is queued but may not start yet."""
    if verdict.phase != Phase.QUEUED:
        return None
    return {"reason": str(verdict.reason), "message": verdict.message}


def _most_urgent(news: tuple[float, Session, Place]) -> tuple[float, int]:
    return -news[0], news[2].position


def lane_of(verdict: Verdict) -> Lane:
    """How urgent it is to say this: only what a deletion waits for, and so other sessions' GPUs, cannot wait.

    That a session starts is news: on a busy API server it runs before they come to it, and a write is saved.
    """
    leaving = verdict.phase in (Phase.SUSPENDING, Phase.STOPPING)
    failing = verdict.phase in HOLDING_GPUS and "failure" in verdict.changes
    if leaving or failing:
        return Lane.JOBS
    return Lane.NEWS if verdict.phase == Phase.STARTING else Lane.PHASES


def _urgency(write: Write) -> tuple[Lane, int]:
    return write.lane, _KINDS.index(type(write))


_KINDS = (CreateJob, DeleteJobs, PatchStatus, DeleteSession, PatchQueue)
