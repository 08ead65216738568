"""Which Kubernetes Event a change of a session's status gets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from trainyard_api.phase import ConditionType, EventReason, Phase, Reason
from trainyard_operator.core.actions import Event
from trainyard_operator.core.session_state import SessionState
from trainyard_scheduler.objects.model import Session

_REASONS: Final = {
    Phase.QUEUED: EventReason.QUEUED,
    Phase.RUNNING: EventReason.RUNNING,
    Phase.SUSPENDING: EventReason.PREEMPTED,
    Phase.SUSPENDED: EventReason.SUSPENDED,
    Phase.SUCCEEDED: EventReason.SUCCEEDED,
    Phase.FAILED: EventReason.FAILED,
    Phase.STOPPED: EventReason.STOPPED,
    Phase.CANCELLED: EventReason.CANCELLED,
}


def event_for(
    session: Session, found: SessionState, current: Mapping[str, Any], wanted: Mapping[str, Any]
) -> Event | None:
    """The Event for the change from the session's status to `found`; None if it gets none.

    `current` is the status as it is, `wanted` the one that will be written.
    """
    old, new = session.status.phase, found.phase
    if old == new:
        return _while_running(found, current) if new == Phase.RUNNING else None
    if new == Phase.QUEUED and found.reason == Reason.WAITING_FOR_RETRY:
        return Event(EventReason.RETRYING, found.message, warning=True)
    if new == Phase.SUSPENDING and found.reason == Reason.DISRUPTED:
        return Event(EventReason.DISRUPTED, found.message, warning=True)
    if new == Phase.SUSPENDING and found.reason not in (Reason.PREEMPTED, Reason.BUDGET_SPENT):
        return None
    attempt = wanted.get("attempt")
    if new == Phase.STARTING:
        return Event(EventReason.ADMITTED, f"Attempt {attempt} got its GPUs.")
    if new == Phase.RUNNING and attempt != 1:
        return Event(EventReason.RESUMED, f"Attempt {attempt} runs.")
    reason = _REASONS.get(new)
    return Event(reason, found.message, warning=new == Phase.FAILED) if reason else None


def _while_running(found: SessionState, current: Mapping[str, Any]) -> Event | None:
    """The Event for a node that falls silent below a running session, or answers again."""
    troubled, before = (
        found.reason == Reason.NODE_NOT_READY,
        _reason(current, ConditionType.RUNNING),
    )
    if troubled == (before == Reason.NODE_NOT_READY):
        return None
    if troubled:
        return Event(EventReason.NODE_NOT_READY, found.message, warning=True)
    if "failure" in found.changes:
        # The mark is gone, but so are its pods.
        return None
    return Event(EventReason.NODE_READY, EventReason.NODE_READY.sentence)


def _reason(status: Mapping[str, Any], kind: ConditionType) -> str:
    """The reason of a condition in a status; empty without it."""
    conditions = status.get("conditions")
    for condition in conditions if isinstance(conditions, list) else ():
        if isinstance(condition, dict) and condition.get("type") == kind.value:
            return str(condition.get("reason") or "")
    return ""
