"""What is free, and who holds the rest: the `ClusterState` as the facts of a scheduling round."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from trainyard_api.phase import Phase
from trainyard_scheduler.facts import Allocation
from trainyard_scheduler.objects.installation import InstallationConfig
from trainyard_scheduler.objects.model import Assumed, Job, Pod, Session, current_attempt
from trainyard_scheduler.objects.store import ClusterState, unbound_workers
from trainyard_scheduler.resources import ResourceVector, minus
from trainyard_scheduler.snapshot import Snapshot
from trainyard_scheduler.waiting_queue import WaitingQueue


class AllocationCache:
    """Sessions that hold capacity. Remembers what it found, since between two decisions most of them do not change."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    def of(self, state: ClusterState, now: float) -> list[Allocation]:
        """Every session that holds capacity."""
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
        if known.end is None:
            return known.allocation
        return replace(known.allocation, eta_seconds=max(0.0, known.end - now))


@dataclass(frozen=True, slots=True)
class _Known:
    """A session's allocation, and all that it was made from: values that are replaced, never changed."""

    session: Session
    jobs: Mapping[int, Job]
    pods: Mapping[str, Pod]
    assumed: Assumed | None
    allocation: Allocation
    end: float | None
    """When the attempt ends at its step rate."""

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
    """Nodes, what is free on them, allocations and `waiting`."""
    return Snapshot(
        nodes=state.nodes,
        free=free_resources(state),
        runtimes=config.runtimes,
        queues=state.rules,
        allocations=tuple(allocations.of(state, now)),
        waiting=waiting,
        policy=config.policy,
    )


def free_resources(state: ClusterState) -> dict[str, ResourceVector]:
    """Free on each usable node: allocatable − live pods, ours or not − workers that are still to come."""
    free = {name: node.allocatable for name, node in state.nodes.items() if node.usable}
    for name in free.keys() & state.taken.keys():
        free[name] = minus(free[name], state.taken[name])
    _subtract_pending(free, state)
    for uid, assumed in state.assumed.items():
        if assumed.attempt not in state.jobs_for(uid):
            _take(free, assumed.nodes, assumed.shape.worker)
    return free


def _subtract_pending(free: dict[str, ResourceVector], state: ClusterState) -> None:
    """Take what pods will take that are not on a node yet, as far as the watches show."""
    # Also Jobs of sessions that are gone: until it is gone itself, a Job may still make its pods.
    for pending_workers in state.pending_workers.values():
        for workers in pending_workers:
            _take(free, workers.nodes, workers.worker)
    # A pod without node whose Job is over may have got its node already, which only the watch does not show yet.
    for pod in state.unbound.values():
        its_job = state.jobs.get(pod.job_uid)
        if its_job is None or its_job.finished:
            _take(free, pod.meant, pod.amount)


def _take(free: dict[str, ResourceVector], nodes: tuple[str, ...], worker: ResourceVector) -> None:
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
    limit = None
    if spec.max_runtime is not None and started is not None:
        limit = started + max(0, spec.max_runtime - status.run_seconds)
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
        limit=limit,
        backfilled=job.backfilled if job is not None else False,
    )


def _end(session: Session, attempt: int) -> float | None:
    status = session.status
    if status.eta_seconds is None or status.eta_at is None or status.progress_attempt != attempt:
        return None
    return status.eta_at + status.eta_seconds
