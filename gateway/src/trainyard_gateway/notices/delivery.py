"""Delivers what is in the outbox: at least once, and once more only if a gateway dies meanwhile.

A try is claimed in the database before the message is sent, and marked after the answer. A gateway
that dies between the two leaves the claim, which ends after `Pace.claim` seconds; then the message
is sent once more, with the same `webhook-id`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog
from yarl import URL

from trainyard_gateway import telemetry
from trainyard_gateway.notices import sending, signature
from trainyard_gateway.notices.receivers import Receiver, Receivers
from trainyard_gateway.notices.schedule import next_try
from trainyard_gateway.notices.sending import TOTAL_SECONDS, Outcome
from trainyard_gateway.store.database import Database
from trainyard_gateway.store.outbox import notices
from trainyard_gateway.store.outbox.notices import NoticeRow

AT_ONCE: Final = 8
"""Receivers to which is sent at the same time, to each one message."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things take, in seconds."""

    answer: float = TOTAL_SECONDS
    """For one try."""
    claim: float = 2 * TOTAL_SECONDS + 30.0
    """For one try with its mark; a gateway that takes longer has died."""
    look: float = 15.0
    """After which the outbox is looked at again in any case."""


PACE: Final = Pace()


class NoticeDelivery:
    """Empties the outbox."""

    def __init__(
        self,
        database: Database,
        receivers: Receivers,
        pace: Pace = PACE,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`now` gives seconds since the epoch."""
        self._database, self._receivers = database, receivers
        self._pace, self._now = pace, now
        self._wake = asyncio.Event()
        self._busy: set[str] = set()

    def wake(self) -> None:
        """Something new is in the outbox."""
        self._wake.set()

    async def run(self) -> None:
        """Deliver without end."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._wake.clear()
                pause = await self._start_due(group)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._wake.wait()

    async def _start_due(self, group: asyncio.TaskGroup) -> float:
        """Begin the tries that are due; seconds until there may be others."""
        room = AT_ONCE - len(self._busy)
        if room <= 0 or not self._receivers.all():
            return self._pace.look
        now, busy = _micros(self._now()), frozenset(self._busy)
        rows, later = await self._database.read(
            lambda c: notices.due(c, now, room, busy), applied=False
        )
        for row in rows:
            receiver = self._receivers.get(row.receiver)
            if receiver is not None and await self._claim(row):
                self._busy.add(row.receiver)
                group.create_task(self._try(row._replace(tries=row.tries + 1), receiver))
        return (
            self._pace.look if later is None else min(self._pace.look, (later - now) / 1e6 + 0.01)
        )

    async def _claim(self, row: NoticeRow) -> bool:
        until = _micros(self._now() + self._pace.claim)
        return await self._database.write(lambda c: notices.claim(c, row, until))

    async def _try(self, row: NoticeRow, receiver: Receiver) -> None:
        try:
            body = row.body.encode()
            signed = signature.headers(receiver.row.secret, row.id, int(self._now()), body)
            url, internal = URL(receiver.row.url), self._receivers.internal
            outcome = await sending.send(url, body, signed, internal, self._pace.answer)
            await self._mark(row, outcome)
        except Exception as error:  # one receiver must never end the delivery to all
            # The claim ends, and the notice is tried again.
            _log.error("a notice was not marked", notice=row.id, exc_info=error)
        finally:
            self._busy.discard(row.receiver)
            self.wake()

    async def _mark(self, row: NoticeRow, outcome: Outcome) -> None:
        now = self._now()
        again = None if outcome.final else next_try(row.id, row.tries, now, outcome.retry_after)
        if outcome.delivered:
            state, again, counted = notices.DELIVERED, now, "delivered"
        elif again is None:
            state, again, counted = notices.DEAD, now, "dead"
        else:
            state, counted = notices.WAITING, "failed"
        at = _micros(again)
        await self._database.write(lambda c: notices.mark(c, row.id, state, at, outcome.words))
        telemetry.NOTICES.labels(counted).inc()
        if not outcome.delivered:
            _log.warning("a notice was not delivered", notice=row.id, why=outcome.words)


def _micros(seconds: float) -> int:
    return int(seconds * 1e6)
