"""Rendered charts, cached until their session reports again.

A page with many sessions asks for the same charts again and again, and most of the sessions are
over. Only a process that ingests all reports itself (`Database.exclusive`) knows that a chart is
unchanged. Other processes read every chart again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import orjson

from trainyard_gateway.store.metrics import charts
from trainyard_gateway.store.store import Store

MAX_BYTES = 32 << 20
"""Bytes of all cached charts; a chart of 1,000 points has about 80 kB.

The least recently used session is evicted first.
"""
_MAX_SESSIONS = 10_000

_Charts = dict[tuple[tuple[str, ...], charts.Window], bytes]
"""JSON by metric names and window."""


class ChartCache:
    """Reads charts as JSON, from the cache where that is known to be current."""

    def __init__(self, store: Store, max_bytes: int = MAX_BYTES) -> None:
        self._store, self._max_bytes = store, max_bytes
        self._sessions: OrderedDict[str, _Charts] = OrderedDict()
        self._bytes = 0
        store.on_durable(self._evict)

    async def read(
        self, session: str, uid: str, names: Sequence[str], window: charts.Window
    ) -> bytes:
        """`{"session": …, "series": […]}` of a session's metrics, those in `names` or all if it is
        empty.

        `session`: the name to show; `uid`: whose metrics are read.
        """
        cached = self._sessions.setdefault(uid, {})
        self._sessions.move_to_end(uid)
        key = tuple(names), window
        if (found := cached.get(key)) is not None:
            return found
        body = await self._store.read(
            lambda c: orjson.dumps(
                {"session": session, "series": charts.read_charts(c, uid, names, window)}
            )
        )
        # A report that arrived during the read has evicted the dict, since the result may be older.
        if self._store.exclusive and self._sessions.get(uid) is cached and key not in cached:
            cached[key] = body
            self._bytes += len(body)
        while self._bytes > self._max_bytes or len(self._sessions) > _MAX_SESSIONS:
            self._evict(next(iter(self._sessions)))
        return body

    def _evict(self, uid: str) -> None:
        self._bytes -= sum(map(len, self._sessions.pop(uid, {}).values()))
