"""Wakes the event streams of a session as soon as it changes, and reads a change once for all."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from trainyard_gateway.errors import TooManyRequests, Unavailable
from trainyard_gateway.request_slots import RequestSlots

MOST_FOLLOWERS = 1000
"""Open streams of this gateway."""
MOST_OF_KEY = 400
"""Open streams of one API key."""
MOST_OF_ADDRESS = 600
"""Open streams from one address."""
_MOST_SHARED = 4
"""Positions of one session whose changes are kept for further followers."""
_FULL_SECONDS = 15.0
_SLOT_SECONDS = 0.02
"""After this time a client that does not take what is sent holds up no other stream."""


@dataclass(frozen=True, slots=True)
class Client:
    """Who follows."""

    key_id: str
    address: str
    is_allowed: Callable[[], bool]
    """Whether the key still opens the stream."""


@dataclass(eq=False)
class Follower:
    """One open stream."""

    client: Client
    touched: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class _Followed:
    """A session with open streams."""

    followers: set[Follower] = field(default_factory=set)
    shared: dict[Any, asyncio.Task[Any]] = field(default_factory=dict)
    """Changes by position, until the next change."""


class Hub:
    """The open streams by session. An idle one costs nothing until `notify` or its keep-alive."""

    def __init__(
        self,
        most: int = MOST_FOLLOWERS,
        most_of_key: int = MOST_OF_KEY,
        most_of_address: int = MOST_OF_ADDRESS,
    ) -> None:
        self._most, self._most_of_key, self._most_of_address = most, most_of_key, most_of_address
        self._followed: dict[str, _Followed] = {}
        self._of_key, self._of_address = Counter[str](), Counter[str]()
        self.followers = 0
        self.slots = RequestSlots(seconds=_SLOT_SECONDS)
        """Of the streams that have something to send, by session."""
        self.stopping = asyncio.Event()

    def sessions(self) -> list[str]:
        """UIDs of the sessions that are followed."""
        return list(self._followed)

    def notify(self, uid: str) -> None:
        """Wake the streams of a session."""
        followed = self._followed.get(uid)
        if followed is not None:
            followed.shared.clear()
            for follower in followed.followers:
                follower.touched.set()

    def wake_refused(self) -> None:
        """Wake the streams whose key opens nothing any more: they end."""
        for followed in self._followed.values():
            for follower in followed.followers:
                if not follower.client.is_allowed():
                    follower.touched.set()

    def stop(self) -> None:
        """End every stream, because the gateway stops."""
        self.stopping.set()
        for followed in self._followed.values():
            for follower in followed.followers:
                follower.touched.set()

    async def shared(self, uid: str, position: Any, read: Callable[[], Awaitable[Any]]) -> Any:
        """What `read` returns, read once for all followers of a session at one position."""
        followed = self._followed[uid]
        task = followed.shared.get(position)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = asyncio.ensure_future(read())
            while len(followed.shared) >= _MOST_SHARED:
                del followed.shared[next(iter(followed.shared))]
            followed.shared[position] = task
        # One follower that leaves does not take the others' changes along.
        return await asyncio.shield(task)

    @contextmanager
    def following(self, uid: str, client: Client) -> Iterator[asyncio.Event]:
        """An event that `notify` sets, as long as the context is open.

        Raises Unavailable if too many streams are open, TooManyRequests for those of a key or
        address.
        """
        self.require_room(client)
        follower = Follower(client)
        self.followers += 1
        self._of_key[client.key_id] += 1
        self._of_address[client.address] += 1
        followed = self._followed.setdefault(uid, _Followed())
        followed.followers.add(follower)
        try:
            yield follower.touched
        finally:
            self.followers -= 1
            _leave(self._of_key, client.key_id)
            _leave(self._of_address, client.address)
            followed.followers.discard(follower)
            if not followed.followers:
                self._followed.pop(uid, None)

    def require_room(self, client: Client) -> None:
        """Raises Unavailable and TooManyRequests if one more stream may not be opened."""
        if self.followers >= self._most or self.stopping.is_set():
            raise Unavailable("too many event streams are open; ask for status and logs instead")
        for count, most, whose in (
            (self._of_key[client.key_id], self._most_of_key, "this key"),
            (self._of_address[client.address], self._most_of_address, "this address"),
        ):
            if count >= most:
                raise TooManyRequests(
                    f"{whose} has {most} event streams open, the most there may be; close some",
                    _FULL_SECONDS,
                )


def _leave(counts: Counter[str], name: str) -> None:
    counts[name] -= 1
    if counts[name] <= 0:
        del counts[name]
