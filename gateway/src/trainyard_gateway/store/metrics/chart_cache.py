"""Rendered charts, cached until their session reports again.

A page with many sessions asks for the same charts again and again, and most of the sessions are
over. Only a process that ingests all reports itself (`Database.exclusive`) knows that a chart is
unchanged. Other processes read every chart again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

import orjson

from trainyard_gateway.store.database import Connection
from trainyard_gateway.store.metrics import charts
from trainyard_gateway.store.store import Store

MAX_BYTES = 32 << 20
"""Bytes of all cached charts; a chart of 1,000 points has about 80 kB.

The least recently used session is evicted first.
"""
ENTRY_BYTES = 500
"""What a cached chart takes beside its text and the names asked for; an empty one, too."""
_MAX_SESSIONS = 10_000


class _Asked(NamedTuple):
    """What a cached text is the answer to."""

    names: tuple[str, ...]
    window: charts.Window
    as_columns: bool = False


_Charts = dict[_Asked, bytes]


class ChartCache:
    """Reads charts as JSON, from the cache where that is known to be current."""

    def __init__(self, store: Store, max_bytes: int = MAX_BYTES) -> None:
        self._store, self._max_bytes = store, max_bytes
        self._sessions: OrderedDict[str, _Charts] = OrderedDict()
        self._bytes = 0
        store.on_durable(self._evict)

    async def prepare(self) -> None:
        """Take from the first chart what a process does only once; see `charts.prepare`."""
        await self._store.read(charts.prepare, applied=False)

    async def read(
        self, session: str, uid: str, names: Sequence[str], window: charts.Window
    ) -> bytes:
        """`{"session": …, "series": […]}` of a session's metrics, those in `names` or all if it is
        empty.

        `session`: the name to show; `uid`: whose metrics are read.
        """
        cached = self._of(uid)
        asked = _Asked(tuple(names), window)
        if (found := cached.get(asked)) is not None:
            return found
        body = await self._store.read(
            lambda c: orjson.dumps(
                {"session": session, "series": charts.read_charts(c, uid, names, window)}
            )
        )
        self._keep(uid, cached, asked, body)
        self._evict_oldest()
        return body

    async def read_columns(
        self, uids: Sequence[str], name: str, window: charts.Window
    ) -> dict[str, bytes]:
        """One metric of several sessions as JSON of `charts.read_columns`, by UID.

        Of many sessions each has fewer points. What is not cached is read at once. Sessions without
        the metric are absent.
        """
        asked = _Asked((name,), charts.bounded(window, len(uids)), as_columns=True)
        cached = {uid: self._of(uid) for uid in uids}
        found = {uid: each[asked] for uid, each in cached.items() if asked in each}
        missing = [uid for uid in cached if uid not in found]
        if missing:
            read = await self._store.read(lambda c: _columns(c, missing, name, asked.window))
            for uid in missing:
                self._keep(uid, cached[uid], asked, read.get(uid, _WITHOUT))
            found |= read
            self._evict_oldest()
        return {uid: body for uid, body in found.items() if body != _WITHOUT}

    def _of(self, uid: str) -> _Charts:
        found = self._sessions.setdefault(uid, {})
        self._sessions.move_to_end(uid)
        return found

    def _keep(self, uid: str, cached: _Charts, asked: _Asked, body: bytes) -> None:
        # A report that arrived during the read has evicted the dict, since the result may be older.
        if self._store.exclusive and self._sessions.get(uid) is cached and asked not in cached:
            cached[asked] = body
            self._bytes += _size(asked, body)

    def _evict_oldest(self) -> None:
        while self._bytes > self._max_bytes or len(self._sessions) > _MAX_SESSIONS:
            self._evict(next(iter(self._sessions)))

    def _evict(self, uid: str) -> None:
        left = self._sessions.pop(uid, {})
        self._bytes -= sum(_size(asked, body) for asked, body in left.items())


def _size(asked: _Asked, body: bytes) -> int:
    return ENTRY_BYTES + sum(map(len, asked.names)) + len(body)


_WITHOUT = b""
"""What is cached of a session without a metric."""


def _columns(
    connection: Connection, uids: Sequence[str], name: str, window: charts.Window
) -> dict[str, bytes]:
    found = charts.read_columns(connection, uids, name, window)
    return {uid: orjson.dumps(columns) for uid, columns in found.items()}
