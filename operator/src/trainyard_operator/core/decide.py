"""`decide`: the state and the time → everything to be done now. A pure function; `DecisionCache` only saves work."""

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
    Event,
    Lane,
    PatchQueue,
    PatchStatus,
    Write,
)
from trainyard_operator.core.cache import DecisionCache
from trainyard_operator.core.event_for import event_for
from trainyard_operator.core.lifecycle import evaluate
from trainyard_operator.core.manifests import build_job, build_service
from trainyard_operator.core.queue_status import QueueReport, QueueStatus
from trainyard_operator.core.session_state import SessionState
from trainyard_operator.core.status import merge_patch, render, render_invalid
from trainyard_scheduler.admissibility import ADMISSIBLE
from trainyard_scheduler.admission import Admit, CycleResult, Preempt, run_cycle
from trainyard_scheduler.facts import Request
from trainyard_scheduler.forecast import allocation_at_start
from trainyard_scheduler.objects.installation import InstallationConfig
from trainyard_scheduler.objects.model import InvalidSession, Session, current_attempt, queued_now
from trainyard_scheduler.objects.store import ClusterState
from trainyard_scheduler.snapshot import Snapshot
from trainyard_scheduler.usage import snapshot_of
from trainyard_scheduler.waiting_queue import all_requests

TICK_SECONDS: Final = 5.0
"""While sessions wait, decide at least this often: ends of minimum run times change who may start."""
TOLD_PER_SURVEY: Final = 200
"""Sessions with news that one survey looks at."""
CHECKED_PER_SURVEY: Final = 200
"""Further sessions whose place one survey checks, in turn."""
QUEUE_STATUS_SECONDS: Final = 5.0
"""Shortest time between two writes of one queue's status."""


def decide(
    state: ClusterState,
    now: float,
    config: InstallationConfig,
    cache: DecisionCache | None = None,
    *,
    news: int = TOLD_PER_SURVEY,
) -> Decisions:
    """Everything to be done now. At most `news` waiting sessions are told their places, those in front first; with 0 nobody looks."""
    return _Decision(state, now, config, cache or DecisionCache.empty(config)).run(news)


