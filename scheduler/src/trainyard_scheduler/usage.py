"""A `ClusterState` as the facts of a cycle: what is free, allocated and requested."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from trainyard_api.phase import Phase
from trainyard_scheduler.clocks import past
from trainyard_scheduler.facts import Allocation, Request
from trainyard_scheduler.limits.spending import Held, limits_at
from trainyard_scheduler.objects.installation import InstallationConfig
from trainyard_scheduler.objects.model import (
    Assumed,
    Job,
    Pod,
    Session,
    classes_of,
    current_attempt,
    queued_now,
    remaining_seconds,
)
from trainyard_scheduler.objects.store import ClusterState, unbound_workers
from trainyard_scheduler.preemption.time_slices import behind_seconds
from trainyard_scheduler.resources import ResourceVector, minus
from trainyard_scheduler.snapshot import Snapshot
from trainyard_scheduler.waiting_queue import WaitingQueue


class AllocationCache:
    """The allocations of all sessions.

    Keeps those whose objects did not change since the last call.
    """

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    def of(self, state: ClusterState, now: float) -> list[Allocation]:
        """Every session's allocation at `now`, in seconds since the epoch."""
        before, self._known = self._known, {}
        return [
            allocation
            for uid in state.allocated | state.assumed.keys()
            if (allocation := self._allocation(uid, state, now, before.get(uid))) is not None
        ]

    def _allocation(
        self, uid: str, state: ClusterState, now: float, known: _Known | None
    ) -> Allocation | None:
        session = state.sessions.get(uid)
        if session is None:
            return None
        jobs, pods, assumed = state.jobs_for(uid), state.pods_for(uid), state.assumed.get(uid)
        if known is None or not known.still(session, jobs, pods, assumed):
            attempt = current_attempt(session, jobs)
            allocation = _allocation(session, jobs, pods, attempt, assumed)
            known = _Known(session, jobs, pods, assumed, allocation, _end(session, attempt))
        self._known[uid] = known
        if known.end is None or past(session.status.eta_at, now) is None:
            return known.allocation
        return replace(known.allocation, eta_seconds=max(0.0, known.end - now))


@dataclass(frozen=True, slots=True)
class _Known:
    """A session's allocation, and the objects it was made from.

    Those are replaced, never changed.
    """

    session: Session
    jobs: Mapping[int, Job]
    pods: Mapping[str, Pod]
    assumed: Assumed | None
    allocation: Allocation
    end: float | None
    """When the attempt ends at its step rate, in seconds since the epoch."""

    def still(
        self,
        session: Session,
        jobs: Mapping[int, Job],
        pods: Mapping[str, Pod],
        assumed: Assumed | None,
    ) -> bool:
        """Whether these are the same objects."""
        return (
            self.session is session
            and self.jobs is jobs
            and self.pods is pods
            and self.assumed is assumed
        )


def snapshot_of(
    state: ClusterState,
    waiting: Mapping[str, WaitingQueue],
    config: InstallationConfig,
    now: float,
    allocations: AllocationCache,
) -> Snapshot:
    """The facts of a cycle at `now` (seconds since the epoch), with `waiting` as the queues."""
    found = tuple(allocations.of(state, now))
    return Snapshot(
        nodes=state.nodes,
        free=free_resources(state),
        runtimes=config.runtimes,
        queues=state.rules,
        allocations=found,
        waiting=waiting,
        policy=config.policy,
        usual_seconds=state.durations.usual_seconds,
        history=state.history,
        limits=limits_at(state.limits, _held(state, found), now),
    )


def _held(state: ClusterState, allocations: Iterable[Allocation]) -> Iterator[Held]:
    """The GPUs that attempts hold, and those that attempts held which ended lately."""
    published = state.limits
    if published is None or all(v.budget_gpu_seconds is None for v in published.limits):
        return
    for session in state.sessions.values():
        held = session.status.held
        if held and held[-1].end > published.as_of:
            for record in held:
                yield Held(session.subjects, record.gpus, record.start, record.end)
    for allocation in allocations:
        status = state.sessions[allocation.uid].status
        start = status.attempt_started if status.allocated is None else status.allocated
        over = any(record.number == status.attempt for record in status.held)
        if allocation.shape.gpus and start is not None and not over:
            yield Held(allocation.subjects, allocation.shape.gpus, start)


