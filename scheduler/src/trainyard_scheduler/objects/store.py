"""Every object that is known, in an indexed store.

`ClusterState` changes only by putting and dropping whole objects. Decisions read it and never
write.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from trainyard_api.limits.published import PublishedLimits
from trainyard_api.phase import TERMINAL, WAITING, Phase
from trainyard_scheduler.durations.history import RunHistory
from trainyard_scheduler.durations.usual import Durations
from trainyard_scheduler.facts import Node, QueueRules
from trainyard_scheduler.objects.builder_index import BuilderIndex
from trainyard_scheduler.objects.model import (
    Assumed,
    BuilderJob,
    InvalidSession,
    Job,
    PendingWorkers,
    Pod,
    Queue,
    Refusal,
    ReleasedSecret,
    Session,
    classes_of,
)
from trainyard_scheduler.objects.warning_events import WarningEvent, WarningIndex
from trainyard_scheduler.resources import ResourceVector, minus, plus

_Kept = TypeVar("_Kept")


class _Versioned(Protocol):
    @property
    def version(self) -> int: ...


NO_JOBS: Mapping[int, Job] = {}
NO_PODS: Mapping[str, Pod] = {}


@dataclass
class ClusterState:
    """Every object that is known, with the indexes that decisions need."""

    sessions: dict[str, Session] = field(default_factory=dict)
    invalid_sessions: dict[str, InvalidSession] = field(default_factory=dict)
    queues: dict[str, Queue] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    pods: dict[str, Pod] = field(default_factory=dict)
    secrets: dict[str, ReleasedSecret] | None = None
    """Secrets that are released to sessions; None in a program that may not see any."""
    builders: BuilderIndex = field(default_factory=BuilderIndex)
    """Jobs and pods that install packages."""
    warnings: WarningIndex = field(default_factory=WarningIndex)
    """Warning Events about pods and Jobs."""
    assumed: dict[str, Assumed] = field(default_factory=dict)
    """By session UID."""
    unbound: dict[str, Pod] = field(default_factory=dict)
    """Live pods of sessions that are not bound to a node yet."""
    refusals: dict[str, Refusal] = field(default_factory=dict)
    """By session UID."""
    busy: set[str] = field(default_factory=set)
    """UIDs of objects with a write under way or put off. Nothing new is decided for them."""
    jobs_of: defaultdict[str, dict[int, Job]] = field(default_factory=lambda: defaultdict(dict))
    pods_of: defaultdict[str, dict[str, Pod]] = field(default_factory=lambda: defaultdict(dict))
    used: dict[str, ResourceVector] = field(default_factory=dict)
    """What live pods request, by node."""
    names: dict[str, str] = field(default_factory=dict)
    """UID by session name."""
    allocated: set[str] = field(default_factory=set)
    """UIDs of sessions with an unfinished Job or a live pod."""
    pending_workers: dict[str, tuple[PendingWorkers, ...]] = field(default_factory=dict)
    """By session UID, for unfinished Jobs with workers that are not bound yet.

    Jobs of deleted sessions count too.
    """
    touched: set[str] = field(default_factory=set)
    """UIDs of sessions about which something changed since this was last cleared."""
    rules: dict[str, QueueRules] = field(default_factory=dict)
    """Rules by queue name."""
    revision: int = 0
    """Counts changes of nodes and queues, on which admissibility depends."""
    limits: PublishedLimits | None = None
    """As the gateway published them last; None before it has."""
    durations: Durations = field(default_factory=Durations)
    """How long sessions of each kind usually run."""
    history: RunHistory = field(default_factory=RunHistory)
    """Run times of the sessions that have ended, also of failed ones."""

    def newest_version(self) -> int:
        """The highest resourceVersion of all objects, 0 if there are none."""
        kinds = (
            self.sessions,
            self.invalid_sessions,
            self.queues,
            self.nodes,
            self.jobs,
            self.builders.jobs,
            self.pods,
        )
        items: Iterable[Mapping[str, _Versioned]] = kinds
        return max((item.version for kind in items for item in kind.values()), default=0)

    def put_node(self, item: Node) -> None:
        """Add or replace a node."""
        old = self.nodes.get(item.name)
        self.nodes[item.name] = item
        if old is None or replace(old, version=item.version) != item:
            self.revision += 1
        if old is None or old.unready != item.unready:
            self._touch_users_of_node(item.name)

    def drop_node(self, name: str) -> None:
        """Remove a node; an unknown name changes nothing."""
        if self.nodes.pop(name, None) is not None:
            self.revision += 1
            self._touch_users_of_node(name)

    def _touch_users_of_node(self, name: str) -> None:
        """Its pods' sessions say what became of the node."""
        pods = (p for p in self.pods.values() if p.assigned == name)
        self.touched.update(p.session_uid or p.prepares for p in pods)

    def put_warning(self, item: WarningEvent) -> None:
        """Add or replace a Warning Event."""
        self.warnings.put(item)
        if pod := self.pods.get(item.about):
            self.touched.add(pod.session_uid or pod.prepares)
        if job := self.jobs.get(item.about) or self.builders.jobs.get(item.about):
            self.touched.add(job.session_uid)

    def drop_warning(self, uid: str) -> None:
        """Forget a Warning Event; what it said stays in the status."""
        self.warnings.drop(uid)

    def put_queue(self, item: Queue) -> None:
        """Add or replace a queue."""
        self.queues[item.uid] = item
        old = self.rules.get(item.name)
        if old != item.rules:
            self.rules[item.name] = item.rules
            self.revision += 1
        if old is None or (old.time_slice_seconds is None) != (
            item.rules.time_slice_seconds is None
        ):
            # Its order is another one.
            waiting = (s for s in self.sessions.values() if s.status.phase in WAITING)
            self.touched.update(s.uid for s in waiting if s.spec.queue == item.name)

    def drop_queue(self, uid: str) -> None:
        """Remove a queue; an unknown UID changes nothing."""
        old = self.queues.pop(uid, None)
        if old is not None:
            self.rules = {q.name: q.rules for q in self.queues.values()}
            self.revision += 1

    def put_secret(self, item: ReleasedSecret) -> None:
        """Add or replace a Secret that is released to sessions."""
        self.secrets = {**(self.secrets or {}), item.uid: item}
        self._touch_users_of(item.name)

    def drop_secret(self, uid: str) -> None:
        """Remove a Secret that is gone or not released any more."""
        old = (self.secrets or {}).get(uid)
        if old is not None:
            self.secrets = {u: s for u, s in (self.secrets or {}).items() if u != uid}
            self._touch_users_of(old.name)

    def _touch_users_of(self, secret: str) -> None:
        self.touched.update(s.uid for s in self.sessions.values() if secret in s.spec.secrets)

    def unreleased(self, session: Session) -> tuple[str, ...]:
        """The Secrets that a session names and may not have, as far as this program knows."""
        if not session.spec.secrets or self.secrets is None:
            return ()
        released = {s.name for s in self.secrets.values()}
        return tuple(name for name in session.spec.secrets if name not in released)

    def resume_uid(self, session: Session) -> str | None:
        """UID of the session that resumeFrom names, if that may be resumed from.

        It may if both are of the same user, or else if the gateway says so, which knows the teams.
        """
        name = session.spec.resume_session
        uid = self.names.get(name) if name is not None else None
        source = self.sessions.get(uid) if uid is not None else None
        if source is None or uid is None:
            return None
        return uid if uid == session.status.resume_uid or source.user == session.user else None

    def resume_ready(self, session: Session) -> bool:
        """Whether it resumes from nothing, or from a session that is there for it."""
        return session.spec.resume_session is None or self.resume_uid(session) is not None

    def put_session(self, item: Session | InvalidSession) -> None:
        """Add or replace a session."""
        self.drop_session(item.uid)
        self.names[item.name] = item.uid
        self.touched.add(item.uid)
        if isinstance(item, Session):
            self.sessions[item.uid] = item
            spec, status = item.spec, item.status
            completed = status.completed or 0.0
            if status.phase == Phase.SUCCEEDED:
                self.durations.put(item.uid, spec.kind, completed, status.run_seconds)
            if status.phase in TERMINAL and status.attempt:
                self.history.put(item.uid, classes_of(item), completed, status.run_seconds)
        else:
            self.invalid_sessions[item.uid] = item

    def drop_session(self, uid: str) -> None:
        """Remove a session, also its learned run time; an unknown UID changes nothing."""
        old = self.sessions.pop(uid, None) or self.invalid_sessions.pop(uid, None)
        self.durations.drop(uid)
        self.history.drop(uid)
        if old is not None and self.names.get(old.name) == uid:
            del self.names[old.name]
        self.touched.add(uid)

    def put_job(self, item: Job) -> None:
        """Add or replace a Job."""
        self.jobs[item.uid] = item
        # A copy: `AllocationCache` compares these by identity.
        self.jobs_of[item.session_uid] = {**self.jobs_of[item.session_uid], item.attempt: item}
        self._touch(item.session_uid)

    def drop_job(self, uid: str) -> None:
        """Remove a Job; an unknown UID changes nothing."""
        job = self.jobs.pop(uid, None)
        if job is None:
            return
        left = {a: j for a, j in self.jobs_of[job.session_uid].items() if j.uid != uid}
        _keep(self.jobs_of, job.session_uid, left)
        self._touch(job.session_uid)

    def put_pod(self, item: Pod) -> None:
        """Add or replace a pod."""
        self._release(self.pods.get(item.uid))
        self.pods[item.uid] = item
        if item.node is not None:
            held = self.used.get(item.node)
            self.used[item.node] = plus(held, item.requests) if held else item.requests
        self.unbound.pop(item.uid, None)
        if item.prepares:
            self.builders.put_pod(item)
            self.touched.add(item.prepares)
        if item.session_uid:
            if item.live and not item.assigned:
                self.unbound[item.uid] = item
            self.pods_of[item.session_uid] = {**self.pods_of[item.session_uid], item.uid: item}
            self._touch(item.session_uid)

    def drop_pod(self, uid: str) -> None:
        """Remove a pod and release what it requested; an unknown UID changes nothing."""
        pod = self.pods.pop(uid, None)
        self.unbound.pop(uid, None)
        self._release(pod)
        if pod is not None and pod.prepares:
            self.builders.drop_pod(pod)
            self.touched.add(pod.prepares)
        if pod is not None and pod.session_uid:
            left = {u: p for u, p in self.pods_of[pod.session_uid].items() if u != uid}
            _keep(self.pods_of, pod.session_uid, left)
            self._touch(pod.session_uid)

    def put_builder(self, item: BuilderJob) -> None:
        """Add or replace a Job that installs packages."""
        self.builders.put_job(item)
        self.touched.add(item.session_uid)

    def drop_builder(self, uid: str) -> None:
        """Remove such a Job; an unknown UID changes nothing."""
        job = self.builders.drop_job(uid)
        if job is not None:
            self.touched.add(job.session_uid)

    def begin(self, uid: str, assumed: Assumed | None = None) -> None:
        """A write for this object is under way.

        With `assumed`, the resources of the attempt that it starts are used.
        """
        self.busy.add(uid)
        if assumed is not None:
            self.assumed[uid] = assumed

    def done(self, uid: str) -> None:
        """No write for this object is under way any more, and its result shows in the state."""
        self.busy.discard(uid)
        self.assumed.pop(uid, None)
        self.builders.starting.discard(uid)
        self.refusals.pop(uid, None)
        self.touched.add(uid)

    def refuse(self, uid: str, refusal: Refusal) -> None:
        """The API server refused the write for this session."""
        self.done(uid)
        self.refusals[uid] = refusal

    def _touch(self, session_uid: str) -> None:
        self.touched.add(session_uid)
        holds = any(not j.finished for j in self.jobs_for(session_uid).values()) or any(
            p.live for p in self.pods_for(session_uid).values()
        )
        (self.allocated.add if holds else self.allocated.discard)(session_uid)
        _keep(self.pending_workers, session_uid, self._pending_workers(session_uid))

    def _pending_workers(self, session_uid: str) -> tuple[PendingWorkers, ...]:
        pods = self.pods_for(session_uid).values()
        found = [
            PendingWorkers(unbound_workers(job, pods), job.worker)
            for job in self.jobs_for(session_uid).values()
            if not job.finished
        ]
        return tuple(workers for workers in found if workers.nodes)

    def _release(self, pod: Pod | None) -> None:
        if pod is not None and pod.node is not None:
            self.used[pod.node] = minus(self.used[pod.node], pod.requests)

    def jobs_for(self, session_uid: str) -> Mapping[int, Job]:
        """Jobs of a session by attempt."""
        return self.jobs_of.get(session_uid, NO_JOBS)

    def pods_for(self, session_uid: str) -> Mapping[str, Pod]:
        """Pods of a session by UID."""
        return self.pods_of.get(session_uid, NO_PODS)


def _keep(index: dict[str, _Kept], key: str, left: _Kept) -> None:
    if left:
        index[key] = left
    else:
        index.pop(key, None)


def unbound_workers(job: Job, pods: Iterable[Pod]) -> tuple[str, ...]:
    """The chosen nodes of those workers of an unfinished Job that have no bound pod yet."""
    expected = Counter(job.nodes)
    for pod in pods:
        if pod.job_uid != job.uid or not pod.assigned:
            continue
        if expected[pod.assigned] > 0:
            expected[pod.assigned] -= 1
        elif expected:
            # It went to another node, so any one of the chosen places is free of it.
            elsewhere = next((n for n, count in expected.items() if count > 0), None)
            if elsewhere is not None:
                expected[elsewhere] -= 1
    return tuple(expected.elements())
