"""A cache's source: list, watch, and list again whenever the watch cannot go on.

Guarantees:

- After `Synced`, applying every `Applied` and `Deleted` to the listed objects gives what the API server has, some moments later.
- It never ends by itself and never raises on an outage: it waits with a capped back-off (1, 2, 3, 5, 5, … seconds) and
  says `Stale` once, with the reason.
- `Live` follows a `Stale` as soon as the API server is heard again (a `Synced` says the same).
- A compacted history (410), an error inside the stream, a closed stream and a silent stream each lead to a watch from
  the last known version, or to a new list, which `Synced` announces.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from trainyard_kube.client import Json, KubeClient
from trainyard_kube.errors import Gone, KubeError, TooManyRequests, from_status

BACKOFF_SECONDS: Final = (1.0, 2.0, 3.0, 5.0)
"""Pauses after the first, second, … failure in a row; the last one repeats without end."""

INACTIVITY_SECONDS: Final = 90.0
"""The API server sends a bookmark about once a minute; a stream silent for longer is dead."""

SERVER_TIMEOUT_SECONDS: Final = 600
"""How long the API server keeps one watch open before it closes it in the regular way."""


@dataclass(frozen=True, slots=True)
class Synced:
    """A fresh and complete list; replaces everything known before. UID → object."""

    objects: dict[str, Json]
    version: int = field(default=0, compare=False)
    """resourceVersion of the list: what was made later is not in it."""


@dataclass(frozen=True, slots=True)
class Applied:
    """An object was created or changed."""

    object: Json


@dataclass(frozen=True, slots=True)
class Deleted:
    """An object is gone; its last state."""

    object: Json


@dataclass(frozen=True, slots=True)
class Stale:
    """The API server cannot be reached; what is known may be out of date."""

    reason: str


@dataclass(frozen=True, slots=True)
class Live:
    """The API server is heard again after a `Stale`, and nothing was missed."""


Change = Synced | Applied | Deleted | Stale | Live


class ListWatch:
    """Changes of the objects at one collection path, without end."""

    def __init__(
        self,
        kube: KubeClient,
        path: str,
        *,
        label_selector: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        backoff: tuple[float, ...] = BACKOFF_SECONDS,
        inactivity_seconds: float = INACTIVITY_SECONDS,
    ) -> None:
        self.path = path
        self.last_contact: float | None = None
        """When the API server last said anything on this collection, by `clock`; None before the first list."""
        self._kube = kube
        self._query: dict[str, str | int] = (
            {"labelSelector": label_selector} if label_selector else {}
        )
        self._clock = clock
        self._backoff = backoff
        self._inactivity = inactivity_seconds
        self._version: str | None = None
        self._failures = 0
        self._stale = False

    async def __aiter__(self) -> AsyncIterator[Change]:
        while True:
            started = self._clock()
            try:
                if self._version is None:
                    yield await self._list()
                # Closed here and not by the garbage collector, so that its connection ends with this generator.
                async with aclosing(self._watch()) as changes:
                    async for change in changes:
                        yield change
            except Gone:
                self._version = None
            except KubeError as error:
                if not self._stale:
                    self._stale = True
                    yield Stale(str(error))
                await self._pause(error)
                continue
            # A server that closes or expires every watch at once must not be asked in a tight loop.
            if self._clock() - started < self._backoff[0]:
                await asyncio.sleep(self._backoff[0])

    async def _list(self) -> Synced:
        listed = await self._kube.list(self.path, **self._query)
        self._version = listed["metadata"]["resourceVersion"]
        self._heard()
        self._stale = False
        kind, api_version = _item_kind(listed)
        objects = {}
        for item in listed["items"]:
            # Items of a list carry no kind of their own; events do.
            item.setdefault("kind", kind)
            item.setdefault("apiVersion", api_version)
            objects[item["metadata"]["uid"]] = item
        return Synced(objects, int(self._version or 0))

    async def _watch(self) -> AsyncGenerator[Change]:
        query = {
            **self._query,
            "resourceVersion": self._version or "0",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": SERVER_TIMEOUT_SECONDS,
        }
        async with self._kube.watch(self.path, self._inactivity, **query) as lines:
            self._heard()
            if self._stale:
                self._stale = False
                yield Live()
            async for line in lines:
                event = orjson.loads(line)
                self._heard()
                change = self._change(event["type"], event["object"])
                if change is not None:
                    yield change

    def _change(self, kind: str, body: dict[str, Any]) -> Change | None:
        if kind == "ERROR":
            raise from_status(body, int(body.get("code") or 500))
        self._version = body["metadata"]["resourceVersion"]
        if kind == "BOOKMARK":
            return None
        return Deleted(body) if kind == "DELETED" else Applied(body)

    def _heard(self) -> None:
        self.last_contact = self._clock()
        self._failures = 0

    async def _pause(self, error: KubeError) -> None:
        pause = self._backoff[min(self._failures, len(self._backoff) - 1)]
        if isinstance(error, TooManyRequests) and error.retry_after is not None:
            pause = max(pause, min(error.retry_after, 60.0))
        self._failures += 1
        await asyncio.sleep(pause)


def _item_kind(listed: Json) -> tuple[str, str]:
    return str(listed["kind"]).removesuffix("List"), str(listed["apiVersion"])
