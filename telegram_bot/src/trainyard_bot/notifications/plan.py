"""Which notices go to which chats. Pure: state and sessions in, state with a fuller outbox out.

Guarantees:

- The first plan announces no session that had already ended.
- Every later end of a session enters the outbox exactly once for each chat that wants it, however
  long the bot was down; `announced` and `outbox` change together.
- `announced` stays bounded: it holds the sessions that are listed and have not ended, and those
  that ended less than `FORGET_AFTER` ago. A session that was never seen and ended before
  `announced_until` counts as announced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from trainyard.models import Session
from trainyard_bot.notifications.rules import Notice, Thresholds, due
from trainyard_bot.state import Outgoing, State
from trainyard_bot.text.formats import LocalTime, aware
from trainyard_bot.text.notices import NoticeKind, notice

FORGET_AFTER: Final = timedelta(days=7)
_WITH_CURVE: Final = (NoticeKind.SUCCEEDED, NoticeKind.FAILED)


@dataclass(frozen=True, slots=True)
class Subscription:
    """The notices that a chat wants: about all sessions, about those it shows (`own`), or none."""

    chat: int
    notify: Literal["all", "own", "none"]
    local_time: LocalTime


def plan(
    state: State,
    sessions: Sequence[Session],
    subscriptions: Sequence[Subscription],
    now: datetime,
    thresholds: Thresholds,
) -> State:
    """`state` after the bot has seen `sessions` at `now`."""
    announced = dict(state.announced)
    outbox = list(state.outbox)
    for session in sessions:
        if announced_long_ago(session, state):
            continue
        before = announced.setdefault(session.uid, ())
        notices = due(session, before, now, thresholds)
        if not notices:
            continue
        announced[session.uid] = (*before, *(one.key for one in notices))
        if state.primed or not session.finished:
            outbox += _outgoing(session, notices, state, subscriptions)
    announced_until = max(filter(None, (state.announced_until, now - FORGET_AFTER)))
    return state.model_copy(
        update={
            "primed": True,
            "announced": _kept(announced, sessions, announced_until),
            "outbox": tuple(outbox),
            "announced_until": announced_until,
        }
    )


def _end(session: Session) -> datetime | None:
    """When the session ended; None if it has not, or if the time is unknown."""
    time = session.status.completion_time
    return aware(time) if session.finished and time is not None else None


def announced_long_ago(session: Session, state: State) -> bool:
    """Whether the session's end was announced so long ago that `announced` no longer lists it.

    Such sessions need not be given to `plan`: they change nothing.
    A session that was seen before its end is never skipped, even with an old end: the
    gateway may learn of an end days later.
    """
    if session.uid in state.announced:
        return False
    end = _end(session)
    return end is not None and state.announced_until is not None and end < state.announced_until


def _kept(
    announced: Mapping[str, tuple[str, ...]],
    sessions: Sequence[Session],
    announced_until: datetime,
) -> dict[str, tuple[str, ...]]:
    """What must be remembered: listed sessions that did not end before `announced_until`."""
    ends = {session.uid: _end(session) or announced_until for session in sessions}
    return {
        uid: keys for uid, keys in announced.items() if uid in ends and ends[uid] >= announced_until
    }


def _outgoing(
    session: Session,
    notices: Sequence[Notice],
    state: State,
    subscriptions: Sequence[Subscription],
) -> list[Outgoing]:
    showing = {live.chat for live in state.live if live.uid == session.uid}
    result = []
    for subscription in subscriptions:
        chat, notify = subscription.chat, subscription.notify
        if notify == "none" or (notify == "own" and chat not in showing):
            continue
        for one in notices:
            text = notice(one.kind, session, subscription.local_time)
            target = {"chat": chat, "uid": session.uid, "name": session.name}
            result.append(Outgoing(kind="text", text=text, **target))
            if one.kind in _WITH_CURVE:
                result.append(Outgoing(kind="curve", **target))
    return result
