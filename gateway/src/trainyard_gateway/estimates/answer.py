"""The answer to a what-if."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from trainyard_api.model import FieldError, OpenModel
from trainyard_api.phase import Reason
from trainyard_gateway.errors import Unprocessable
from trainyard_scheduler.facts import Request
from trainyard_scheduler.forecast import Standing, what_if
from trainyard_scheduler.resources import copies
from trainyard_scheduler.snapshot import Snapshot


class Ahead(OpenModel):
    """Those who would go first."""

    sessions: int
    """Sessions of the same queue that are ahead."""
    gpus: int
    """GPUs that they ask for."""


class Interval(OpenModel):
    """When it would start, as far as it can be known."""

    earliest: str | None = None
    """If running sessions end as their step rates say."""
    latest: str | None = None
    """If they all run until their limits; absent where one has none."""


class Estimate(OpenModel):
    """Where a session would stand a moment after its creation."""

    possible: bool
    """Whether it could ever run here; if not, `message` says why."""
    starts_now: bool = False
    """Whether it would start at once."""
    queue: str
    """Its queue."""
    gpus: int
    """GPUs that it asks for, over all workers."""
    position: int | None = None
    """1 is next in its queue."""
    ahead: Ahead | None = None
    """Those before it."""
    reason: str | None = None
    """Why it would wait, as in status.queue.reason; absent when it starts now."""
    message: str
    """The same in a sentence."""
    estimated_start: Interval | None = None
    """When it would start; absent when nothing is known."""


_WAITS: Mapping[Reason, str] = {
    Reason.WAITING_FOR_GPUS: "It would wait until enough GPUs are free together.",
    Reason.WAITING_FOR_RESOURCES: "It would wait: GPUs are free, but without enough CPU or memory beside them.",
    Reason.WAITING_FOR_TURN: "It would wait until those before it have started.",
    Reason.WAITING_FOR_QUOTA: "It would wait until its queue's quota has room.",
    Reason.WAITING_FOR_USER_LIMIT: "It would wait until another session of the same user has ended.",
    Reason.QUEUE_PAUSED: "It would wait until an administrator opens its queue again.",
    Reason.RESERVED_FOR_OTHER: "It would wait: what is free is kept for a session that has waited longer.",
}


def estimate(cluster: Snapshot, request: Request, now: float) -> Estimate:
    """The answer for one request. Raises Unprocessable for a queue that is not there."""
    rules = cluster.queues.get(request.queue)
    if rules is None:
        known = ", ".join(sorted(cluster.queues)) or "none"
        message = f"there is no queue {request.queue!r}; there are: {known}"
        raise Unprocessable(message, [FieldError("queue", message)])
    gpus = request.shape.gpus
    most = rules.max_gpus_per_session
    if most is not None and gpus > most:
        return _never(
            request, f"A session of queue {request.queue!r} may ask for {most} GPUs at most."
        )
    if _room(cluster, request) < request.shape.workers:
        return _never(
            request,
            "Even with everything free its workers fit on no set of nodes; ask for fewer GPUs, less CPU or less memory per worker.",
        )
    return _standing(request, what_if(cluster, request, now), now)


def _room(cluster: Snapshot, request: Request) -> int:
    """Workers that would fit if nobody else were there."""
    eligible = cluster.eligible(request.shape.runtime)
    return sum(copies(cluster.nodes[n].allocatable, request.shape.worker) for n in eligible)


def _never(request: Request, message: str) -> Estimate:
    return Estimate(possible=False, queue=request.queue, gpus=request.shape.gpus, message=message)


def _standing(request: Request, found: Standing, now: float) -> Estimate:
    starts = found.earliest is not None and found.earliest <= now
    known = found.earliest is not None or found.latest is not None
    return Estimate(
        possible=True,
        starts_now=starts,
        queue=request.queue,
        gpus=request.shape.gpus,
        position=found.position,
        ahead=Ahead(sessions=found.ahead_sessions, gpus=found.ahead_gpus),
        reason=None if starts else found.reason.value,
        message="It would start at once."
        if starts
        else _WAITS.get(found.reason, "It would wait for its turn."),
        estimated_start=Interval(earliest=_text(found.earliest), latest=_text(found.latest))
        if known
        else None,
    )


def _text(moment: float | None) -> str | None:
    if moment is None:
        return None
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
