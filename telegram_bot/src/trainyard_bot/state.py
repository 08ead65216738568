"""What the bot must not forget when it dies: notices not sent yet, what was said, live messages, handled updates.

Guarantees:

- The file is always one whole state: written beside, fsynced, renamed, the folder fsynced.
- A notice is put into the outbox and marked as said in the same write; it leaves the outbox in the write after it
  was sent. A death in between costs at most one duplicate and never a notice.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

_log = logging.getLogger(__name__)

HANDLED_KEPT = 256
"""Update ids that are remembered: more than one poll of the Bot API returns (100)."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Outgoing(_Frozen):
    """One message that is due: `curve` is drawn when it is sent, `text` stands as it was when it became due."""

    chat: int
    kind: Literal["text", "curve"]
    uid: str
    name: str
    text: str = ""


class Live(_Frozen):
    """A message that shows one run and is edited as it goes."""

    chat: int
    message: int
    uid: str


class State(_Frozen):
    """All that is remembered. `primed` is False until the runs that were there before the bot are known."""

    version: Literal[1] = 1
    primed: bool = False
    said: dict[str, tuple[str, ...]] = {}
    told_until: datetime | None = None
    outbox: tuple[Outgoing, ...] = ()
    live: tuple[Live, ...] = ()
    handled: tuple[int, ...] = ()


class StateFile:
    """The state on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> State:
        """The remembered state; a new one where there is none. A broken file is kept aside as `<name>.broken`."""
        try:
            return State.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return State()
        except ValidationError:
            aside = self._path.with_name(self._path.name + ".broken")
            self._path.replace(aside)
            _log.exception("the state file was broken; it is kept as %s and I start anew", aside)
            return State()

    def save(self, state: State) -> None:
        """Put `state` in the file's place, durably."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_name(self._path.name + ".new")
        with beside.open("wb") as file:
            file.write(state.model_dump_json().encode())
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class Memory:
    """The state in use; each change is on disk before `change` returns."""

    def __init__(self, file: StateFile) -> None:
        self._file = file
        self._lock = asyncio.Lock()
        self.state = file.load()

    async def change(self, step: Callable[[State], State]) -> State:
        """Apply `step` and write the result; steps never overlap. Nothing is written where nothing changes."""
        async with self._lock:
            after = step(self.state)
            if after != self.state:
                await asyncio.to_thread(self._file.save, after)
                self.state = after
            return self.state

    async def first_time(self, update_id: int) -> bool:
        """Whether the update was not handled in this or an earlier life; it is remembered as handled."""
        if update_id in self.state.handled:
            return False
        await self.change(lambda s: with_handled(s, update_id))
        return True


def with_handled(state: State, update_id: int) -> State:
    """`state` with one more handled update; the oldest are forgotten."""
    return state.model_copy(
        update={"handled": (*state.handled, update_id)[-HANDLED_KEPT:]},
    )


def with_live(state: State, live: Live) -> State:
    """`state` with `live` as the only live message of its run in its chat."""
    others = tuple(x for x in state.live if (x.chat, x.uid) != (live.chat, live.uid))
    return state.model_copy(update={"live": (*others, live)})


def without_live(state: State, live: Live) -> State:
    """`state` without the live message."""
    others = tuple(x for x in state.live if (x.chat, x.message) != (live.chat, live.message))
    return state.model_copy(update={"live": others})


def without_outgoing(state: State, sent: Outgoing) -> State:
    """`state` with the first outgoing message equal to `sent` taken out."""
    outbox = list(state.outbox)
    if sent in outbox:
        outbox.remove(sent)
    return state.model_copy(update={"outbox": tuple(outbox)})
