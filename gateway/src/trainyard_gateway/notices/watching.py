"""Looks at sessions that change, and puts notices about them into the outbox.

Level-triggered: at every look the events that hold are computed again, and those that the outbox
does not have are added. So a gateway that dies before an event is in the outbox loses none, as long
as the session shows it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Final

import orjson
import structlog

from trainyard_api.rights.owner import User
from trainyard_gateway import telemetry
from trainyard_gateway.limits.service import Spent
from trainyard_gateway.notices import message
from trainyard_gateway.notices.audience import audience, concerns
from trainyard_gateway.notices.budgets import budget_notices
from trainyard_gateway.notices.events import events, is_due
from trainyard_gateway.notices.receiver import Receiver
from trainyard_gateway.notices.receivers import MOST_WAITING, Receivers, placed
from trainyard_gateway.sessions.cache import SessionCache
from trainyard_gateway.sessions.info import has_ended
from trainyard_gateway.store import sessions
from trainyard_gateway.store.database import Database
from trainyard_gateway.store.outbox import notices
from trainyard_gateway.store.outbox.notices import NoticeRow
from trainyard_kube import Json

LOOK_SECONDS: Final = 15.0
"""All sessions that have not ended are looked at so often, since time passes for them."""
PAUSE_SECONDS: Final = 0.5
"""Between two looks at sessions that change."""
AT_ONCE: Final = 500
"""Notices that are added in one transaction, and rules that are looked at without a pause."""
KEPT_SECONDS: Final = 30 * 86_400.0
"""How long notices stay that wait no more; longer than the time in which events are sent."""

_log = structlog.get_logger()


class NoticeWatcher:
    """Fills the outbox."""

    def __init__(
        self,
        cache: SessionCache,
        database: Database,
        receivers: Receivers,
        user_of: Callable[[str], User],
        now: Callable[[], float] = time.time,
    ) -> None:
        """`user_of` tells who the user of a name is; `now` gives seconds since the epoch."""
        self._cache, self._database, self._receivers = cache, database, receivers
        self._user_of, self._now = user_of, now
        self._changed: dict[str, None] = {}
        self._added: dict[str, set[str]] = {}
        """By UID of the session: notices that were added or dropped."""
        self._looked = 0
        """Rules since requests could be answered."""
        self._wake = asyncio.Event()
        self.on_added: Callable[[], None] = lambda: None
        self.limits: Callable[[], Awaitable[list[Spent]]] | None = None
        """Gives the budgets, about which there are notices too."""

    def notify(self, uid: str) -> None:
        """Look at this session soon."""
        if self._receivers.enabled:
            self._changed[uid] = None
            self._wake.set()

    async def run(self) -> None:
        """Look again and again."""
        await self._cache.synced.wait()
        next_look = 0.0
        while True:
            if time.monotonic() >= next_look:
                next_look = time.monotonic() + LOOK_SECONDS
                await self._prepare()
            await self._look()
            await asyncio.sleep(PAUSE_SECONDS)
            self._wake.clear()
            if not self._changed:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(0.0, next_look - time.monotonic())):
                        await self._wake.wait()

    async def _prepare(self) -> None:
        """Know the receivers, forget old notices, and look at all sessions that have not ended."""
        await self._receivers.load()
        holding = await self._look_at_budgets()
        before = int((self._now() - KEPT_SECONDS) * 1e6)
        await self._database.write(lambda c: notices.forget(c, before, holding))
        await self._hasten()
        going = [b["metadata"]["uid"] for b in self._cache.live() if not has_ended(b)]
        self._changed |= dict.fromkeys(going)
        # Sessions that have ended are seldom looked at: the outbox knows what it has of them.
        self._added = {uid: self._added[uid] for uid in going if uid in self._added}

    async def _look_at_budgets(self) -> set[str]:
        """Add notices about budgets; the ids of all that hold, which stay as long.

        A period may be longer than notices are kept.
        """
        receivers = self._receivers.all()
        if self.limits is None or not receivers:
            return set()
        limits, now = await self.limits(), self._now()
        rows = [
            row
            for receiver in receivers
            for row in budget_notices(receiver, audience(receiver.row, self._user_of), limits, now)
        ]
        for start in range(0, len(rows), AT_ONCE):
            await self._write(rows[start : start + AT_ONCE])
        return {row.id for row in rows}

    async def _hasten(self) -> None:
        """What waits longer than a notice of now waits less.

        It came by a clock that was ahead, or by times of before that were known here still.
        """
        now = int(self._now() * 1e6)
        known = {receiver.row.id: receiver for receiver in self._receivers.all()}
        later = await self._database.read(lambda c: notices.untried_later(c, now), applied=False)
        pairs = [(r, placed(r, known[r.receiver], now)) for r in later if r.receiver in known]
        rows = [new for row, new in pairs if row.next_try > new.next_try]
        if rows:
            await self._database.write(lambda c: notices.place_all(c, rows))

    async def _look(self) -> None:
        changed, self._changed = self._changed, {}
        if not self._receivers.all():
            return
        try:
            await self._look_at(changed)
        except BaseException:
            # Nothing is lost: what the outbox has already is not added again.
            self._changed = {**changed, **self._changed}
            raise

    async def _look_at(self, changed: Iterable[str]) -> None:
        rows: dict[str, list[NoticeRow]] = {}
        for uid in changed:
            body = self._cache.get(uid) or await self._gone(uid)
            if body is not None and (found := await self._found(body)):
                rows[uid] = found
            if sum(map(len, rows.values())) >= AT_ONCE:
                await self._add(rows)
                rows = {}
        if rows:
            await self._add(rows)

    async def _add(self, rows: dict[str, list[NoticeRow]]) -> None:
        """Add notices, by UID of their session."""
        every = [row for found in rows.values() for row in found]
        for start in range(0, len(every), AT_ONCE):
            await self._write(every[start : start + AT_ONCE])
        for uid, found in rows.items():
            self._added.setdefault(uid, set()).update(row.id for row in found)

    async def _write(self, rows: list[NoticeRow]) -> None:
        added = await self._database.write(lambda c: notices.add(c, rows, MOST_WAITING))
        if added.dropped:
            telemetry.NOTICES.labels("dropped").inc(added.dropped)
            _log.warning(
                "notices were dropped: too many wait for their receivers", dropped=added.dropped
            )
        if added.new:
            self.on_added()

    async def _gone(self, uid: str) -> Json | None:
        """The last state of a session that the cluster no longer has."""
        row = await self._database.read(lambda c: sessions.find(c, uid), applied=False)
        return orjson.loads(row.object) if row is not None else None

    async def _found(self, body: Json) -> list[NoticeRow]:
        """Notices about one session; none, with a line in the log, after an error."""
        found: list[NoticeRow] = []
        try:
            for receiver in self._receivers.all():
                found += self._rows(body, receiver)
                self._looked += 1 + len(receiver.rules)
                if self._looked >= AT_ONCE:
                    self._looked = 0
                    await asyncio.sleep(0)  # requests are answered meanwhile
        except Exception as error:  # one session must never end the notices about all
            name = body["metadata"]["name"]
            _log.error("a session gives no notices", session=name, exc_info=error)
            return []
        return found

    def _rows(self, body: Json, receiver: Receiver) -> Iterator[NoticeRow]:
        if not self._concerns(receiver, body):
            return
        now, uid = self._now(), body["metadata"]["uid"]
        added, made = self._added.get(uid, ()), int(now * 1e6)
        for rule, since in receiver.dated_rules():
            for event in events(body, rule, now):
                identity = message.identity(receiver.row.id, uid, event.key)
                if identity in added or not is_due(event, since, now):
                    continue
                row = NoticeRow(identity, receiver.row.id, message.body(body, event), made)
                yield placed(row, receiver, made)

    def _concerns(self, receiver: Receiver, body: Json) -> bool:
        """Whether the session is one of those that the receiver gets notices about."""
        reader = audience(receiver.row, self._user_of)
        return concerns(receiver.row, reader, self._cache.owner_of(body))
