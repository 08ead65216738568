"""Delivers what is in the outbox: at least once, and once more only if a gateway dies meanwhile.

A try is claimed in the database before the message is sent, and marked after the answer. A gateway
that dies between the two leaves the claim, which ends after `Pace.claim` seconds; then the message
is sent once more, with the same `webhook-id`. While the database is away, tries that have
begun end as always, and are marked when it is back.

A receiver gets one message at a time, and none for a while after a try that failed. The receivers
of one user or team take at most `OF_OWNER` of the `AT_ONCE` places.

What is held for a digest becomes one notice in one transaction, which is delivered as every other.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog
from yarl import URL

from trainyard_gateway import telemetry
from trainyard_gateway.notices import message, sending, signature
from trainyard_gateway.notices.pauses import Pauses
from trainyard_gateway.notices.receiver import times_of
from trainyard_gateway.notices.receivers import Receivers
from trainyard_gateway.notices.rights.recheck import Recheck, digest_body
from trainyard_gateway.notices.schedule import next_try
from trainyard_gateway.notices.sending import TOTAL_SECONDS, Outcome
from trainyard_gateway.notices.services import process
from trainyard_gateway.notices.timing.release import is_urgent, quiet_until
from trainyard_gateway.store.database import Connection, Database
from trainyard_gateway.store.errors import is_unavailable
from trainyard_gateway.store.outbox import digests, notices
from trainyard_gateway.store.outbox.notices import Due, NoticeRow, Room
from trainyard_gateway.store.outbox.receivers import SERVICE, ReceiverRow

AT_ONCE: Final = 8
"""Receivers to which is sent at the same time, to each one message."""
OF_OWNER: Final = 2
"""Of these, receivers of one user or team."""
SERVICES: Final = 3
"""Of these, receivers that are services: each has its own process."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things take, in seconds."""

    answer: float = TOTAL_SECONDS
    """For one try."""
    service: float = process.SECONDS
    """For one try of a service."""
    claim: float = 2 * process.SECONDS + 30.0
    """For one try with its mark; a gateway that takes longer has died."""
    look: float = 15.0
    """After which the outbox is looked at again in any case."""
    away: float = 1.0
    """After which the database is asked again that did not answer."""


PACE: Final = Pace()


