"""Which Kubernetes Event a change of phase gets."""

from __future__ import annotations

from typing import Any, Final

from trainyard_api.phase import EventReason, Phase, Reason
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


def event_for(session: Session, found: SessionState, wanted: dict[str, Any]) -> Event | None:
    """The Event for the change from the session's phase to `found`; None if the change gets none.

    `wanted` is the status that will be written.
    """
    old, new = session.status.phase, found.phase
    if old == new:
        return None
    if new == Phase.QUEUED and found.reason == Reason.WAITING_FOR_RETRY:
        return Event(EventReason.RETRYING, found.message, warning=True)
    if new == Phase.SUSPENDING and found.reason != Reason.PREEMPTED:
        return None
    attempt = wanted.get("attempt")
    if new == Phase.STARTING:
        return Event(EventReason.ADMITTED, f"Attempt {attempt} got its GPUs.")
    if new == Phase.RUNNING and attempt != 1:
        return Event(EventReason.RESUMED, f"Attempt {attempt} runs.")
    reason = _REASONS.get(new)
    return Event(reason, found.message, warning=new == Phase.FAILED) if reason else None
