"""Charts as they were sent, for as long as their session reports nothing more.

A page with many runs asks for the same charts again and again, and most runs are over. Only where one process takes in all reports
(`Database.exclusive`) is it known that nothing changed; elsewhere every chart is read anew.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import orjson

from trainyard_gateway.store.database import Database
from trainyard_gateway.store.metrics import charts

MOST_BYTES = 32 << 20
"""Kept in all; a chart of 1,000 points has about 80 kB. The sessions that were asked for longest ago go first."""
_MOST_SESSIONS = 10_000

_Charts = dict[tuple[tuple[str, ...], charts.Window], bytes]


class ChartCache:
    """Answers to `history`, as JSON."""

    def __init__(self, database: Database, most_bytes: int = MOST_BYTES) -> None:
        self._database, self._most_bytes = database, most_bytes
        self._sessions: OrderedDict[str, _Charts] = OrderedDict()
        self._bytes = 0
        database.on_report(self._forget)

    async def history(
        self, session: str, uid: str, names: Sequence[str], window: charts.Window
    ) -> bytes:
        """`{"session": …, "series": […]}` of the metrics of a session, or of those named."""
        kept = self._sessions.setdefault(uid, {})
        self._sessions.move_to_end(uid)
        key = tuple(names), window
        if (found := kept.get(key)) is not None:
            return found
        body = await self._database.read(
            lambda c: orjson.dumps(
                {"session": session, "series": charts.history(c, uid, names, window)}
            )
        )
        # A report that came meanwhile took the dict away, since what was read may be older.
        if self._database.exclusive and self._sessions.get(uid) is kept and key not in kept:
            kept[key] = body
            self._bytes += len(body)
        while self._bytes > self._most_bytes or len(self._sessions) > _MOST_SESSIONS:
            self._forget(next(iter(self._sessions)))
        return body

    def _forget(self, uid: str) -> None:
        self._bytes -= sum(map(len, self._sessions.pop(uid, {}).values()))
