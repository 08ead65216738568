"""Which notices are due for a session."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bot_objects import session

from trainyard.models import Session
from trainyard_bot.notifications.rules import Notice, Thresholds, due
from trainyard_bot.text.notices import NoticeKind

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
LIMITS = Thresholds(soon_seconds=600, stalled_seconds=300)


def later(**delta: float) -> datetime:
    return NOW + timedelta(**delta)


def starts(time: datetime, **status: Any) -> Session:
    return session("Queued", queue={"estimated_start": {"earliest": time}}, **status)


def stepped(time: datetime, step: int = 70, **status: Any) -> Session:
    return session("Running", progress={"step": step, "last_step_time": time}, **status)


STALLED: dict[str, Any] = {"failure_class": "Stalled"}
SOON_0 = Notice(NoticeKind.SOON, "soon:0")

DUE: dict[str, tuple[Session, tuple[str, ...], list[Notice]]] = {
    "succeeded": (session("Succeeded"), (), [Notice(NoticeKind.SUCCEEDED, "end")]),
    "failed": (session("Failed"), (), [Notice(NoticeKind.FAILED, "end")]),
    "stopped": (session("Stopped"), (), [Notice(NoticeKind.ENDED, "end")]),
    "cancelled": (session("Cancelled"), (), [Notice(NoticeKind.ENDED, "end")]),
    "succeeded, announced": (session("Succeeded"), ("end",), []),
    "soon": (starts(later(seconds=600)), (), [SOON_0]),
    "soon, late": (starts(later(seconds=-9)), (), [SOON_0]),
    "soon, a time without zone": (starts(NOW.replace(tzinfo=None)), (), [SOON_0]),
    "soon, second attempt": (
        starts(NOW, attempt=1), ("soon:0",), [Notice(NoticeKind.SOON, "soon:1")],
    ),
    "soon, announced": (starts(NOW), ("soon:0",), []),
    "not soon": (starts(later(seconds=601)), (), []),
    "start unknown": (session("Queued", queue={}), (), []),
    "earliest start unknown": (session("Queued", queue={"estimated_start": {"latest": NOW}}), (), []),
    "nothing known": (session("Queued"), (), []),
    "pending": (session("Pending", queue={"estimated_start": {"earliest": NOW}}), (), []),
    "stalled": (
        stepped(later(seconds=-300), attempt=2), (), [Notice(NoticeKind.STALLED, "stalled:2:70")],
    ),
    "stalled before the first step": (
        session("Running", attempt_start_time=later(seconds=-301), start_time=NOW),
        (), [Notice(NoticeKind.STALLED, "stalled:0:0")],
    ),
    "stalled, the attempt's start unknown": (
        session("Running", start_time=later(hours=-1), progress={}), (), [Notice(NoticeKind.STALLED, "stalled:0:0")],
    ),
    "stalled, announced": (stepped(later(hours=-1), attempt=2), ("stalled:2:70",), []),
    "making progress": (stepped(later(seconds=-299)), (), []),
    "running, nothing known": (session("Running"), (), []),
    "slow to start": (session("Starting", start_time=later(hours=-1)), (), []),
    "restarted after a stall": (
        session("Queued", failure={**STALLED, "attempt": 3}), (), [Notice(NoticeKind.RESTARTED, "restarted:3")],
    ),
    "restarted, attempt unknown": (
        session("Starting", failure=STALLED), (), [Notice(NoticeKind.RESTARTED, "restarted:0")],
    ),
    "restarted, announced": (session("Running", failure={**STALLED, "attempt": 3}), ("restarted:3",), []),
    "another failure": (session("Queued", failure={"failure_class": "NodeLost", "attempt": 3}), (), []),
    "failed by a stall": (
        session("Failed", failure={**STALLED, "attempt": 3}), (), [Notice(NoticeKind.FAILED, "end")],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("seen", "announced", "expected"), DUE.values(), ids=DUE)
def test_due(seen: Session, announced: tuple[str, ...], expected: list[Notice]) -> None:
    assert due(seen, announced, NOW, LIMITS) == expected
