"""The poller sends what is due: a crash at any line loses no notice and repeats at most one."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest
from bot_objects import session
from hypothesis import given
from hypothesis import strategies as st
from telegram.error import BadRequest, ChatMigrated, Forbidden, TelegramError, TimedOut

from trainyard import AsyncClient
from trainyard.models import Session, SessionPage
from trainyard_bot.gateway.client import GatewayClient
from trainyard_bot.gateway.deadline import TracingTransport
from trainyard_bot.gateway.errors import GatewayError, Problem, ProblemKind
from trainyard_bot.notifications.poller import Poller, pause_seconds, plannable
from trainyard_bot.settings import Chat, Settings
from trainyard_bot.state import LiveMessage, Outgoing, State, StateFile, StateStore
from trainyard_bot.text.formats import LocalTime
from trainyard_bot.text.replies import Attachment, Reply

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


class Crash(BaseException):
    """The process ends here, whatever it was doing."""


@dataclass
class Chats:
    """Stands in for the sender: keeps what arrived, and crashes or fails where the test says."""

    arrived: list[tuple[int, str]] = field(default_factory=list)
    crashes: list[bool] = field(default_factory=list)
    errors: list[TelegramError] = field(default_factory=list)
    refreshed: list[str] = field(default_factory=list)
    refresh_errors: list[Exception] = field(default_factory=list)

    def crash_perhaps(self) -> None:
        if self.crashes and self.crashes.pop(0):
            raise Crash

    async def send(self, reply: Reply, chat: int) -> int:
        self.crash_perhaps()
        if self.errors:
            raise self.errors.pop(0)
        self.arrived.append((chat, "curve" if reply.picture else reply.text.splitlines()[0]))
        self.crash_perhaps()
        return 1

    async def refresh(self, live: LiveMessage, *_: object, **__: object) -> None:
        self.crash_perhaps()
        if self.refresh_errors:
            raise self.refresh_errors.pop(0)
        self.refreshed.append(live.uid)


@dataclass
class Yard:
    """Sessions as a gateway answers with them, and charts that may be unavailable."""

    sessions: Sequence[Session] = ()
    no_chart: list[Exception] = field(default_factory=list)

    def answer(self, request: httpx.Request) -> httpx.Response:
        listed = [] if "history" in request.url.params else list(self.sessions)
        page = SessionPage(sessions=listed, total=len(listed))
        return httpx.Response(200, json=page.wire())

    async def chart(self, _: str, name: str) -> Attachment:
        if self.no_chart:
            raise self.no_chart.pop(0)
        return Attachment(name, b"png")


def poller(folder: Path, yard: Yard, chats: Chats) -> Poller:
    settings = Settings.model_construct(
        chats=(Chat(id=7), Chat(id=8)), starts_soon_seconds=600, stalled_seconds=300,
        edit_seconds=5, poll_seconds=5,
    )  # fmt: skip
    transport = TracingTransport(httpx.MockTransport(yard.answer))
    gateway = GatewayClient(AsyncClient("http://gateway", "key", transport=transport), 60)
    store = StateStore(StateFile(folder / "state.json"))
    local_time = LocalTime(NOW, UTC)
    return Poller(gateway, yard.chart, chats, store, settings, lambda _: local_time)  # type: ignore[arg-type]  # stand-in


@pytest.mark.parametrize(
    ("failures", "poll_seconds", "pause"),
    [
        (0, 5, 5), (1, 5, 10), (3, 5, 40), (4, 5, 60), (1000, 5, 60),
        (0, 0.2, 0.2), (1000, 0.01, 60), (0, 300, 300), (7, 300, 300),
    ],
)  # fmt: skip
def test_failed_polls_are_repeated_later_and_none_comes_before_its_time(
    failures: int, poll_seconds: float, pause: float
) -> None:
    assert pause_seconds(failures, poll_seconds) == pause


RUNNING = [session("Running", f"s{n}", f"u{n}") for n in range(3)]
ENDED = [session("Succeeded", f"s{n}", f"u{n}", completion_time=NOW) for n in range(3)]
DONE = [f"🎉 <b>s{n}</b> is done." for n in range(3)]


@given(st.lists(st.booleans(), max_size=40))
def test_no_notice_is_lost_and_a_crash_repeats_at_most_one(crashes: list[bool]) -> None:
    async def lives() -> Chats:
        with TemporaryDirectory() as name:
            folder = Path(name)
            await poller(folder, Yard(RUNNING), Chats()).poll()
            chats = Chats(crashes=list(crashes))
            while True:
                try:
                    await poller(folder, Yard(ENDED), chats).poll()
                except Crash:
                    continue
                return chats

    chats = asyncio.run(lives())
    texts = Counter(arrived for arrived in chats.arrived if arrived[1] != "curve")
    curves = sum(1 for arrived in chats.arrived if arrived[1] == "curve")

    assert set(texts) == {(chat, text) for chat in (7, 8) for text in DONE}
    assert curves >= 6
    assert len(chats.arrived) - 12 <= sum(crashes)


async def test_a_chat_that_cannot_be_reached_keeps_its_notices_in_order(tmp_path: Path) -> None:
    chats = Chats(errors=[TimedOut()])
    await poller(tmp_path, Yard(), chats).poll()

    one = poller(tmp_path, Yard(ENDED[:2]), chats)
    await one.poll()
    assert [arrived for arrived in chats.arrived if arrived[0] == 7] == []
    assert len([arrived for arrived in chats.arrived if arrived[0] == 8]) == 4

    await one.poll()
    assert [text for chat, text in chats.arrived if chat == 7] == [
        DONE[0], "curve", DONE[1], "curve",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "error",
    [Forbidden("blocked"), BadRequest("chat not found"), ChatMigrated(-99)],
    ids=["the bot is blocked", "the chat is gone", "the chat has another number"],
)
async def test_a_chat_that_refuses_for_good_is_not_asked_again(
    tmp_path: Path, error: TelegramError
) -> None:
    chats = Chats(errors=[error])
    await poller(tmp_path, Yard(), chats).poll()
    one = poller(tmp_path, Yard([session("Stopped")]), chats)
    await one.poll()
    await one.poll()

    assert chats.arrived == [(8, "🏁 <b>a</b> has ended.")]


async def test_a_chart_waits_for_the_gateway_and_holds_nothing_up(tmp_path: Path) -> None:
    chats = Chats()
    yard = Yard()
    one = poller(tmp_path, yard, chats)
    await one.poll()
    yard.sessions = ENDED[:1]
    yard.no_chart = [
        GatewayError(Problem(ProblemKind.UNAVAILABLE)),
        GatewayError(Problem(ProblemKind.NOT_FOUND)),
    ]
    await one.poll()
    assert [text for _, text in chats.arrived] == [DONE[0]] * 2

    await one.poll()
    assert [arrived for arrived in chats.arrived if arrived[1] == "curve"] == [(7, "curve")]


async def test_notices_for_a_chat_that_is_no_longer_listed_are_dropped(tmp_path: Path) -> None:
    left_over = Outgoing(chat=99, kind="text", uid="u", name="a", text="old")
    StateFile(tmp_path / "state.json").save(State(primed=True, outbox=(left_over,)))
    chats = Chats()
    await poller(tmp_path, Yard(), chats).poll()

    assert chats.arrived == []
    assert StateFile(tmp_path / "state.json").load().outbox == ()


async def test_a_chart_that_cannot_be_drawn_is_dropped_and_holds_nothing_up(tmp_path: Path) -> None:
    chats = Chats()
    await poller(tmp_path, Yard(), chats).poll()
    yard = Yard(ENDED, no_chart=[OverflowError("int too large to convert to float")])
    one = poller(tmp_path, yard, chats)
    await one.poll()
    await one.poll()

    arrived = Counter(chats.arrived)
    assert {text for chat, text in arrived if chat == 7} == {*DONE, "curve"}
    assert (arrived[7, "curve"], arrived[8, "curve"]) == (2, 3)
    assert StateFile(tmp_path / "state.json").load().outbox == ()


async def test_a_live_message_that_fails_leaves_the_others_up_to_date(tmp_path: Path) -> None:
    live = tuple(LiveMessage(chat=7, message=n, uid=f"u{n}") for n in range(3))
    StateFile(tmp_path / "state.json").save(State(primed=True, live=live))
    chats = Chats(refresh_errors=[ValueError("no button can carry it")])
    await poller(tmp_path, Yard(RUNNING), chats).poll()

    assert chats.refreshed == ["u1", "u2"]


def test_a_session_that_cannot_be_planned_for_hides_no_other() -> None:
    listed = [session("Running", name) for name in ("a", "bad", "b")]

    def planned(some: Sequence[Session]) -> None:
        assert all(one.name != "bad" for one in some)

    assert [one.name for one in plannable(listed, planned)] == ["a", "b"]
    assert plannable(listed[:1], planned) == listed[:1]
