"""Which notices are due for a session. Pure: session, announced notices and time in, notices out.

Guarantees:

- A notice has a key; an announced key is never due again. Keys name the attempt if the same can
  happen in each.
- The notice about the end is due until it was announced: none is lost.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from trainyard.models import Session
from trainyard_api.phase import FailureClass, Phase
from trainyard_bot.text.formats import aware
from trainyard_bot.text.notices import NoticeKind

ENDS: Final[Mapping[str, NoticeKind]] = MappingProxyType(
    {
        Phase.SUCCEEDED: NoticeKind.SUCCEEDED,
        Phase.FAILED: NoticeKind.FAILED,
        Phase.STOPPED: NoticeKind.ENDED,
        Phase.CANCELLED: NoticeKind.ENDED,
    }
)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to announce; `key` is unique within the session."""

    kind: NoticeKind
    key: str


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a notice is due.

    `soon_seconds`: largest time to the earliest expected start. `stalled_seconds`: smallest time
    without a step.
    """

    soon_seconds: float = 600
    stalled_seconds: float = 600


def due(
    session: Session, announced: Collection[str], now: datetime, thresholds: Thresholds
) -> list[Notice]:
    """The notices about `session` whose keys are not in `announced`, most important first."""
    end = ENDS.get(session.phase)
    found = [Notice(end, "end")] if end else _before_the_end(session, now, thresholds)
    return [notice for notice in found if notice.key not in announced]


def _before_the_end(session: Session, now: datetime, thresholds: Thresholds) -> list[Notice]:
    found = []
    if session.phase == Phase.QUEUED:
        found = _soon(session, now, thresholds)
    elif session.phase == Phase.RUNNING:
        found = _stalled(session, now, thresholds)
    failure = session.status.failure
    if failure and failure.failure_class == FailureClass.STALLED:
        found.append(Notice(NoticeKind.RESTARTED, f"restarted:{failure.attempt or 0}"))
    return found


def _soon(session: Session, now: datetime, thresholds: Thresholds) -> list[Notice]:
    queue = session.status.queue
    start = queue.estimated_start if queue else None
    if start is None or start.earliest is None:
        return []
    if (aware(start.earliest) - now).total_seconds() > thresholds.soon_seconds:
        return []
    return [Notice(NoticeKind.SOON, f"soon:{session.status.attempt or 0}")]


def _stalled(session: Session, now: datetime, thresholds: Thresholds) -> list[Notice]:
    """No step for too long. Before the first step, the start of the attempt counts."""
    status = session.status
    progress = status.progress
    last_step = progress.last_step_time if progress else None
    last = last_step or status.attempt_start_time or status.start_time
    if last is None or (now - aware(last)).total_seconds() < thresholds.stalled_seconds:
        return []
    step = progress.step if progress and progress.step is not None else 0
    return [Notice(NoticeKind.STALLED, f"stalled:{status.attempt or 0}:{step}")]
