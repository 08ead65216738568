"""Which notices go to which chats."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot_objects import session

from trainyard.models import Session
from trainyard_bot.notifications.plan import FORGET_AFTER, Subscription, plan
from trainyard_bot.notifications.rules import Thresholds
from trainyard_bot.state import LiveMessage, State
from trainyard_bot.text.formats import LocalTime

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
AT = LocalTime(NOW, UTC)
ALL = Subscription(7, "all", AT)
OWN = Subscription(8, "own", AT)
NONE = Subscription(9, "none", AT)


def later(**delta: float) -> datetime:
    return NOW + timedelta(**delta)


def seen(state: State, *sessions: Session, now: datetime = NOW) -> State:
    return plan(state, sessions, (ALL, OWN, NONE), now, Thresholds(600, 300))


def planned(state: State) -> list[tuple[int, str, str]]:
    return [(outgoing.chat, outgoing.kind, outgoing.name) for outgoing in state.outbox]


SUCCEEDED = session("Succeeded", completion_time=NOW)
RUNNING = session("Running")
BOTH = [(7, "text", "a"), (7, "curve", "a")]


def test_the_first_plan_announces_no_session_that_had_ended() -> None:
    state = seen(State(), SUCCEEDED, session("Queued", uid="u2"))

    assert planned(state) == []
    assert seen(state, SUCCEEDED).outbox == ()


def test_the_first_plan_announces_what_is_open() -> None:
    soon = session("Queued", queue={"estimated_start": {"earliest": NOW}})

    assert planned(seen(State(), soon)) == [(7, "text", "a")]


def test_an_end_is_announced_once_with_a_curve_to_who_wants_it() -> None:
    state = seen(State(primed=True), SUCCEEDED)

    assert planned(state) == BOTH
    assert state.outbox[0].text.startswith("🎉 <b>a</b> is done.")
    assert seen(state, SUCCEEDED).outbox == state.outbox


def test_own_means_that_the_chat_shows_the_session() -> None:
    state = State(primed=True, live=(LiveMessage(chat=8, message=1, uid="u1"),))

    assert planned(seen(state, session("Stopped"))) == [(7, "text", "a"), (8, "text", "a")]


def test_what_was_announced_is_forgotten_after_a_while_and_not_announced_again() -> None:
    state = seen(State(primed=True), SUCCEEDED)
    kept = seen(state, SUCCEEDED, now=NOW + FORGET_AFTER)
    forgotten = seen(state, SUCCEEDED, now=NOW + FORGET_AFTER + timedelta(seconds=1))

    assert kept.announced == {"u1": ("end",)}
    assert forgotten.announced == {}
    assert seen(forgotten, SUCCEEDED, now=NOW + timedelta(days=99)).outbox == state.outbox


def test_what_is_no_longer_listed_is_forgotten() -> None:
    assert seen(seen(State(primed=True), session("Stopped"))).announced == {}


def test_an_end_while_the_bot_was_down_for_days_is_announced() -> None:
    state = seen(State(), RUNNING)
    after = seen(state, session("Failed", completion_time=later(days=1)), now=later(days=9))

    assert planned(after) == BOTH


def test_an_end_that_the_gateway_saw_weeks_late_is_announced_once() -> None:
    state = seen(seen(State(), RUNNING), RUNNING, now=later(days=30))
    ended = session("Succeeded", completion_time=later(days=1))
    after = seen(state, ended, now=later(days=30))

    assert planned(after) == BOTH
    assert seen(after, ended, now=later(days=30)).outbox == after.outbox


def test_the_clock_may_jump_back() -> None:
    state = seen(State(primed=True), now=later(days=30))

    assert seen(state, now=NOW).announced_until == state.announced_until
