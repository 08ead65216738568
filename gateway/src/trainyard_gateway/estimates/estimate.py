"""What would become of a session that does not exist yet. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from trainyard_api import timestamps
from trainyard_api.model import FieldError, OpenModel
from trainyard_api.phase import Reason
from trainyard_api.session.datasets import named_datasets
from trainyard_api.session.spec import TrainingSessionSpec
from trainyard_api.session.training_session import TrainingSession
from trainyard_gateway.errors import Unprocessable
from trainyard_scheduler.admissibility import Admissibility
from trainyard_scheduler.forecast import QueuePosition, forecast_session
from trainyard_scheduler.objects import parse
from trainyard_scheduler.objects.installation import InstallationConfig
from trainyard_scheduler.objects.load import ClusterObjects, load
from trainyard_scheduler.objects.model import InvalidSession, Session
from trainyard_scheduler.objects.store import ClusterState

NEW_UID = "estimate"
"""UID of the session that does not exist."""
STARTS_NOW = "It would start at once."


class Ahead(OpenModel):
    """Those who would go first."""

    sessions: int
    """Sessions of the same queue that are ahead."""
    gpus: int
    """GPUs that they ask for."""


class Interval(OpenModel):
    """When it would start, as far as it can be known."""

    earliest: str | None = None
    """If sessions end as their step rates say, or as soon as those like them did."""
    latest: str | None = None
    """If they run until their limits, or as long as nine in ten like them; absent if unknown."""


class Estimate(OpenModel):
    """Where a session would stand a moment after its creation."""

    possible: bool
    """Whether it could ever run here; if not, `reason` and `message` say why."""
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
    """Why it would wait or never run, as in the session's status; absent when it starts now."""
    message: str
    """The same in a sentence."""
    estimated_start: Interval | None = None
    """When it would start; absent when nothing is known."""


def estimate(  # noqa: PLR0913  # the session, the cluster and the time
    objects: ClusterObjects,
    name: str,
    spec: TrainingSessionSpec,
    labels: Mapping[str, str],
    config: InstallationConfig,
    now: float,
    resume_uid: str | None = None,
) -> Estimate:
    """The answer for a session that would be created at `now`, in seconds since the epoch.

    `labels` say whose it would be.
    `resume_uid`: of the session that resumeFrom names, if `user` may see it. A dataset that it
    names counts as registered, since without it the gateway would refuse to create the session.
    Raises Unprocessable for a runtime or a queue that does not exist.
    """
    state = load(objects, config)
    session = new_session(name, spec, labels, state, config, now, resume_uid)
    state.put_session(session)
    found = forecast_session(state, session.uid, config, now)
    queue, gpus = spec.queue, session.spec.shape.gpus
    if not found.admissibility.ok:
        _refuse_unknown(found.admissibility)
        return Estimate(
            possible=False,
            queue=queue,
            gpus=gpus,
            reason=found.admissibility.reason.value,
            message=found.admissibility.message,
        )
    if found.position is None:
        reason, message = found.readiness.reason, found.readiness.message
        return Estimate(possible=True, queue=queue, gpus=gpus, reason=reason.value, message=message)
    return _in_queue(queue, gpus, found.position, starts_now=found.starts_now)


def new_session(  # noqa: PLR0913  # the session, the cluster and the time
    name: str,
    spec: TrainingSessionSpec,
    labels: Mapping[str, str],
    state: ClusterState,
    config: InstallationConfig,
    now: float,
    resume_uid: str | None = None,
) -> Session:
    """The session right after its creation, newer than every object in `state`."""
    raw = TrainingSession.new(name, "", spec).manifest()
    raw["metadata"] |= {
        "uid": NEW_UID,
        "resourceVersion": str(state.newest_version() + 1),
        "generation": 1,
        "creationTimestamp": timestamps.to_seconds_text(now),
        "labels": dict(labels),
    }
    facts = {"state": "Found", "file": "unknown/unknown", "format": "unknown", "sha256": ""}
    found = [facts | {"name": named} for named in named_datasets(raw["spec"])]
    raw["status"] = {"datasets": found}
    if resume_uid is not None:
        raw["status"]["resumeSource"] = {"uid": resume_uid}
    session = parse.session(raw, config)
    if isinstance(session, InvalidSession):
        raise Unprocessable(session.why)
    return session


def _refuse_unknown(found: Admissibility) -> None:
    field = {Reason.UNKNOWN_RUNTIME: "runtime", Reason.UNKNOWN_QUEUE: "queue"}.get(found.reason)
    if field is not None:
        raise Unprocessable(found.message, [FieldError(field, found.message)])


def _in_queue(queue: str, gpus: int, found: QueuePosition, *, starts_now: bool) -> Estimate:
    start = None
    if found.earliest is not None or found.latest is not None:
        start = Interval(earliest=_text(found.earliest), latest=_text(found.latest))
    return Estimate(
        possible=True,
        starts_now=starts_now,
        queue=queue,
        gpus=gpus,
        position=found.position,
        ahead=Ahead(sessions=found.ahead_sessions, gpus=found.ahead_gpus),
        reason=None if starts_now else found.reason.value,
        message=STARTS_NOW if starts_now else found.message,
        estimated_start=start,
    )


def _text(time: float | None) -> str | None:
    return None if time is None else timestamps.to_seconds_text(time)
