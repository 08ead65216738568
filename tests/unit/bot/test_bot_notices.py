"""Which notices are due, and that a death at any line loses none and repeats at most one."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telegram.error import BadRequest, Forbidden, TelegramError, TimedOut

from trainyard_bot.gateway.errors import GatewayError
from trainyard_bot.gateway.views import Failure, Problem, Progress, Run, Wait
from trainyard_bot.notifications.plan import FORGET_AFTER, Audience, plan
from trainyard_bot.notifications.poller import Watcher, pause_after
from trainyard_bot.notifications.rules import Notice, Thresholds, due
from trainyard_bot.settings import Chat, Settings
from trainyard_bot.state import Live, Memory, Outgoing, State, StateFile
from trainyard_bot.text.formats import Moment
from trainyard_bot.text.replies import Attachment, Reply

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
AT = Moment(NOW, ZoneInfo("UTC"))
LIMITS = Thresholds(soon_seconds=600, stalled_seconds=300)


def later(**delta: float) -> datetime:
    return NOW + timedelta(**delta)


def run(phase: str, **values: Any) -> Run:
    return Run(uid="u1", name="a", phase=phase, **values)


DUE: dict[str, tuple[Run, tuple[str, ...], list[Notice]]] = {
    "succeeded": (run("Succeeded"), (), [Notice("finished", "end")]),
    "failed": (run("Failed"), (), [Notice("failed", "end")]),
    "stopped": (run("Stopped"), (), [Notice("ended", "end")]),
    "cancelled": (run("Cancelled"), (), [Notice("ended", "end")]),
    "succeeded, said": (run("Succeeded"), ("end",), []),
    "soon": (run("Queued", wait=Wait(earliest=later(seconds=600))), (), [Notice("soon", "soon:0")]),
    "soon, late": (run("Queued", wait=Wait(earliest=later(seconds=-9))), (), [Notice("soon", "soon:0")]),
    "soon, second attempt": (
        run("Queued", attempt=1, wait=Wait(earliest=NOW)), ("soon:0",), [Notice("soon", "soon:1")],
    ),
    "soon, said": (run("Queued", wait=Wait(earliest=NOW)), ("soon:0",), []),
    "not soon": (run("Queued", wait=Wait(earliest=later(seconds=601))), (), []),
    "start unknown": (run("Queued", wait=Wait()), (), []),
    "nothing known": (run("Queued"), (), []),
    "pending": (run("Pending", wait=Wait(earliest=NOW)), (), []),
    "stalled": (
        run("Running", attempt=2, progress=Progress(step=70, last_step=later(seconds=-300))),
        (), [Notice("stalled", "stalled:2:70")],
    ),
    "stalled before the first step": (
        run("Running", attempt_started=later(seconds=-301), started=NOW), (), [Notice("stalled", "stalled:0:0")],
    ),
    "stalled, attempt's start unknown": (
        run("Running", started=later(hours=-1), progress=Progress()), (), [Notice("stalled", "stalled:0:0")],
    ),
    "stalled, said": (
        run("Running", attempt=2, progress=Progress(step=70, last_step=later(hours=-1))), ("stalled:2:70",), [],
    ),
    "moving": (run("Running", progress=Progress(step=7, last_step=later(seconds=-299))), (), []),
    "running, nothing known": (run("Running"), (), []),
    "stuck while starting": (run("Starting", started=later(hours=-1)), (), []),
    "restarted after a stall": (
        run("Queued", failure=Failure("Stalled", attempt=3)), (), [Notice("restarted", "restarted:3")],
    ),
    "restarted, attempt unknown": (
        run("Starting", failure=Failure("Stalled")), (), [Notice("restarted", "restarted:0")],
    ),
    "restarted, said": (run("Running", failure=Failure("Stalled", attempt=3)), ("restarted:3",), []),
    "another failure": (run("Queued", failure=Failure("NodeLost", attempt=3)), (), []),
    "failed by a stall": (run("Failed", failure=Failure("Stalled", attempt=3)), (), [Notice("failed", "end")]),
}  # fmt: skip


@pytest.mark.parametrize(("view", "said", "expected"), DUE.values(), ids=DUE)
def test_due(view: Run, said: tuple[str, ...], expected: list[Notice]) -> None:
    assert due(view, said, NOW, LIMITS) == expected


ALL = Audience(7, "all", AT)
OWN = Audience(8, "own", AT)
NONE = Audience(9, "none", AT)


def look(state: State, *runs: Run, now: datetime = NOW) -> State:
    return plan(state, runs, (ALL, OWN, NONE), now, LIMITS)


def told(state: State) -> list[tuple[int, str, str]]:
    return [(o.chat, o.kind, o.name) for o in state.outbox]


def test_the_first_look_is_silent_about_what_had_ended() -> None:
    state = look(State(), run("Succeeded", ended=NOW), replace(run("Queued"), uid="u2"))

    assert told(state) == []
    assert look(state, run("Succeeded", ended=NOW)).outbox == ()


def test_the_first_look_tells_what_goes_on() -> None:
    assert told(look(State(), run("Queued", wait=Wait(earliest=NOW)))) == [(7, "text", "a")]


def test_an_end_is_told_once_with_a_curve_to_who_wants_it() -> None:
    state = look(State(primed=True), run("Succeeded", ended=NOW))

    assert told(state) == [(7, "text", "a"), (7, "curve", "a")]
    assert state.outbox[0].text.startswith("🎉 <b>a</b> is done.")
    assert look(state, run("Succeeded", ended=NOW)).outbox == state.outbox


def test_own_means_that_the_chat_shows_the_run() -> None:
    state = State(primed=True, live=(Live(chat=8, message=1, uid="u1"),))

    assert told(look(state, run("Stopped"))) == [(7, "text", "a"), (8, "text", "a")]


def test_said_is_forgotten_after_a_while_without_being_told_again() -> None:
    ended = run("Succeeded", ended=NOW)
    state = look(State(primed=True), ended)
    kept = look(state, ended, now=NOW + FORGET_AFTER)
    forgotten = look(state, ended, now=NOW + FORGET_AFTER + timedelta(seconds=1))

    assert kept.said == {"u1": ("end",)}
    assert forgotten.said == {}
    assert look(forgotten, ended, now=NOW + timedelta(days=99)).outbox == state.outbox


def test_what_is_no_longer_listed_is_forgotten() -> None:
    assert look(look(State(primed=True), run("Stopped"))).said == {}


def test_an_end_while_the_bot_was_away_for_days_is_told() -> None:
    state = look(State(), run("Running"))
    after = look(state, run("Failed", ended=later(days=1)), now=later(days=9))

    assert told(after) == [(7, "text", "a"), (7, "curve", "a")]


def test_an_end_that_the_gateway_saw_weeks_late_is_told() -> None:
    state = look(look(State(), run("Running")), run("Running"), now=later(days=30))
    after = look(state, run("Succeeded", ended=later(days=1)), now=later(days=30))

    assert told(after) == [(7, "text", "a"), (7, "curve", "a")]
    again = look(after, run("Succeeded", ended=later(days=1)), now=later(days=30))
    assert again.outbox == after.outbox


def test_the_clock_may_jump_back() -> None:
    state = look(State(primed=True), now=later(days=30))
    assert look(state, now=NOW).told_until == state.told_until


class Died(BaseException):
    """The process ends here, whatever it was doing."""


@dataclass
class Chats:
    """Stands in for the sender: keeps what arrived, and dies or fails where the test says."""

    arrived: list[tuple[int, str]] = field(default_factory=list)
    deaths: list[bool] = field(default_factory=list)
    errors: list[TelegramError] = field(default_factory=list)

    def die_perhaps(self) -> None:
        if self.deaths and self.deaths.pop(0):
            raise Died

    async def send(self, reply: Reply, chat: int) -> int:
        self.die_perhaps()
        if self.errors:
            raise self.errors.pop(0)
        self.arrived.append((chat, "curve" if reply.picture else reply.text.splitlines()[0]))
        self.die_perhaps()
        return 1

    async def refresh(self, *_: object, **__: object) -> None:
        self.die_perhaps()


@dataclass
class Yard:
    """Stands in for the gateway and the desk: runs, and curves that may be unavailable."""

    runs: list[Run]
    no_curve: list[GatewayError] = field(default_factory=list)

    async def watched(self) -> list[Run]:
        return self.runs

    async def curve(self, view: Run) -> Attachment:
        if self.no_curve:
            raise self.no_curve.pop(0)
        return Attachment(view.name, b"png")


def watcher(folder: Path, yard: Yard, chats: Chats) -> Watcher:
    settings = Settings.model_construct(
        chats=(Chat(id=7), Chat(id=8)), starts_soon_seconds=600, stalled_seconds=300,
        edit_seconds=5, poll_seconds=5,
    )  # fmt: skip
    memory = Memory(StateFile(folder / "state.json"))
    return Watcher(yard, yard, chats, memory, settings, lambda _: AT)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("failures", "poll_seconds", "pause"),
    [
        (0, 5, 5), (1, 5, 10), (3, 5, 40), (4, 5, 60), (1000, 5, 60),
        (0, 0.2, 0.2), (1000, 0.01, 60), (0, 300, 300), (7, 300, 300),
    ],
)  # fmt: skip
def test_looks_that_fail_are_repeated_later_and_none_comes_before_its_time(
    failures: int, poll_seconds: float, pause: float
) -> None:
    assert pause_after(failures, poll_seconds) == pause


ENDED = [replace(run("Succeeded"), uid=f"u{n}", name=f"r{n}", ended=NOW) for n in range(3)]
EXPECTED = Counter(
    {(chat, what): 1 for chat in (7, 8) for n in range(3) for what in (f"🎉 <b>r{n}</b> is done.",)}
)


@given(st.lists(st.booleans(), max_size=40))
def test_no_notice_is_lost_and_a_death_repeats_at_most_one(deaths: list[bool]) -> None:
    async def lives() -> Chats:
        with TemporaryDirectory() as name:
            folder = Path(name)
            before = [replace(one, phase="Running", ended=None) for one in ENDED]
            await watcher(folder, Yard(before), Chats()).look()
            chats = Chats(deaths=list(deaths))
            while True:
                try:
                    await watcher(folder, Yard(ENDED), chats).look()
                except Died:
                    continue
                return chats

    chats = asyncio.run(lives())
    texts = Counter(a for a in chats.arrived if a[1] != "curve")
    curves = sum(1 for a in chats.arrived if a[1] == "curve")

    assert set(texts) == set(EXPECTED)
    assert curves >= 6
    assert len(chats.arrived) - 12 <= sum(deaths)


async def test_a_chat_that_cannot_be_reached_keeps_its_notices_in_order(tmp_path: Path) -> None:
    chats = Chats(errors=[TimedOut()])
    await watcher(tmp_path, Yard([]), chats).look()

    one = watcher(tmp_path, Yard(ENDED[:2]), chats)
    await one.look()
    assert [a for a in chats.arrived if a[0] == 7] == []
    assert len([a for a in chats.arrived if a[0] == 8]) == 4

    await one.look()
    assert [a[1] for a in chats.arrived if a[0] == 7] == [
        "🎉 <b>r0</b> is done.", "curve", "🎉 <b>r1</b> is done.", "curve",
    ]  # fmt: skip


@pytest.mark.parametrize("error", [Forbidden("blocked"), BadRequest("chat not found")])
async def test_a_chat_that_refuses_for_good_is_not_asked_again(
    tmp_path: Path, error: TelegramError
) -> None:
    chats = Chats(errors=[error])
    one = watcher(tmp_path, Yard([]), chats)
    await one.look()
    one = watcher(tmp_path, Yard([run("Stopped")]), chats)
    await one.look()
    await one.look()

    assert chats.arrived == [(8, "🏁 <b>a</b> has ended.")]


async def test_a_curve_waits_for_the_gateway_and_holds_nothing_up(tmp_path: Path) -> None:
    chats = Chats()
    yard = Yard([])
    one = watcher(tmp_path, yard, chats)
    await one.look()
    yard.runs = ENDED[:1]
    yard.no_curve = [GatewayError(Problem("unavailable")), GatewayError(Problem("not_found"))]
    await one.look()
    assert [a[1] for a in chats.arrived] == ["🎉 <b>r0</b> is done."] * 2

    await one.look()
    assert [a for a in chats.arrived if a[1] == "curve"] == [(7, "curve")]


async def test_notices_for_a_chat_that_is_no_longer_listed_are_dropped(tmp_path: Path) -> None:
    left_over = Outgoing(chat=99, kind="text", uid="u", name="a", text="old")
    StateFile(tmp_path / "state.json").save(State(primed=True, outbox=(left_over,)))
    chats = Chats()
    await watcher(tmp_path, Yard([]), chats).look()

    assert chats.arrived == []
    assert StateFile(tmp_path / "state.json").load().outbox == ()
