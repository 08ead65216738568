"""Slots for the requests of one key: of many at once, few are worked on beside each other.

One round of the event loop serves every request that can continue. Hundreds of one key make a round
long, and a small read of another caller takes several rounds. So only a few of a key are worked on
at once, and a few begin in one round. The others wait in the order in which they came.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

MOST_AT_ONCE = 4
"""Requests of a key that are worked on beside each other."""
SLOT_SECONDS = 0.1
"""Time after which a slot is over if others wait: its request waits for something itself."""


@dataclass(eq=False, slots=True)
class Slot:
    """The slot of a request."""

    began: float
    of: _OfKey
    over: bool = False

    def end(self) -> None:
        """Let the next request begin, in the next round. A second call does nothing."""
        if not self.over:
            self.over = True
            # A request that waits for nothing would let all others run in the same round.
            asyncio.get_running_loop().call_soon(self.of.leave, self)


@dataclass(eq=False, slots=True)
class _OfKey:
    """The requests of a key."""

    most: int
    clock: Callable[[], float]
    slots: deque[Slot] = field(default_factory=deque)
    """Oldest first."""
    waiting: deque[asyncio.Future[Slot]] = field(default_factory=deque)
    timer: asyncio.TimerHandle | None = None

    def begin(self) -> Slot:
        slot = Slot(self.clock(), self)
        self.slots.append(slot)
        return slot

    def leave(self, slot: Slot) -> None:
        self.slots.remove(slot)
        while self.waiting and len(self.slots) < self.most:
            future = self.waiting.popleft()
            if not future.done():
                future.set_result(self.begin())

    def end_old_slots(self, seconds: float) -> None:
        """End slots that have lasted `seconds`; requests wait."""
        self.timer = None
        limit = self.clock() - seconds
        for slot in self.slots:
            if slot.began <= limit:
                slot.end()
        self.look_later(seconds)

    def look_later(self, seconds: float) -> None:
        if self.waiting and self.slots and self.timer is None:
            pause = max(0.001, self.slots[0].began + seconds - self.clock())
            loop = asyncio.get_running_loop()
            self.timer = loop.call_later(pause, self.end_old_slots, seconds)


class RequestSlots:
    """The slots of all keys. `clock`: monotonic, in seconds."""

    def __init__(
        self,
        most: int = MOST_AT_ONCE,
        seconds: float = SLOT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most, self._seconds, self._clock = most, seconds, clock
        self._keys: dict[str, _OfKey] = {}

    async def begin(self, key: str) -> Slot:
        """Wait for a slot of this key. The caller ends it."""
        of = self._keys.get(key)
        if of is None:
            self._forget_idle()
            of = self._keys[key] = _OfKey(self._most, self._clock)
        if not of.waiting and len(of.slots) < of.most:
            return of.begin()
        future: asyncio.Future[Slot] = asyncio.get_running_loop().create_future()
        of.waiting.append(future)
        of.look_later(self._seconds)
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                future.result().end()
            raise

    @asynccontextmanager
    async def taking(self, key: str) -> AsyncIterator[None]:
        """Wait for a slot of this key; it lasts as long as the context at most."""
        slot = await self.begin(key)
        try:
            yield
        finally:
            slot.end()

    def _forget_idle(self) -> None:
        """Forget keys without requests: there are few keys with any."""
        self._keys = {key: of for key, of in self._keys.items() if of.slots or of.waiting}
