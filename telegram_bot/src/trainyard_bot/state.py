"""What must survive a restart: the outbox, announced notices, live messages, handled updates.

Guarantees:

- The file always holds one whole state: written beside, fsynced, renamed, the folder fsynced.
- A notice enters the outbox and counts as announced in the same write; it leaves the outbox in the
  write after it was sent. A crash in between repeats at most one notice and loses none.
- The names in the file are those of version 1, also where the fields here have other names.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

_log = logging.getLogger(__name__)

HANDLED_KEPT: Final = 256
"""Ids of handled updates that are remembered: more than one poll of the Bot API returns (100)."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Outgoing(_Frozen):
    """One message to send: a `text` as it was when the notice became due, or a `curve` to draw."""

    chat: int
    kind: Literal["text", "curve"]
    uid: str
    """UID of the session."""
    name: str
    """Name of the session."""
    text: str = ""


class LiveMessage(_Frozen):
    """A message that shows one session and is edited until the session ends."""

    chat: int
    message: int
    uid: str
    """UID of the session."""


class State(_Frozen):
    """Everything that is remembered."""

    version: Literal[1] = 1
    primed: bool = False
    """Whether the sessions that had ended before the bot's first start are known."""
    announced: dict[str, tuple[str, ...]] = Field(default={}, alias="said")
    """Keys of the notices that were announced, by the session's UID."""
    announced_until: datetime | None = Field(default=None, alias="told_until")
    """Ends before this time count as announced, whether `announced` still lists them or not."""
    outbox: tuple[Outgoing, ...] = ()
    """Messages to send, in order."""
    live: tuple[LiveMessage, ...] = ()
    handled: tuple[int, ...] = ()
    """Ids of the newest updates that were handled."""


class StateFile:
    """The state on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> State:
        """The saved state; a new one if there is no file.

        A file that holds no state is kept as `<name>.broken`. A file that cannot be read raises
        OSError: a new state would lose notices.
        """
        try:
            return State.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return State()
        except ValidationError:
            aside = self._path.with_name(self._path.name + ".broken")
            self._path.replace(aside)
            _log.exception("the state file is broken; it is kept as %s and a new one begins", aside)
            return State()

    def save(self, state: State) -> None:
        """Replace the file durably. Raises OSError, for a full disk, and keeps the old file."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_name(self._path.name + ".new")
        with beside.open("wb") as file:
            file.write(state.model_dump_json(by_alias=True).encode())
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class StateStore:
    """The state in use; each change is on disk before `change` returns."""

    def __init__(self, file: StateFile) -> None:
        self._file = file
        self._lock = asyncio.Lock()
        self.state = file.load()

    async def change(self, step: Callable[[State], State]) -> State:
        """Apply `step` and save the result, if it differs. Steps never overlap."""
        async with self._lock:
            after = step(self.state)
            if after != self.state:
                await asyncio.to_thread(self._file.save, after)
                self.state = after
            return self.state

    async def first_time(self, update_id: int) -> bool:
        """Whether the update was not handled yet; it counts as handled from now on."""
        if update_id in self.state.handled:
            return False
        await self.change(lambda state: with_handled(state, update_id))
        return True


def with_handled(state: State, update_id: int) -> State:
    """`state` with one more handled update; the oldest are forgotten."""
    return state.model_copy(update={"handled": (*state.handled, update_id)[-HANDLED_KEPT:]})


def with_live(state: State, live: LiveMessage) -> State:
    """`state` with `live` as the only live message of its session in its chat."""
    others = tuple(x for x in state.live if (x.chat, x.uid) != (live.chat, live.uid))
    return state.model_copy(update={"live": (*others, live)})


def without_live(state: State, live: LiveMessage) -> State:
    """`state` without the live message."""
    others = tuple(x for x in state.live if (x.chat, x.message) != (live.chat, live.message))
    return state.model_copy(update={"live": others})


def without_outgoing(state: State, sent: Outgoing) -> State:
    """`state` without the first outgoing message that equals `sent`."""
    outbox = list(state.outbox)
    if sent in outbox:
        outbox.remove(sent)
    return state.model_copy(update={"outbox": tuple(outbox)})