class _Decision:
    def __init__(
        self, state: ClusterState, now: float, config: InstallationConfig, cache: DecisionCache
    ) -> None:
        self.state, self.now, self.config, self.cache = state, now, config, cache
        self.writes: list[Write] = []

    def run(self, news: int) -> Decisions:
        cache = self.cache
        self._refresh()
        cluster = snapshot_of(self.state, cache.lines, self.config, self.now, cache.allocations)
        outcome = run_cycle(cluster, self.now)
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
            waiting=len(cache.requests),
            unpublished=len(cache.unpublished),
            allocation=len(cluster.allocations),
            gpus_used=sum(h.gpus for h in cluster.allocations),
            gpus_capacity=cluster.gpu_capacity(),
            preempted=len(outcome.preempted),
        )

    # ── each session by itself ────────────────────────────────────────────────────────────────────────────

    def _refresh(self) -> None:
        cache, state = self.cache, self.state
        if cache.fresh:
            cache.fresh = False
            cache.dirty.update(state.sessions)
        if cache.revision != state.revision:
            cache.revision = state.revision
            self._recheck_admissibility()
        cache.wake_up(self.now)
        restless = set()
        for uid in cache.dirty:
            session = state.sessions.get(uid)
            if session is None:
                cache.forget_gone(uid)
            elif uid not in state.busy and not self._evaluate(session):
                restless.add(uid)
        cache.dirty = restless
        for item in state.invalid_sessions.values():
            if item.uid not in state.busy:
                self._patch(item, *render_invalid(item, self.now), Lane.PHASES)

    def _recheck_admissibility(self) -> None:
        cache, state = self.cache, self.state
        for uid, old in list(cache.accepted.items()):
            session = state.sessions.get(uid)
            if session and cache.validator.answer(session.spec, state) is not old:
                cache.forget(uid)

    def _evaluate(self, session: Session) -> bool:
        """Judge and act; False when it depends on things that do not call for another look by themselves."""
        cache, state, uid = self.cache, self.state, session.uid
        admissibility = ADMISSIBLE
        if session.status.phase not in TERMINAL:
            admissibility = cache.accepted[uid] = cache.validator.answer(session.spec, state)
        source = session.spec.resume_session
        verdict = evaluate(
            session,
            state.jobs_for(uid),
            state.pods_for(uid),
            admissibility,
            source is None or source in state.names,
            self.now,
            self.config,
        )
        refusal = state.refusals.get(uid)
        if verdict.eligible and refusal is not None and refusal.until > self.now:
            verdict = replace(
                verdict,
                eligible=False,
                reason=Reason.WAITING_FOR_RETRY,
                message=refusal.message,
                wake=refusal.until,
            )
        cache.states[uid] = verdict
        cache.dequeue(uid)
        if verdict.wake is not None:
            cache.wake_at(verdict.wake, uid)
        if verdict.eligible:
            cache.enqueue(self._request(session))
        cache.learn(session)
        self._act(session, verdict)
        return verdict.reason != Reason.RESUME_SOURCE_NOT_FOUND

    def _act(self, session: Session, verdict: SessionState) -> None:
        if verdict.delete_session:
            self.writes.append(DeleteSession(session.uid, session.name))
        elif verdict.delete_jobs:
            jobs = tuple((j.name, j.uid) for j in verdict.delete_jobs)
            self.writes.append(DeleteJobs(session.uid, jobs))
        elif not verdict.delayed and not verdict.eligible and session.status.phase not in TERMINAL:
            self._tell(session, verdict, _not_in_line(verdict), lane_of(verdict))

    def _tell(
        self, session: Session, verdict: SessionState, place: Mapping[str, Any] | None, lane: Lane
    ) -> None:
        admissibility = self.cache.accepted.get(session.uid, ADMISSIBLE)
        current, wanted = render(session, verdict, admissibility, place, self.now)
        self._patch(session, current, wanted, lane, event_for(session, verdict, wanted))

    def _patch(
        self,
        session: Session | InvalidSession,
        current: dict[str, Any],
        wanted: dict[str, Any],
        lane: Lane,
        event: Event | None = None,
    ) -> None:
        patch = merge_patch(current, wanted)
        if patch:
            body = {"status": patch}
            self.writes.append(
                PatchStatus(session.uid, session.name, session.version, body, event, lane)
            )

    def _request(self, session: Session) -> Request:
        spec, status = session.spec, session.status
        limit = None
        if spec.max_runtime is not None:
            limit = float(max(0, spec.max_runtime - status.run_seconds))
        expected = status.eta_seconds if status.attempt else self.cache.usual_seconds(spec.kind)
        return Request(
            uid=session.uid,
            name=session.name,
            queue=spec.queue,
            user=session.user,
            priority=spec.priority,
            queued=status.queued or queued_now(session, self.now),
            shape=spec.shape,
            expected_seconds=expected,
            limit_seconds=limit,
        )

    # ── the round ─────────────────────────────────────────────────────────────────────────────────────────

    def _admit(self, admit: Admit) -> None:
        state, uid = self.state, admit.request.uid
        session = state.sessions[uid]
        self.cache.dequeue(uid)
        attempt = current_attempt(session, state.jobs_for(uid)) + 1
        source = session.spec.resume_session
        job = build_job(
            session,
            attempt,
            admit.nodes,
            self.config,
            resume_uid=state.names.get(source) if source else None,
            backfilled=admit.backfilled,
        )
        service = build_service(session, self.config) if admit.request.shape.workers > 1 else None
        name = names.job_name(session.name, uid, attempt)
        self.writes.append(
            CreateJob(uid, name, attempt, admit.nodes, admit.request.shape, job, service)
        )

    def _preempt(self, preempt: Preempt) -> None:
        session = self.state.sessions[preempt.uid]
        if preempt.uid in self.state.busy:
            return
        by = self.state.sessions[preempt.by].name
        message = f"Makes room for {by}; it saves a checkpoint and goes back to the queue."
        verdict = SessionState(Phase.SUSPENDING, message, Reason.PREEMPTED)
        self.writes = [w for w in self.writes if w.uid != preempt.uid]
        self._tell(session, verdict, None, lane_of(verdict))

    # ── what waiting sessions are told ────────────────────────────────────────────────────────────────────

    def _survey(self, cluster: Snapshot, news: int) -> None:
        cache = self.cache
        if not cache.requests:
            return
        survey = QueueReport(cluster, self.now)
        due: list[tuple[float, Session, QueueStatus]] = []
        moved: list[tuple[float, Session, QueueStatus]] = []
        for request in self._asking(cluster, survey):
            session = self.state.sessions[request.uid]
            if request.uid in self.state.busy:
                continue
            place = survey.place(request)
            told, weight = orjson.loads(session.status.own), math.inf
            if told.get("message") == cache.states[request.uid].message:
                weight = place.news(told.get("queue"))
            if weight == math.inf:
                due.append((weight, session, place))
                continue
            cache.unpublished.pop(request.uid, None)
            if weight > 0:
                moved.append((weight, session, place))
        due.sort(key=_most_urgent)
        moved.sort(key=_most_urgent)
        # Those left out stay among the unpublished; places that moved are found again.
        chosen = due[:news]
        room = news - len(chosen)
        chosen += moved[: cache.places_allowed(min(room, len(moved)), self.now)]
        for _, session, place in chosen:
            cache.unpublished.pop(session.uid, None)
            self._tell(session, cache.states[session.uid], place.wire(), Lane.INFORMATIONAL)

    def _asking(self, cluster: Snapshot, survey: QueueReport) -> list[Request]:
        """Those with news, those in front, and some of the others in turn."""
        cache = self.cache
        asking = {uid: cache.requests[uid] for uid in islice(cache.unpublished, TOLD_PER_SURVEY)}
        asking.update((r.uid, r) for r in survey.front)
        start, end = cache.cursor, cache.cursor + CHECKED_PER_SURVEY
        asking.update((r.uid, r) for r in islice(all_requests(cluster.waiting), start, end))
        cache.cursor = end if end < len(cache.requests) else 0
        return list(asking.values())

    def _tell_queues(self, cluster: Snapshot) -> None:
        for queue in self.state.queues.values():
            written = self.cache.queue_written.get(queue.uid, -math.inf)
            if self.now - written < QUEUE_STATUS_SECONDS or queue.uid in self.state.busy:
                continue
            held_here = [h for h in cluster.allocations if h.queue == queue.name]
            wanted = {
                "running": len(held_here),
                "waiting": len(cluster.waiting.get(queue.name, ())),
                "gpusUsed": sum(h.gpus for h in held_here),
                "observedGeneration": queue.generation,
            }
            patch = merge_patch(orjson.loads(queue.own), wanted)
            if patch:
                self.cache.queue_written[queue.uid] = self.now
                self.writes.append(PatchQueue(queue.uid, queue.name, {"status": patch}))

    def _wake(self) -> float | None:
        due = [self.cache.next_wake] if self.cache.next_wake is not None else []
        if self.cache.requests:
            due.append(self.now + TICK_SECONDS)
        return min(due, default=None)


