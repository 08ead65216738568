"""What running sessions reported last, read once for all who look at them.

Many streams of different users show the same sessions. A session's values are read again only after
it has reported or its object has changed. Who may see a session is asked before, for each user.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from trainyard_gateway.sessions.reported.measured import Measured, measured
from trainyard_gateway.store.database import Database

MOST_KEPT = 20_000
"""Sessions; the least recently read one is dropped first."""
FRESH_SECONDS = 0.5
"""For so long values are kept where other gateways take reports, too."""


class _Kept(NamedTuple):
    values: Measured | None
    """None: there is neither a heartbeat nor a checkpoint."""
    read_at: float


class MeasuredCache:
    """Values of sessions, kept until `forget` is called for them."""

    def __init__(
        self, database: Database, most: int = MOST_KEPT, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database, self._most, self._clock = database, most, clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._forgotten = set[str]()
        """Since the reading that is under way began."""
        self._one_at_a_time = asyncio.Lock()
        self._asked, self._failed = 0, 0
        self._failure: Exception | None = None
        """Of the last reading, if it failed; `_failed` readings were asked for by then."""

    def forget(self, uid: str) -> None:
        """Read a session again the next time: it has reported, or changed otherwise."""
        self._kept.pop(uid, None)
        if self._one_at_a_time.locked():
            self._forgotten.add(uid)

    async def read(self, uids: Sequence[str]) -> dict[str, Measured]:
        """By UID; sessions without a heartbeat or a checkpoint are absent.

        Who asks while another one's reading is under way waits for it, and reads what it lacks. If
        it fails, so does who has waited for it: a database that is away may take its time to say
        so. Raises the errors of the database.
        """
        self._asked += 1
        turn = self._asked
        async with self._one_at_a_time:
            kept = {uid: self._kept[uid].values for uid in uids if self._is_fresh(uid)}
            missing = [uid for uid in uids if uid not in kept]
            read: dict[str, Measured] = {}
            if missing:
                if self._failure is not None and turn <= self._failed:
                    raise self._failure.with_traceback(None)
                read = await self._read(missing)
        return read | {uid: values for uid, values in kept.items() if values is not None}

    async def _read(self, uids: Sequence[str]) -> dict[str, Measured]:
        self._forgotten.clear()
        self._failure = None
        try:
            # Reads do not wait for the inbox: later reports call `forget`.
            read = await self._database.read(partial(measured, uids=uids), applied=False)
        except Exception as error:
            self._failure, self._failed = error, self._asked
            raise
        self._keep(uids, read)
        return read

    def _is_fresh(self, uid: str) -> bool:
        kept = self._kept.get(uid)
        if kept is None:
            return False
        self._kept.move_to_end(uid)
        return self._database.exclusive or self._clock() - kept.read_at < FRESH_SECONDS

    def _keep(self, uids: Sequence[str], read: dict[str, Measured]) -> None:
        now = self._clock()
        for uid in uids:
            # What changed during the reading may be newer than what was read.
            if uid not in self._forgotten:
                self._kept[uid] = _Kept(read.get(uid), now)
                self._kept.move_to_end(uid)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
