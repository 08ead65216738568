"""`decide`: the cluster state and the time → everything to be done now.

A pure function; the cache only saves work.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

import orjson

from trainyard_api import names
from trainyard_api.phase import HOLDING_GPUS, TERMINAL, Phase, Reason
from trainyard_operator.core.actions import (
    CreateBuilder,
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
from trainyard_operator.core.attempts.attempt_state import OVER_BUDGET
from trainyard_operator.core.attempts.gateway_life import GatewayLife
from trainyard_operator.core.attempts.surroundings import Surroundings
from trainyard_operator.core.builder_job import build_builder
from trainyard_operator.core.cache import DecisionCache
from trainyard_operator.core.config import OperatorConfig
from trainyard_operator.core.environments.preparation import Preparation
from trainyard_operator.core.event_for import event_for
from trainyard_operator.core.lifecycle import evaluate
from trainyard_operator.core.manifests import build_job, build_service
from trainyard_operator.core.queue_status import MAX_STATUS_UPDATES, queue_totals, select_updates
from trainyard_operator.core.session_state import SessionState
from trainyard_operator.core.status import MESSAGE_LENGTH, merge_patch, render, render_invalid
from trainyard_scheduler.admissibility import ADMISSIBLE
from trainyard_scheduler.admission import Admit, Preempt, run_cycle
from trainyard_scheduler.forecast import after_cycle
from trainyard_scheduler.limits.limit import over_budget
from trainyard_scheduler.objects.model import InvalidSession, Session, current_attempt
from trainyard_scheduler.objects.store import ClusterState
from trainyard_scheduler.snapshot import Snapshot
from trainyard_scheduler.usage import request_of, snapshot_of

TICK_SECONDS: Final = 5.0
"""While sessions wait or limited ones run, decide at least this often.

The end of another session's minimum run time is no event, nor is that of a budget.
"""
UNDECIDED_SECONDS: Final = 60.0
"""A session for which nothing could be decided is evaluated again after this."""
QUEUE_STATUS_SECONDS: Final = 5.0
"""Shortest time between two writes of one TrainingQueue's status."""


def decide(
    state: ClusterState,
    now: float,
    config: OperatorConfig,
    cache: DecisionCache | None = None,
    *,
    gateway: GatewayLife | None = None,
    status_updates: int = MAX_STATUS_UPDATES,
) -> Decisions:
    """Everything to be done at `now`, in seconds since the epoch.

    `gateway` is what was seen of the gateway's life, None if nothing is known of it.
    At most `status_updates` waiting sessions get a new `status.queue`, those in front first. With 0
    no position is computed, which is much faster.
    """
    cache = cache or DecisionCache.create(config.installation)
    return _Decision(state, now, config, cache, gateway).run(status_updates)