def _afterwards(cluster: Snapshot, outcome: CycleResult, now: float) -> Snapshot:
    """The cluster once the admitted sessions have started."""
    if not outcome.admitted:
        return cluster
    started = tuple(allocation_at_start(a.request, a.nodes, now) for a in outcome.admitted)
    return replace(cluster, free=outcome.free, allocations=cluster.allocations + started)


def _not_in_line(verdict: SessionState) -> dict[str, Any] | None:
    """`status.queue` of a session that is queued but may not start yet."""
    if verdict.phase != Phase.QUEUED:
        return None
    return {"reason": str(verdict.reason), "message": verdict.message}


def _most_urgent(news: tuple[float, Session, QueueStatus]) -> tuple[float, int]:
    return -news[0], news[2].position


def lane_of(verdict: SessionState) -> Lane:
    """How urgent it is to say this: only what a deletion waits for, and so other sessions' GPUs, cannot wait.

    That a session starts is news: on a busy API server it runs before they come to it, and a write is saved.
    """
    leaving = verdict.phase in (Phase.SUSPENDING, Phase.STOPPING)
    failing = verdict.phase in HOLDING_GPUS and "failure" in verdict.changes
    if leaving or failing:
        return Lane.JOBS
    return Lane.INFORMATIONAL if verdict.phase == Phase.STARTING else Lane.PHASES


def _urgency(write: Write) -> tuple[Lane, int]:
    return write.lane, _KINDS.index(type(write))


_KINDS = (CreateJob, DeleteJobs, PatchStatus, DeleteSession, PatchQueue)
