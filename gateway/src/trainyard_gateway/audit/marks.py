"""Deletions of a session's Job and pods that its status tells of. Pure.

The gateway does not follow Jobs and pods. The operator does, and says in the session's status that
one was deleted, but not by whom.
"""

from __future__ import annotations

from typing import Final

from trainyard_api import timestamps
from trainyard_api.phase import FailureClass
from trainyard_gateway.audit.event import AuditEvent, AuditKind, AuditVerb, Channel
from trainyard_kube import Json

_COMPARED: Final = ("class", "reason", "attempt", "time")
POD_DELETED: Final = "PodDeleted"
"""The operator's word where a pod is being deleted, and nothing says why."""


def job_events(body: Json, now: int) -> list[AuditEvent]:
    """The deletions; each has the same mark whenever it is seen."""
    status = body.get("status") or {}
    failure, disruption = status.get("failure") or {}, status.get("disruption") or {}
    found = []
    if failure.get("class") == FailureClass.JOB_DELETED:
        found.append(_deletion(body, AuditKind.JOB, failure, now))
    if disruption.get("reason") == POD_DELETED:
        found.append(_deletion(body, AuditKind.POD, disruption, now))
    return found


def job_marks(body: Json) -> tuple[object, ...]:
    """What is compared to see whether `job_events` has something new."""
    status = body.get("status") or {}
    failure, disruption = status.get("failure") or {}, status.get("disruption") or {}
    return tuple(part.get(name) for part in (failure, disruption) for name in _COMPARED)


def _deletion(body: Json, kind: AuditKind, what: Json, now: int) -> AuditEvent:
    uid, attempt = body["metadata"]["uid"], what.get("attempt")
    seconds = timestamps.parse_seconds(what.get("time"))
    return AuditEvent(
        time=now if seconds is None else int(seconds * 1_000_000),
        verb=AuditVerb.DELETE,
        kind=kind,
        object=body["metadata"]["name"],
        channel=Channel.KUBECTL,
        uid=uid,
        detail=f"of attempt {attempt}",
        mark=f"{uid}:{kind}:{attempt}",
    )