def request_of(session: Session, state: ClusterState, now: float) -> Request:
    """The request of a session that waits in its queue; `now` is in seconds since the epoch."""
    spec, status = session.spec, session.status
    request = Request(
        uid=session.uid,
        name=session.name,
        queue=spec.queue,
        user=session.user,
        priority=spec.priority,
        queued=status.queued or queued_now(session, now),
        shape=spec.shape,
        expected_seconds=status.eta_seconds if status.attempt else None,
        limit_seconds=remaining_seconds(session),
        kind=None if status.attempt else spec.kind,
        classes=classes_of(session),
        ran_seconds=float(status.run_seconds),
        subjects=session.subjects,
    )
    rules = state.rules.get(spec.queue)
    if rules is None or rules.time_slice_seconds is None:
        return request
    return replace(request, behind_seconds=behind_seconds(request, state.history))


def free_resources(state: ClusterState) -> dict[str, ResourceVector]:
    """What is free on each usable node, by its name.

    That is what the node can allocate, less what live pods of all owners request, less what workers
    request whose pods are still to come.
    """
    free = {name: node.allocatable for name, node in state.nodes.items() if node.usable}
    for name in free.keys() & state.used.keys():
        free[name] = minus(free[name], state.used[name])
    _subtract_pending(free, state)
    for uid, assumed in state.assumed.items():
        if assumed.attempt not in state.jobs_for(uid):
            _subtract(free, assumed.nodes, assumed.shape.worker)
    return free


def _subtract_pending(free: dict[str, ResourceVector], state: ClusterState) -> None:
    """Subtract what pods will use that are not bound to a node yet, as far as the watches show."""
    # Jobs of deleted sessions count too: until a Job is gone, it may still create its pods.
    for pending in state.pending_workers.values():
        for workers in pending:
            _subtract(free, workers.nodes, workers.worker)
    # A pod whose Job is over may be bound already; only the watch does not show it yet.
    for pod in state.unbound.values():
        job = state.jobs.get(pod.job_uid)
        if job is None or job.finished:
            _subtract(free, pod.preferred_nodes, pod.requests)


def _subtract(
    free: dict[str, ResourceVector], nodes: tuple[str, ...], worker: ResourceVector
) -> None:
    for name in nodes:
        if name in free:
            free[name] = minus(free[name], worker)


def _allocation(
    session: Session,
    jobs: Mapping[int, Job],
    pods: Mapping[str, Pod],
    attempt: int,
    assumed: Assumed | None,
) -> Allocation:
    status, spec = session.status, session.spec
    job = jobs.get(attempt)
    nodes = [p.node for p in pods.values() if p.node is not None]
    leaving = False
    if job is not None and not job.finished:
        nodes += unbound_workers(job, pods.values())
        leaving = job.deleting
    elif assumed is not None:
        nodes += assumed.nodes
    else:
        leaving = True
    same = status.attempt == attempt
    started = status.attempt_started if same and status.phase == Phase.RUNNING else None
    leaving = leaving or (same and status.phase in (Phase.SUSPENDING, Phase.STOPPING))
    remaining = remaining_seconds(session)
    return Allocation(
        uid=session.uid,
        queue=spec.queue,
        user=session.user,
        priority=spec.priority,
        queued=status.queued or session.created,
        shape=spec.shape,
        nodes=tuple(nodes),
        started=started,
        leaving=leaving or (same and status.failed_attempt == attempt),
        checkpoint=status.checkpoint if status.progress_attempt == attempt else None,
        limit=None if remaining is None or started is None else started + remaining,
        backfilled=job.backfilled if job is not None else False,
        classes=classes_of(session),
        ran_seconds=float(status.run_seconds),
        subjects=session.subjects,
    )


def _end(session: Session, attempt: int) -> float | None:
    status = session.status
    if status.eta_seconds is None or status.eta_at is None or status.progress_attempt != attempt:
        return None
    return status.eta_at + status.eta_seconds
