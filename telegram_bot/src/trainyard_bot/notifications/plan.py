"""Which notices go to which chats. Pure: state and runs in, state with a fuller outbox out.

Guarantees:

- On the very first look nothing is said about runs that had already ended.
- Every later end of a run gets into the outbox exactly once for each chat that wants it, however long the bot was
  away; `said` and `outbox` change together.
- `said` does not grow for ever: it holds the runs that were seen before their end, and those that ended less than
  `FORGET_AFTER` ago; a run that was never seen and ended before `told_until` counts as told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from trainyard_bot.gateway.views import Run
from trainyard_bot.notifications.rules import Notice, Thresholds, due
from trainyard_bot.state import Outgoing, State
from trainyard_bot.text import sessions as run_messages
from trainyard_bot.text.formats import Moment

FORGET_AFTER: Final = timedelta(days=7)
_WITH_CURVE: Final = ("finished", "failed")


@dataclass(frozen=True, slots=True)
class Audience:
    """A chat, what it wants to hear about, and its clock."""

    chat: int
    notify: Literal["all", "own", "none"]
    moment: Moment


def plan(
    state: State,
    runs: Sequence[Run],
    audiences: Sequence[Audience],
    now: datetime,
    thresholds: Thresholds,
) -> State:
    """`state` after a look at `runs`."""
    said = dict(state.said)
    outbox = list(state.outbox)
    for run in runs:
        if _told(run, state):
            continue
        before = said.setdefault(run.uid, ())
        notices = due(run, before, now, thresholds)
        if not notices:
            continue
        said[run.uid] = (*before, *(notice.key for notice in notices))
        if state.primed or not run.over:
            outbox += _outgoing(run, notices, state, audiences)
    told_until = max(filter(None, (state.told_until, now - FORGET_AFTER)))
    return state.model_copy(
        update={
            "primed": True,
            "said": _kept(said, runs, told_until),
            "outbox": tuple(outbox),
            "told_until": told_until,
        }
    )


def _told(run: Run, state: State) -> bool:
    """Whether the run's end was told so long ago that `said` no longer lists it.

    The gateway's view may be days old; the end of a run that was seen alive is news whenever it is dated.
    """
    if run.uid in state.said:
        return False
    ended = run.ended if run.over else None
    return ended is not None and state.told_until is not None and ended < state.told_until


def _kept(
    said: Mapping[str, tuple[str, ...]], runs: Sequence[Run], told_until: datetime
) -> dict[str, tuple[str, ...]]:
    """What must still be remembered: runs that are listed and did not end before `told_until`."""
    listed = {run.uid: run for run in runs}
    return {
        uid: keys
        for uid, keys in said.items()
        if uid in listed
        and not (listed[uid].over and (listed[uid].ended or told_until) < told_until)
    }


def _outgoing(
    run: Run, notices: Sequence[Notice], state: State, audiences: Sequence[Audience]
) -> list[Outgoing]:
    own = {live.chat for live in state.live if live.uid == run.uid}
    result = []
    for audience in audiences:
        if audience.notify == "none" or (audience.notify == "own" and audience.chat not in own):
            continue
        for notice in notices:
            text = run_messages.notice(notice.kind, run, audience.moment)
            target = {"chat": audience.chat, "uid": run.uid, "name": run.name}
            result.append(Outgoing(kind="text", text=text, **target))
            if notice.kind in _WITH_CURVE:
                result.append(Outgoing(kind="curve", **target))
    return result
