"""A session's state → the operator's part of the status, and the merge patch that leads to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from trainyard_api import timestamps
from trainyard_api.phase import SETTLED, TERMINAL, ConditionType, Phase, Reason
from trainyard_operator.core.session_state import SessionState
from trainyard_scheduler.admissibility import Admissibility
from trainyard_scheduler.objects import fields
from trainyard_scheduler.objects.model import InvalidSession, Session
from trainyard_scheduler.readiness import missing_dataset

Status = dict[str, Any]

MESSAGE_LENGTH = 1024
"""The custom resource takes no longer message."""


def render(
    session: Session,
    found: SessionState,
    admissibility: Admissibility,
    queue: Mapping[str, Any] | None,
    now: float,
) -> tuple[Status, Status]:
    """The operator's part of the status: (as it is, as it should be).

    `queue` is `status.queue` of a session that waits; None leaves the field as it is. `now` is in
    seconds since the epoch.
    """
    current: Status = orjson.loads(session.status.own)
    if session.status.phase in TERMINAL:
        return current, _observed(current, session.generation)
    wanted = {**current, **{k: v for k, v in found.changes.items() if v is not None}}
    for name, value in found.changes.items():
        if value is None:
            wanted.pop(name, None)
    wanted["phase"] = found.phase.value
    wanted["message"] = found.message[:MESSAGE_LENGTH]
    wanted["observedGeneration"] = session.generation
    wanted["gpus"] = session.spec.shape.gpus
    for name in ("failure", "disruption"):
        _keep_time(name, current, wanted, now)
    if found.phase != Phase.QUEUED:
        wanted.pop("queue", None)
    elif queue is not None:
        wanted["queue"] = dict(queue)
    wanted["reason"], _ = _why(found, wanted.get("queue"))
    conditions = _conditions(session, found, admissibility, wanted.get("queue"))
    wanted["conditions"] = _merged(current.get("conditions"), conditions, session.generation, now)
    return current, wanted


def _observed(current: Status, generation: int) -> Status:
    """The status of a session that has ended: only the generation that was seen follows."""
    return {**current, "observedGeneration": generation}


def render_invalid(item: InvalidSession, now: float) -> tuple[Status, Status]:
    """(as it is, as it should be) for a session whose spec cannot be used.

    `now` is in seconds since the epoch.
    """
    current: Status = orjson.loads(item.own)
    if fields.text(current.get("phase")) in TERMINAL:
        return current, _observed(current, item.generation)
    message = f"The spec cannot be used: {item.why}"[:MESSAGE_LENGTH]
    why = (Reason.INVALID_SPEC, message)
    conditions: list[Condition] = [
        (ConditionType.ACCEPTED, "False", *why),
        (ConditionType.READY, "False", *why),
        (ConditionType.STALLED, "True", *why),
    ]
    wanted = {
        **current,
        "phase": Phase.PENDING.value,
        "message": message,
        "reason": Reason.INVALID_SPEC.value,
        "observedGeneration": item.generation,
        "conditions": _merged(current.get("conditions"), conditions, item.generation, now),
    }
    return current, wanted


def merge_patch(current: Mapping[str, Any], wanted: Mapping[str, Any]) -> Status:
    """The JSON merge patch (RFC 7386) from `current` to `wanted`; {} when they are equal."""
    patch: Status = {}
    for name, value in wanted.items():
        old = current.get(name)
        if old == value:
            continue
        if isinstance(old, dict) and isinstance(value, dict):
            patch[name] = merge_patch(old, value)
        else:
            patch[name] = value
    patch.update({name: None for name in current if name not in wanted})
    return patch


def _keep_time(name: str, current: Status, wanted: Status, now: float) -> None:
    """Keep when a part of the status that is about one attempt was first written."""
    new, old = wanted.get(name), current.get(name)
    if not isinstance(new, dict):
        return
    same = isinstance(old, dict) and old.get("attempt") == new.get("attempt")
    time = old.get("time") if same and isinstance(old, dict) else None
    wanted[name] = {**new, "time": time or timestamps.to_seconds_text(now)}


Condition = tuple[ConditionType, str, str, str]
"""Type, status, reason, message."""

_NOT_THERE = (
    Reason.RESUME_SOURCE_NOT_FOUND,
    Reason.SECRET_NOT_RELEASED,
    Reason.CODE_NOT_FOUND,
)
_DATASET_REASONS = (Reason.DATASET_NOT_FOUND, Reason.DATASET_UNKNOWN_YET)


def _conditions(
    session: Session,
    found: SessionState,
    admissibility: Admissibility,
    queue: Mapping[str, Any] | None,
) -> list[Condition]:
    phase, (reason, message) = found.phase, _why(found, queue)
    conditions: list[Condition] = [_accepted(found, admissibility), _dataset(session, found)]
    admitted = phase in (Phase.STARTING, Phase.RUNNING)
    why = Reason.ADMITTED if admitted else reason
    conditions.append((ConditionType.ADMITTED, _truth(admitted), why, "" if admitted else message))
    running = _truth(phase == Phase.RUNNING)
    if found.reason == Reason.NODE_NOT_READY:
        running = "Unknown"
    conditions.append((ConditionType.RUNNING, running, reason, message))
    if phase == Phase.SUCCEEDED:
        conditions.append((ConditionType.COMPLETE, "True", Reason.SUCCEEDED, message))
    if phase == Phase.FAILED:
        conditions.append((ConditionType.FAILED, "True", reason, message))
    conditions.append((ConditionType.READY, _truth(phase in SETTLED), reason, message))
    if phase == Phase.FAILED:
        conditions.append((ConditionType.STALLED, "True", reason, message))
    return conditions


def _why(found: SessionState, queue: Mapping[str, Any] | None) -> tuple[str, str]:
    """Why it is in its phase: in one word, and as a sentence."""
    reason, message = str(found.reason), found.message
    if found.phase == Phase.QUEUED and queue is not None:
        reason = str(queue.get("reason") or reason)
        message = str(queue.get("message") or message)
    return reason, message


def _accepted(found: SessionState, admissibility: Admissibility) -> Condition:
    if found.reason in _NOT_THERE:
        return (ConditionType.ACCEPTED, "False", str(found.reason), found.message)
    return (
        ConditionType.ACCEPTED,
        _truth(admissibility.ok),
        admissibility.reason,
        admissibility.message,
    )


def _dataset(session: Session, found: SessionState) -> Condition:
    named = session.spec.datasets
    if not named:
        return (ConditionType.DATASET_READY, "True", Reason.NO_DATASET_NEEDED, "")
    if found.reason == Reason.DATASET_DOES_NOT_FIT:
        return (ConditionType.DATASET_READY, "False", str(found.reason), found.message)
    missing = missing_dataset(session)
    if missing is None:
        message = f"The dataset {named[0]!r} is registered."
        if len(named) > 1:
            message = f"The {len(named)} datasets are registered."
        return (ConditionType.DATASET_READY, "True", Reason.DATASET_FOUND, message)
    absent = missing[1] == "NotFound"
    reason = Reason.DATASET_NOT_FOUND if absent else Reason.DATASET_UNKNOWN_YET
    message = found.message if found.reason in _DATASET_REASONS else ""
    return (ConditionType.DATASET_READY, "False" if absent else "Unknown", reason, message)


def _truth(value: bool) -> str:
    return "True" if value else "False"


def _merged(
    current: object, conditions: list[Condition], generation: int, now: float
) -> list[Status]:
    """Conditions as they are written; lastTransitionTime is kept where the status is the same."""
    known = {
        c["type"]: c
        for c in (current if isinstance(current, list) else ())
        if isinstance(c, dict) and isinstance(c.get("type"), str)
    }
    merged: list[Status] = []
    for kind, truth, reason, message in conditions:
        old = known.get(kind.value)
        same = old is not None and old.get("status") == truth and old.get("lastTransitionTime")
        merged.append(
            {
                "type": kind.value,
                "status": truth,
                "reason": str(reason),
                "message": message[:MESSAGE_LENGTH],
                "lastTransitionTime": old["lastTransitionTime"]
                if old and same
                else timestamps.to_seconds_text(now),
                "observedGeneration": generation,
            }
        )
    return merged
