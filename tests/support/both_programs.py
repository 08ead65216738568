"""Operator and gateway asked about the same objects: what the status of a new session will be, and what the estimate says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from cluster_objects import NOW, Json, meta
from operator_state import CONFIG

from trainyard_api import timestamps
from trainyard_api.limits.published import PublishedLimits
from trainyard_api.phase import Reason
from trainyard_api.session.training_session import TrainingSession
from trainyard_gateway.errors import Unprocessable
from trainyard_gateway.estimates.estimate import estimate
from trainyard_gateway.sessions.request import parse
from trainyard_kube import KubeClient, KubeConfig
from trainyard_operator.core.actions import CreateJob, PatchStatus
from trainyard_operator.core.decide import decide
from trainyard_operator.informer import Informer
from trainyard_scheduler.objects.load import ClusterObjects, load
from trainyard_scheduler.objects.store import ClusterState

FOUND = {"state": "Found", "file": "1/d.csv", "format": "csv", "sha256": "0" * 64}
KINDS = ("nodes", "pods", "jobs", "queues", "sessions")
REFUSED = frozenset({Reason.UNKNOWN_RUNTIME, Reason.UNKNOWN_QUEUE})
IMPOSSIBLE = frozenset({Reason.NEVER_FITS, Reason.EXCEEDS_QUEUE_LIMIT})


@dataclass(frozen=True)
class Answer:
    """What is said of a new session."""

    possible: bool = True
    starts_now: bool = False
    reason: str | None = None
    message: str | None = None
    position: int | None = None
    ahead: tuple[int, int] | None = None
    """Sessions and GPUs."""
    earliest: str | None = None
    latest: str | None = None


Objects = Mapping[str, Iterable[Json]]


def created(request: Json, user: str, version: int, now: float) -> Json:
    """The session of a start request, as the API server has it a moment after its creation.

    The gateway has looked up its dataset by then.
    """
    name, spec = parse(request, None)
    raw = TrainingSession.new(name, "ns", spec).manifest()
    raw["metadata"] |= meta(name, version, labels={"trainyard.io/user": user}) | {
        "uid": "uid-of-the-new-one",
        "creationTimestamp": timestamps.to_seconds_text(now),
    }
    if spec.dataset is not None:
        raw["status"] = {"dataset": FOUND | {"name": spec.dataset}}
    return raw


def gateway_says(
    objects: Objects,
    request: Json,
    user: str = "",
    now: float = NOW,
    limits: PublishedLimits | None = None,
) -> Answer:
    """The gateway's answer to POST /training/estimate."""
    name, spec = parse(request, None)
    labels = {"trainyard.io/user": user}
    try:
        found = estimate(_listed(objects, limits), name, spec, labels, CONFIG.installation, now)
    except Unprocessable as refusal:
        return Answer(possible=False, message=str(refusal))
    start = found.estimated_start
    if found.starts_now:
        return Answer(starts_now=True)
    return Answer(
        possible=found.possible,
        reason=found.reason,
        message=found.message,
        position=found.position,
        ahead=(found.ahead.sessions, found.ahead.gpus) if found.ahead else None,
        earliest=start.earliest if start else None,
        latest=start.latest if start else None,
    )


def gateway_state(objects: Objects) -> ClusterState:
    """The cluster as the gateway reads it."""
    return load(_listed(objects), CONFIG.installation)


def _listed(objects: Objects, limits: PublishedLimits | None = None) -> ClusterObjects:
    nodes, pods, jobs, queues, sessions = (objects.get(kind, ()) for kind in KINDS)
    return ClusterObjects(nodes, pods, jobs, queues, sessions, limits)


def operator_state(objects: Objects) -> ClusterState:
    """The cluster as the operator reads it."""
    informer = Informer(KubeClient(KubeConfig("http://nowhere")), CONFIG, lambda: None)
    for kind in KINDS:
        for raw in objects.get(kind, ()):
            informer.absorb(kind, raw)
    return informer.state


def operator_says(
    objects: Objects, new: Json, now: float = NOW, limits: PublishedLimits | None = None
) -> Answer:
    """What the operator's first decision after the creation of `new` does about it."""
    state = operator_state({**objects, "sessions": [*objects.get("sessions", ()), new]})
    state.limits = limits
    uid = new["metadata"]["uid"]
    writes = [w for w in decide(state, now, CONFIG).writes if w.uid == uid]
    if any(isinstance(w, CreateJob) for w in writes):
        return Answer(starts_now=True)
    [write] = writes
    assert isinstance(write, PatchStatus)
    return _from_status(orjson.loads(orjson.dumps(write.patch["status"])))


def _from_status(status: dict[str, Any]) -> Answer:
    queue = status.get("queue")
    if queue is not None and "position" in queue:
        start = queue.get("estimatedStart", {})
        return Answer(
            reason=queue["reason"],
            message=queue["message"],
            position=queue["position"],
            ahead=(queue["ahead"]["sessions"], queue["ahead"]["gpus"]),
            earliest=start.get("earliest"),
            latest=start.get("latest"),
        )
    conditions = {c["type"]: c for c in status["conditions"]}
    accepted = conditions["Accepted"]
    reason = accepted["reason"]
    if accepted["status"] == "False" and reason in REFUSED:
        return Answer(possible=False, message=accepted["message"])
    if accepted["status"] == "False" and reason in IMPOSSIBLE:
        return Answer(possible=False, reason=reason, message=accepted["message"])
    return Answer(reason=conditions["Admitted"]["reason"], message=status["message"])
