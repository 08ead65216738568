"""What the bot sends unasked about a session. Pure; `answers` lists the guarantees."""

from __future__ import annotations

from enum import StrEnum, auto
from types import MappingProxyType
from typing import Final

from trainyard.models import Session
from trainyard_bot.text import sessions
from trainyard_bot.text.formats import LocalTime, duration, name_of


class NoticeKind(StrEnum):
    """What happened to a session."""

    SUCCEEDED = auto()
    FAILED = auto()
    ENDED = auto()
    """Stopped or cancelled."""
    SOON = auto()
    """Expected to start soon."""
    STALLED = auto()
    """No step for too long."""
    RESTARTED = auto()
    """A new attempt begins after a stall."""


_HEADLINES: Final = MappingProxyType(
    {
        NoticeKind.SUCCEEDED: "🎉 {} is done.",
        NoticeKind.FAILED: "🆘 {} failed.",
        NoticeKind.ENDED: "🏁 {} has ended.",
    }
)


def notice(kind: NoticeKind, session: Session, local: LocalTime) -> str:
    """The message of a notice; about an end it holds the session's own message as well."""
    name = f"<b>{name_of(session.name)}</b>"
    if kind is NoticeKind.SOON:
        queue = session.status.queue
        when = sessions.start_interval(queue.estimated_start, local) if queue else ""
        return f"🔔 {name} starts soon: {when or 'any minute'}."
    if kind is NoticeKind.STALLED:
        return _stalled(session, local)
    if kind is NoticeKind.RESTARTED:
        return f"🐌 {name} made no step for too long. It restarts from its last checkpoint."
    return _HEADLINES[kind].format(name) + "\n" + sessions.session(session, local)


def _stalled(session: Session, local: LocalTime) -> str:
    progress = session.status.progress
    last = progress.last_step_time if progress else None
    since = f" for {duration(-local.until(last))}" if last else ""
    timeout = session.spec.stall_timeout_seconds
    if timeout:
        consequence = f"It is restarted after {duration(timeout)} without a step."
    else:
        consequence = (
            "It has no stallTimeoutSeconds, so it is not restarted: look at /logs, or /stop it."
        )
    return f"🐌 <b>{name_of(session.name)}</b> has made no step{since}. {consequence}"
