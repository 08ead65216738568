"""Which Event a change of phase deserves."""

from __future__ import annotations

from typing import Any

from trainyard_api.phase import EventReason, Phase, Reason
from trainyard_operator.core.actions import Event
from trainyard_operator.core.session_state import SessionState
from trainyard_scheduler.objects.model import Session


def event_for(session: Session, verdict: SessionState, wanted: dict[str, Any]) -> Event | None:
    """The Event for the change from the session's phase to the verdict's, None when there is nothing to tell."""
    old, new = session.status.phase, verdict.phase
    if old == new:
        return None
    if new == Phase.QUEUED and verdict.reason == Reason.WAITING_FOR_RETRY:
        return Event(EventReason.RETRYING, verdict.message, warning=True)
    if new == Phase.SUSPENDING and verdict.reason != Reason.PREEMPTED:
        return None
    attempt = wanted.get("attempt")
    if new == Phase.STARTING:
        return Event(EventReason.ADMITTED, f"Attempt {attempt} got its GPUs.")
    if new == Phase.RUNNING and attempt != 1:
        return Event(EventReason.RESUMED, f"Attempt {attempt} runs.")
    reason = _REASONS.get(new)
    return Event(reason, verdict.message, warning=new == Phase.FAILED) if reason else None


_REASONS = {
    Phase.QUEUED: EventReason.QUEUED,
    Phase.RUNNING: EventReason.RUNNING,
    Phase.SUSPENDING: EventReason.PREEMPTED,
    Phase.SUSPENDED: EventReason.SUSPENDED,
    Phase.SUCCEEDED: EventReason.SUCCEEDED,
    Phase.FAILED: EventReason.FAILED,
    Phase.STOPPED: EventReason.STOPPED,
    Phase.CANCELLED: EventReason.CANCELLED,
}
