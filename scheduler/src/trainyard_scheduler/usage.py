"""What is free, and who holds the rest: the `World` as the facts of a scheduling round."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from trainyard_api.phase import Phase
from trainyard_scheduler.facts import Holding
from trainyard_scheduler.objects.installation import Site
from trainyard_scheduler.objects.model import Assumed, Job, Pod, Session, current_attempt
from trainyard_scheduler.objects.store import World, unplaced
from trainyard_scheduler.resources import Amount, minus
from trainyard_scheduler.snapshot import Cluster
from trainyard_scheduler.waiting_queue import WaitingLine


class Holdings:
    """Sessions that hold capacity. Remembers what it found, since between two decisions most of them do not change."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    def of(self, world: World, now: float) -> list[Holding]:
        """Every session that holds capacity."""
        before, self._known = self._known, {}
        return [
            holding
            for uid in world.holders | world.assumed.keys()
            if (holding := self._holding(uid, world, now, before.get(uid))) is not None
        ]

    def _holding(self, uid: str, world: World, now: float, known: _Known | None) -> Holding | None:
        session = world.sessions.get(uid)
        if session is None:
            return None
        jobs, pods, assumed = world.jobs_for(uid), world.pods_for(uid), world.assumed.get(uid)
        if known is None or not known.still(session, jobs, pods, assumed):
            attempt = current_attempt(session, jobs)
            holding = _holding(session, jobs, pods, attempt, assumed)
            known = _Known(session, jobs, pods, assumed, holding, _end(session, attempt))
        self._known[uid] = known
        if known.end is None:
            return known.holding
        return replace(known.holding, eta_seconds=max(0.0, known.end - now))


@dataclass(frozen=True, slots=True)
class _Known:
    """A session's holding, and all that it was made from: values that are replaced, never changed."""

    session: Session
    jobs: Mapping[int, Job]
    pods: Mapping[str, Pod]
    assumed: Assumed | None
    holding: Holding
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


def cluster_of(
    world: World, waiting: Mapping[str, WaitingLine], site: Site, now: float, holdings: Holdings
) -> Cluster:
    """Nodes, what is free on them, holdings and `waiting`."""
    return Cluster(
        nodes=world.nodes,
        free=free_of(world),
        runtimes=site.runtimes,
        queues=world.rules,
        holdings=tuple(holdings.of(world, now)),
        waiting=waiting,
        policy=site.policy,
    )


def free_of(world: World) -> dict[str, Amount]:
    """Free on each usable node: allocatable − live pods, ours or not − workers that are still to come."""
    free = {name: node.allocatable for name, node in world.nodes.items() if node.usable}
    for name in free.keys() & world.taken.keys():
        free[name] = minus(free[name], world.taken[name])
    _take_unseen(free, world)
    for uid, assumed in world.assumed.items():
        if assumed.attempt not in world.jobs_for(uid):
            _take(free, assumed.nodes, assumed.shape.worker)
    return free


def _take_unseen(free: dict[str, Amount], world: World) -> None:
    """Take what pods will take that are not on a node yet, as far as the watches show."""
    # Also Jobs of sessions that are gone: until it is gone itself, a Job may still make its pods.
    for to_come in world.to_come.values():
        for workers in to_come:
            _take(free, workers.nodes, workers.worker)
    # A pod without node whose Job is over may have got its node already, which only the watch does not show yet.
    for pod in world.unbound.values():
        its_job = world.jobs.get(pod.job_uid)
        if its_job is None or its_job.finished:
            _take(free, pod.meant, pod.amount)


def _take(free: dict[str, Amount], nodes: tuple[str, ...], worker: Amount) -> None:
    for name in nodes:
        if name in free:
            free[name] = minus(free[name], worker)


def _holding(
    session: Session,
    jobs: Mapping[int, Job],
    pods: Mapping[str, Pod],
    attempt: int,
    assumed: Assumed | None,
) -> Holding:
    seen, wish = session.seen, session.wish
    job = jobs.get(attempt)
    nodes = [p.node for p in pods.values() if p.node is not None]
    leaving = False
    if job is not None and not job.finished:
        nodes += unplaced(job, pods.values())
        leaving = job.deleting
    elif assumed is not None:
        nodes += assumed.nodes
    else:
        leaving = True
    same = seen.attempt == attempt
    started = seen.attempt_started if same and seen.phase == Phase.RUNNING else None
    leaving = leaving or (same and seen.phase in (Phase.SUSPENDING, Phase.STOPPING))
    limit = None
    if wish.max_runtime is not None and started is not None:
        limit = started + max(0, wish.max_runtime - seen.run_seconds)
    return Holding(
        uid=session.uid,
        queue=wish.queue,
        user=session.user,
        priority=wish.priority,
        queued=seen.queued or session.created,
        shape=wish.shape,
        nodes=tuple(nodes),
        started=started,
        leaving=leaving or (same and seen.failed_attempt == attempt),
        checkpoint=seen.checkpoint if seen.progress_attempt == attempt else None,
        limit=limit,
        backfilled=job.backfilled if job is not None else False,
    )


def _end(session: Session, attempt: int) -> float | None:
    seen = session.seen
    if seen.eta_seconds is None or seen.eta_at is None or seen.progress_attempt != attempt:
        return None
    return seen.eta_at + seen.eta_seconds
