"""Which Event a change of phase deserves."""

from __future__ import annotations

from typing import Any

from trainyard_api.phase import EventReason, Phase, Reason
from trainyard_operator.core.actions import Note
from trainyard_operator.core.verdict import Verdict
from trainyard_scheduler.objects.model import Session


def note_of(session: Session, verdict: Verdict, wanted: dict[str, Any]) -> Note | None:
    """The Event for the change from the session's phase to the verdict's, None when there is nothing to tell."""
    old, new = session.seen.phase, verdict.phase
    if old == new:
        return None
    if new == Phase.QUEUED and verdict.reason == Reason.WAITING_FOR_RETRY:
        return Note(EventReason.RETRYING, verdict.message, warning=True)
    if new == Phase.SUSPENDING and verdict.reason != Reason.PREEMPTED:
        return None
    attempt = wanted.get("attempt")
    if new == Phase.STARTING:
        return Note(EventReason.ADMITTED, f"Attempt {attempt} got its GPUs.")
    if new == Phase.RUNNING and attempt != 1:
        return Note(EventReason.RESUMED, f"Attempt {attempt} runs.")
    reason = _REASONS.get(new)
    return Note(reason, verdict.message, warning=new == Phase.FAILED) if reason else None


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