class NoticeDelivery:
    """Empties the outbox."""

    def __init__(
        self,
        database: Database,
        receivers: Receivers,
        pace: Pace = PACE,
        now: Callable[[], float] = time.time,
        recheck: Recheck | None = None,
    ) -> None:
        """`now` gives seconds since the epoch; without `recheck` rights are not asked for again."""
        self._database, self._receivers, self._recheck = database, receivers, recheck
        self._pace, self._now = pace, now
        self._wake = asyncio.Event()
        self._busy: dict[str, ReceiverRow] = {}
        """Receivers to which is sent."""
        self._pauses = Pauses()

    def wake(self, receiver: str | None = None) -> None:
        """Something new is in the outbox; `receiver` is one to try at once, also in a pause."""
        if receiver is not None:
            self._pauses.end(receiver)
        self._wake.set()

    async def run(self) -> None:
        """Deliver without end."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._wake.clear()
                pause = await self._start(group)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._wake.wait()

    async def _start(self, group: asyncio.TaskGroup) -> float:
        """Begin the tries that are due; seconds until there may be others."""
        try:
            return await self._start_due(group)
        except Exception as error:
            if not is_unavailable(error):
                raise
            # Tries that have begun must not end with this one.
            _log.warning("notices wait for the database", error=repr(error)[:500])
            return self._pace.away

    async def _start_due(self, group: asyncio.TaskGroup) -> float:
        room = AT_ONCE - len(self._busy)
        if room <= 0:
            return self._pace.look
        began = self._now()
        now, paused = _micros(began), self._pauses.paused(began)
        but, taken = (
            frozenset({*self._busy, *paused}),
            Counter(r.owner for r in self._busy.values()),
        )
        places = Room(room, OF_OWNER, but, taken, self._has_room_for_services())
        held = await self._collect(now)
        found, later = await self._database.read(
            lambda c: notices.due(c, now, places), applied=False
        )
        for each in found:
            one = await self._still_due(each, began)
            if one is None:
                self.wake()
            elif await self._claim(one):
                row = one.notice._replace(tries=one.notice.tries + 1)
                self._busy[row.receiver] = one.receiver
                group.create_task(self._try(one._replace(notice=row)))
        times = [*paused.values(), *(at / 1e6 for at in (later, held) if at is not None)]
        return min([self._pace.look, *(time - began + 0.01 for time in times)])

    async def _collect(self, now: int) -> int | None:
        """Make the digests that are due; when the next one is."""

        def body(rows: list[NoticeRow], dropped: int) -> str:
            return digest_body(rows, dropped, now)

        def collect(connection: Connection) -> None:
            for receiver in digests.due_digests(connection, now):
                digests.collect(connection, receiver, f"msg_{uuid.uuid4().hex}", now, body)

        if await self._database.read(lambda c: digests.due_digests(c, now), applied=False):
            await self._database.write(collect)
        return await self._database.read(lambda c: digests.next_digest(c, now), applied=False)

    async def _still_due(self, one: Due, now: float) -> Due | None:
        """The notice as its receiver may get it now; None if it gets none of it now."""
        if await self._is_quiet(one, now) or not self._has_room(one.receiver):
            return None
        return one if self._recheck is None else await self._recheck.still_due(one)

    async def _is_quiet(self, one: Due, now: float) -> bool:
        """Whether the receiver has quiet hours; then the notice waits until they end."""
        times, row = times_of(one.receiver), one.notice
        if times is None or is_urgent(times, message.kind_of(row.body)):
            return False
        until = quiet_until(times, now)
        if until is None:
            return False
        await self._database.write(lambda c: notices.postpone(c, row, _micros(until)))
        return True

    def _has_room(self, receiver: ReceiverRow) -> bool:
        return receiver.kind != SERVICE or self._has_room_for_services()

    def _has_room_for_services(self) -> bool:
        return sum(r.kind == SERVICE for r in self._busy.values()) < SERVICES

    async def _claim(self, one: Due) -> bool:
        until = _micros(self._now() + self._pace.claim)
        return await self._database.write(lambda c: notices.claim(c, one.notice, until))

    async def _try(self, one: Due) -> None:
        row, receiver = one.notice, one.receiver
        try:
            outcome = await self._send(one)
            if outcome.delivered:
                self._pauses.end(receiver.id)
            else:
                self._pauses.failed(receiver.id, self._now(), outcome.retry_after)
            await self._mark(one, outcome)
        except Exception as error:  # one receiver must never end the delivery to all
            # The claim ends, and the notice is tried again.
            _log.error("a notice was not marked", notice=row.id, exc_info=error)
        finally:
            self._busy.pop(row.receiver, None)
            self.wake()

    async def _send(self, one: Due) -> Outcome:
        row, receiver, internal = one.notice, one.receiver, self._receivers.internal
        if receiver.kind == SERVICE:
            return await process.send(receiver.url, row.body, internal, self._pace.service)
        body = row.body.encode()
        signed = signature.headers(receiver.secret, row.id, int(self._now()), body)
        return await sending.send(URL(receiver.url), body, signed, internal, self._pace.answer)

    async def _mark(self, one: Due, outcome: Outcome) -> None:
        row, now = one.notice, self._now()
        again = None if outcome.final else next_try(row.id, row.tries, now, outcome.retry_after)
        if outcome.delivered:
            state, again, counted = notices.DELIVERED, now, "delivered"
        elif again is None:
            state, again, counted = notices.DEAD, now, "dead"
        else:
            state, counted = notices.WAITING, "failed"
        await self._write_mark(one, state, _micros(again), outcome.words)
        telemetry.NOTICES.labels(counted).inc()
        if not outcome.delivered:
            _log.warning("a notice was not delivered", notice=row.id, why=outcome.words)

    async def _write_mark(self, one: Due, state: str, at: int, words: str) -> None:
        """Mark a try. While the database is away, again and again until the claim has ended."""
        until = self._now() + self._pace.claim
        while True:
            try:
                return await self._database.write(
                    lambda c: notices.mark(c, one.notice, state, at, words)
                )
            except Exception as error:
                if not is_unavailable(error) or self._now() >= until:
                    raise
            await asyncio.sleep(self._pace.away)


def _micros(seconds: float) -> int:
    return int(seconds * 1e6)
