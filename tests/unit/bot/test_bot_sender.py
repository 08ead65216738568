"""The sender keeps in memory what live messages show, and nothing about other messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from trainyard_bot.redaction import Redactor
from trainyard_bot.sender import Sender
from trainyard_bot.state import LiveMessage, StateFile, StateStore
from trainyard_bot.text.replies import Reply


@dataclass
class Chats:
    """Stands in for the Bot API: numbers its messages and keeps the edits."""

    number: int = 0
    edits: list[tuple[int, str]] = field(default_factory=list)

    async def send_message(self, _: int, __: str, **___: Any) -> SimpleNamespace:
        self.number += 1
        return SimpleNamespace(message_id=self.number)

    async def edit_message_text(self, text: str, *, message_id: int, **_: Any) -> None:
        self.edits.append((message_id, text))


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def sender(folder: Path, chats: Chats, clock: Clock) -> Sender:
    store = StateStore(StateFile(folder / "state.json"))
    return Sender(chats, store, Redactor(), clock)  # type: ignore[arg-type]  # stand-in


async def test_a_live_message_is_edited_when_it_changes_and_not_too_often(tmp_path: Path) -> None:
    chats, clock = Chats(), Clock()
    one = sender(tmp_path, chats, clock)
    await one.reply(Reply("a", live="u"), chat=7)
    live = LiveMessage(chat=7, message=1, uid="u")

    for waited, text in ((0, "b"), (4, "b"), (5, "a"), (5, "b"), (6, "c"), (10, "c")):
        clock.now = 1000 + waited
        await one.refresh(live, text, (), pause=5, last=False)

    assert chats.edits == [(1, "b"), (1, "c")]


async def test_memory_does_not_grow_with_the_messages(tmp_path: Path) -> None:
    chats = Chats()
    one = sender(tmp_path, chats, Clock())
    for number in range(200):
        await one.reply(Reply(f"form {number}", edit=True), chat=7, tapped=number)
        await one.reply(Reply(f"session {number}", live="u"), chat=7)

    assert len(chats.edits) == 200
    assert one.remembered == 1
    live = LiveMessage(chat=7, message=chats.number, uid="u")
    await one.refresh(live, "ended", (), pause=0, last=True)
    assert one.remembered == 0
