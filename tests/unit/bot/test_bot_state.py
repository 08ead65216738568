"""The state on disk: whole, durable, and read from earlier versions."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from trainyard_bot.state import (
    HANDLED_KEPT,
    LiveMessage,
    Outgoing,
    State,
    StateFile,
    StateStore,
    with_live,
    without_live,
    without_outgoing,
)

OF_VERSION_0_1 = """{"version":1,"primed":true,"said":{"u1":["soon:0","end"]},"told_until":"2026-06-24T12:00:00Z",
"outbox":[{"chat":7,"kind":"text","uid":"u1","name":"a","text":"🎉 <b>a</b> is done."},
{"chat":7,"kind":"curve","uid":"u1","name":"a","text":""}],
"live":[{"chat":7,"message":3,"uid":"u1"}],"handled":[1001,1002]}"""
"""As the bot wrote it before its fields got other names."""


def test_the_file_of_the_version_before_is_read(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text(OF_VERSION_0_1)

    assert StateFile(tmp_path / "state.json").load() == State(
        primed=True,
        announced={"u1": ("soon:0", "end")},
        announced_until=datetime(2026, 6, 24, 12, tzinfo=UTC),
        outbox=(
            Outgoing(chat=7, kind="text", uid="u1", name="a", text="🎉 <b>a</b> is done."),
            Outgoing(chat=7, kind="curve", uid="u1", name="a"),
        ),
        live=(LiveMessage(chat=7, message=3, uid="u1"),),
        handled=(1001, 1002),
    )


def test_the_version_before_reads_the_file_after_a_rollback(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state.json")
    (tmp_path / "state.json").write_text(OF_VERSION_0_1)
    file.save(file.load())

    assert json.loads((tmp_path / "state.json").read_text()) == json.loads(OF_VERSION_0_1)


async def test_an_update_is_handled_once_over_restarts(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "deep" / "state.json")
    store = StateStore(file)

    assert await store.first_time(5)
    assert not await store.first_time(5)
    assert not await StateStore(file).first_time(5)
    assert await StateStore(file).first_time(4)


async def test_only_the_newest_updates_are_remembered(tmp_path: Path) -> None:
    store = StateStore(StateFile(tmp_path / "s"))
    for number in range(HANDLED_KEPT + 1):
        assert await store.first_time(number)
    assert len(store.state.handled) == HANDLED_KEPT
    assert not await store.first_time(1)


def test_the_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state.json")
    state = State(
        primed=True, announced={"u": ("end",)}, live=(LiveMessage(chat=1, message=2, uid="u"),)
    )
    file.save(state)
    (tmp_path / "state.json.new").write_text("half a st")

    assert file.load() == state
    file.save(State())
    assert file.load() == State()
    assert [p.name for p in tmp_path.iterdir()] == ["state.json"]


def test_a_broken_file_is_kept_aside(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text('{"version": 1, "live": 7}')

    assert StateFile(tmp_path / "state.json").load() == State()
    assert (tmp_path / "state.json.broken").read_text() == '{"version": 1, "live": 7}'


def test_a_file_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    """A new state would lose notices; a person must look at the folder in the way."""
    (tmp_path / "state.json").mkdir()
    with pytest.raises(IsADirectoryError):
        StateFile(tmp_path / "state.json").load()


async def test_nothing_is_written_where_nothing_changes(tmp_path: Path) -> None:
    store = StateStore(StateFile(tmp_path / "state.json"))
    await store.change(lambda state: state)
    assert not (tmp_path / "state.json").exists()


def test_one_live_message_per_session_and_chat() -> None:
    first, second = (
        LiveMessage(chat=1, message=10, uid="u"),
        LiveMessage(chat=1, message=11, uid="u"),
    )
    other = LiveMessage(chat=2, message=10, uid="u")
    state = with_live(with_live(with_live(State(), first), other), second)

    assert state.live == (other, second)
    assert without_live(state, other).live == (second,)


def test_one_of_two_equal_messages_leaves_the_outbox() -> None:
    one = Outgoing(chat=1, kind="text", uid="u", name="a", text="x")
    assert without_outgoing(State(outbox=(one, one)), one).outbox == (one,)
    assert without_outgoing(State(), one) == State()
