"""The source of a cache: list, watch, and list again when the watch cannot continue.

Guarantees:

- After `Synced`, applying every `Applied` and `Deleted` to the listed objects gives the state of
  the API server, with a short delay.
- It never ends and raises nothing during an outage. It yields `Stale` once, with the reason, and
  retries with a capped back-off (1, 2, 3, 5, 5, … seconds).
- `Live` or `Synced` follows a `Stale` when the API server responds again.
- With `by_page`, a list yields its pages as `Listed`, then `Synced`. The pages of an interrupted
  list are still correct.
- After an expired version (410), an error or a broken line inside the stream, a closed stream or a
  silent stream, it watches from the last known version, or lists again and yields `Synced`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

from trainyard_kube.client import Json, KubeClient, parsed
from trainyard_kube.errors import Gone, KubeError, TooManyRequests, Unreachable, from_status

BACKOFF_SECONDS: Final = (1.0, 2.0, 3.0, 5.0)
"""Seconds to wait after the first, second, … failure in a row; the last value repeats."""

INACTIVITY_SECONDS: Final = 90.0
"""A stream without data for this long is dead: bookmarks arrive about once a minute."""

SERVER_TIMEOUT_SECONDS: Final = 600
"""Seconds after which the API server closes a watch regularly."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of a list, only with `by_page`. `Synced` follows the last page."""

    objects: list[Json]


@dataclass(frozen=True, slots=True)
class Synced:
    """A complete list; it replaces everything known before."""

    objects: dict[str, Json]
    """UID → object; empty if the pages came as `Listed`."""
    version: int = field(default=0, compare=False)
    """resourceVersion of the list; newer objects are not in it."""
    uids: frozenset[str] = field(default=frozenset(), compare=False)
    """UIDs of all objects of the list."""


@dataclass(frozen=True, slots=True)
class Applied:
    """An object was created or changed."""

    object: Json


@dataclass(frozen=True, slots=True)
class Deleted:
    """An object was deleted; this is its last state."""

    object: Json


@dataclass(frozen=True, slots=True)
class Stale:
    """The API server is unreachable; the known objects may be out of date."""

    reason: str


@dataclass(frozen=True, slots=True)
class Live:
    """The API server responds again after a `Stale`; no change was missed."""


Change = Listed | Synced | Applied | Deleted | Stale | Live


class ListWatch:
    """Changes of the objects at one collection path, forever.

    With `by_page` a list comes page by page, so that memory never holds ten thousand raw objects.
    With `metadata_only` the objects come without spec, status and data.
    """

    def __init__(  # noqa: PLR0913  # the collection, and arguments for tests
        self,
        kube: KubeClient,
        path: str,
        *,
        label_selector: str | None = None,
        field_selector: str | None = None,
        by_page: bool = False,
        metadata_only: bool = False,
        clock: Callable[[], float] = time.monotonic,
        backoff: tuple[float, ...] = BACKOFF_SECONDS,
        inactivity_seconds: float = INACTIVITY_SECONDS,
    ) -> None:
        self.path = path
        self.last_contact: float | None = None
        """When the API server last sent data, by `clock`; None before the first list."""
        self._kube = kube
        selectors = {"labelSelector": label_selector, "fieldSelector": field_selector}
        self._query: dict[str, str | int] = {k: v for k, v in selectors.items() if v}
        self._by_page = by_page
        self._metadata_only = metadata_only
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
                # Closed here, so that the connection ends with this generator.
                async with aclosing(self._once()) as changes:
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
            # Do not retry in a tight loop if the server closes or expires every watch at once.
            if self._clock() - started < self._backoff[0]:
                await asyncio.sleep(self._backoff[0])

    async def _once(self) -> AsyncGenerator[Change]:
        """A list if no version is known, then one watch."""
        if self._version is None:
            async with aclosing(self._list()) as changes:
                async for change in changes:
                    yield change
        async with aclosing(self._watch()) as changes:
            async for change in changes:
                yield change

    async def _list(self) -> AsyncGenerator[Change]:
        version: str | None = None
        objects: dict[str, Json] = {}
        uids: set[str] = set()
        async with aclosing(self._pages()) as pages:
            async for page in pages:
                self._heard()
                version = version or page["metadata"]["resourceVersion"]
                items = _items(page)
                uids.update(item["metadata"]["uid"] for item in items)
                if self._by_page:
                    yield Listed(items)
                else:
                    objects.update((item["metadata"]["uid"], item) for item in items)
        self._version = version
        self._stale = False
        yield Synced(objects, int(version or 0), frozenset(uids))

    def _pages(self) -> AsyncGenerator[Json]:
        return self._kube.pages(self.path, metadata_only=self._metadata_only, **self._query)

    async def _watch(self) -> AsyncGenerator[Change]:
        query = {
            **self._query,
            "resourceVersion": self._version or "0",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": SERVER_TIMEOUT_SECONDS,
        }
        stream = self._kube.watch(
            self.path, self._inactivity, metadata_only=self._metadata_only, **query
        )
        async with stream as lines:
            self._heard()
            if self._stale:
                self._stale = False
                yield Live()
            async for line in lines:
                event = self._event(line)
                self._heard()
                change = self._change(event["type"], event["object"])
                if change is not None:
                    yield change

    def _event(self, line: bytes) -> Json:
        """An event of the stream. Raises Unreachable if the line is none."""
        event = parsed(line, self._kube.config.server)
        body = event.get("object")
        if not isinstance(event.get("type"), str) or not isinstance(body, dict):
            raise Unreachable("a line of the watch is no event")
        if event["type"] != "ERROR" and not (body.get("metadata") or {}).get("resourceVersion"):
            raise Unreachable("an event of the watch has no version")
        return event

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


def _items(page: Json) -> list[Json]:
    """The objects of a page, with kind and apiVersion, which items of a list lack."""
    kind, api_version = str(page["kind"]).removesuffix("List"), page["apiVersion"]
    # A list of metadata without any object holds null.
    items: list[Json] = page["items"] or []
    for item in items:
        item.setdefault("kind", kind)
        item.setdefault("apiVersion", api_version)
    return items