class _Decision:
    def __init__(
        self,
        state: ClusterState,
        now: float,
        config: OperatorConfig,
        cache: DecisionCache,
        gateway: GatewayLife | None,
    ) -> None:
        self.state, self.now, self.config, self.cache = state, now, config, cache
        self.gateway = gateway
        self.writes: list[Write] = []
        self.undecided: list[tuple[str, str]] = []

    def run(self, status_updates: int) -> Decisions:
        cache, installation = self.cache, self.config.installation
        self._refresh()
        self._refuse_invalid()
        self._start_builds()
        snapshot = snapshot_of(self.state, cache.waiting, installation, self.now, cache.allocations)
        result = run_cycle(snapshot, self.now)
        for admit in result.admitted:
            with self._deciding(admit.request.uid, admit.request.name):
                self._admit(admit)
        for preempt in result.preempted:
            self._preempt(preempt)
        for allocation in over_budget(snapshot.limits, snapshot.allocations, self.now):
            self._suspend(self.state.sessions[allocation.uid])
        snapshot = after_cycle(snapshot, result, cache.waiting, self.now)
        if status_updates > 0:
            self._publish_positions(snapshot, status_updates)
            self._publish_queues(snapshot)
        self.writes.sort(key=_urgency)
        return Decisions(
            writes=tuple(self.writes),
            wake=self._wake(snapshot),
            waiting=len(cache.requests),
            unpublished=len(cache.unpublished),
            allocations=len(snapshot.allocations),
            gpus_used=sum(a.gpus for a in snapshot.allocations),
            gpus_capacity=snapshot.gpu_capacity(),
            preempted=len(result.preempted),
            undecided=tuple(self.undecided),
        )

    # ── each session by itself ────────────────────────────────────────────────────────────

    def _refresh(self) -> None:
        """Evaluate every session that changed, or whose time has come."""
        cache, state = self.cache, self.state
        if cache.empty:
            cache.empty = False
            cache.dirty.update(state.sessions)
        if cache.revision != state.revision:
            cache.revision = state.revision
            self._recheck_admissibility()
        cache.wake_due(self.now)
        again = set()
        for uid in cache.dirty:
            session = state.sessions.get(uid)
            if session is None:
                cache.drop(uid)
            elif uid not in state.busy:
                with self._deciding(uid, session.name):
                    if not self._evaluate(session):
                        again.add(uid)
        cache.dirty = again

    def _refuse_invalid(self) -> None:
        for item in self.state.invalid_sessions.values():
            if item.uid not in self.state.busy:
                with self._deciding(item.uid, item.name):
                    self._patch(item, *render_invalid(item, self.now), Lane.PHASES)

    @contextmanager
    def _deciding(self, uid: str, name: str) -> Iterator[None]:
        """Decide for one session. After an error it stays as it is; other sessions never notice."""
        try:
            yield
        except Exception as error:
            self.undecided.append((name, f"{type(error).__name__}: {error}"[:1024]))
            self.cache.dequeue(uid)
            self.cache.wake_at(self.now + UNDECIDED_SECONDS, uid)
            self.writes = [w for w in self.writes if w.uid != uid]

    def _recheck_admissibility(self) -> None:
        cache, state = self.cache, self.state
        for uid, old in list(cache.admissibility.items()):
            session = state.sessions.get(uid)
            if session and cache.validator.answer(session.spec, state) is not old:
                cache.forget(uid)

    def _evaluate(self, session: Session) -> bool:
        """Evaluate and act.

        False if the state depends on other sessions, so that the next decision must look again.
        """
        cache, uid = self.cache, session.uid
        found = self._state_of(session)
        cache.states[uid] = found
        cache.dequeue(uid)
        if found.wake is not None:
            cache.wake_at(found.wake, uid)
        cache.builds.pop(uid, None)
        if found.build is not None:
            cache.builds[uid] = found.build
        if found.in_queue:
            cache.enqueue(request_of(session, self.state, self.now))
        self._act(session, found)
        return found.reason != Reason.RESUME_SOURCE_NOT_FOUND

    def _state_of(self, session: Session) -> SessionState:
        cache, state, uid = self.cache, self.state, session.uid
        admissibility = ADMISSIBLE
        if session.status.phase not in TERMINAL:
            admissibility = cache.validator.answer(session.spec, state)
            cache.admissibility[uid] = admissibility
        found = evaluate(
            session,
            state.jobs_for(uid),
            state.pods_for(uid),
            admissibility,
            state.resume_ready(session),
            self.now,
            self.config,
            state.unreleased(session),
            Preparation(state.builders.jobs_for(uid), state.builders.pods_for(uid)),
            Surroundings(state.nodes, state.warnings, self.gateway),
        )
        refusal = state.refusals.get(uid)
        starts = found.in_queue or found.build is not None
        if not starts or refusal is None or refusal.until <= self.now:
            return found
        return replace(
            found,
            in_queue=False,
            build=None,
            reason=Reason.WAITING_FOR_RETRY if found.in_queue else found.reason,
            message=refusal.message,
            wake=refusal.until,
        )

    def _act(self, session: Session, found: SessionState) -> None:
        if found.delete_session:
            self.writes.append(DeleteSession(session.uid, session.name))
        elif found.delete_jobs:
            jobs = tuple((j.name, j.uid) for j in found.delete_jobs)
            self.writes.append(DeleteJobs(session.uid, jobs))
        elif session.status.phase in TERMINAL:
            self._write_status(session, found, None, Lane.INFORMATIONAL)
        elif not found.delayed and not found.in_queue:
            self._write_status(session, found, _not_in_queue(found), lane_of(found))

    def _write_status(
        self, session: Session, found: SessionState, queue: Mapping[str, Any] | None, lane: Lane
    ) -> None:
        admissibility = self.cache.admissibility.get(session.uid, ADMISSIBLE)
        current, wanted = render(session, found, admissibility, queue, self.now)
        self._patch(session, current, wanted, lane, event_for(session, found, current, wanted))

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

    def _start_builds(self) -> None:
        """Install packages where there is a place for it; the oldest session goes first."""
        cache, state = self.cache, self.state
        free = self.config.environments.max_builders - state.builders.at_work
        if not cache.builds or free <= 0:
            return
        ready = [state.sessions[uid] for uid in cache.builds if uid not in state.busy]
        for session in sorted(ready, key=lambda s: (s.created, s.name))[:free]:
            with self._deciding(session.uid, session.name):
                number = cache.builds[session.uid]
                job = build_builder(session, number, self.config)
                name = names.builder_name(session.name, session.uid, number)
                # Its status is written once the Job is there.
                self.writes = [w for w in self.writes if w.uid != session.uid]
                self.writes.append(CreateBuilder(session.uid, name, job))

    # ── the scheduling cycle ──────────────────────────────────────────────────────────────

    def _admit(self, admit: Admit) -> None:
        state, uid = self.state, admit.request.uid
        session = state.sessions[uid]
        self.cache.dequeue(uid)
        attempt = current_attempt(session, state.jobs_for(uid)) + 1
        job = build_job(
            session,
            attempt,
            admit.nodes,
            self.config,
            resume_uid=state.resume_uid(session),
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
        message = f"Preempted by {by}; it saves a checkpoint and goes back to the queue."
        found = SessionState(Phase.SUSPENDING, message, Reason.PREEMPTED)
        self.writes = [w for w in self.writes if w.uid != preempt.uid]
        self._write_status(session, found, None, lane_of(found))

    def _suspend(self, session: Session) -> None:
        """Its budget is spent, which says that running sessions wait as well."""
        if session.uid in self.state.busy:
            return
        found = SessionState(Phase.SUSPENDING, OVER_BUDGET, Reason.BUDGET_SPENT)
        self.writes = [w for w in self.writes if w.uid != session.uid]
        self._write_status(session, found, None, lane_of(found))

    # ── what waiting sessions and queues show ─────────────────────────────────────────────

    def _publish_positions(self, snapshot: Snapshot, limit: int) -> None:
        cache = self.cache
        for session, status in select_updates(self.state, snapshot, cache, self.now, limit):
            found = cache.states[session.uid]
            self._write_status(session, found, status.render(), Lane.INFORMATIONAL)

    def _publish_queues(self, snapshot: Snapshot) -> None:
        for queue in self.state.queues.values():
            written = self.cache.queue_written.get(queue.uid, -math.inf)
            if self.now - written < QUEUE_STATUS_SECONDS or queue.uid in self.state.busy:
                continue
            patch = merge_patch(orjson.loads(queue.own), queue_totals(queue, snapshot))
            if patch:
                self.cache.queue_written[queue.uid] = self.now
                self.writes.append(PatchQueue(queue.uid, queue.name, {"status": patch}))

    def _wake(self, snapshot: Snapshot) -> float | None:
        due = [self.cache.next_wake] if self.cache.next_wake is not None else []
        may_be_spent = snapshot.allocations and snapshot.limits.by_subject
        if self.cache.requests or may_be_spent:
            due.append(self.now + TICK_SECONDS)
        return min(due, default=None)


def _not_in_queue(found: SessionState) -> dict[str, Any] | None:
    """`status.queue` of a session that is Queued but may not start yet."""
    if found.phase != Phase.QUEUED:
        return None
    return {"reason": str(found.reason), "message": found.message[:MESSAGE_LENGTH]}


def lane_of(found: SessionState) -> Lane:
    """How urgent it is to write this state.

    Urgent is only what a deletion waits for, and so other sessions' GPUs. That a session starts is
    informational: on a busy API server it runs before the write is sent, and one write is saved.
    """
    leaving = found.phase in (Phase.SUSPENDING, Phase.STOPPING)
    failing = found.phase in HOLDING_GPUS and "failure" in found.changes
    if leaving or failing:
        return Lane.JOBS
    return Lane.INFORMATIONAL if found.phase == Phase.STARTING else Lane.PHASES


def _urgency(write: Write) -> tuple[Lane, int]:
    return write.lane, _ORDER.index(type(write))


_ORDER = (CreateJob, DeleteJobs, CreateBuilder, PatchStatus, DeleteSession, PatchQueue)
