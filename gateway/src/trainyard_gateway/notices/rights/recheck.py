"""Asks again, before each try, whether a receiver may still get what waits for it.

While a notice waits for quiet hours, for a digest or for its next try, its session may become
private or another user's, or its reader may leave a team. Such a notice is deleted unsent, and a
digest is made again without it.

Guarantees:

- Nothing is sent about a session of which its receiver gets no notices any more when the try
  begins, nor about one that has gone with its history.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from trainyard_api.limits.published import Subject, SubjectKind
from trainyard_api.rights.owner import Owner, User
from trainyard_gateway.notices import budgets, message
from trainyard_gateway.notices.audience import audience, concerns
from trainyard_gateway.notices.timing.release import DIGEST, TRIAL
from trainyard_gateway.sessions.cache import SessionCache
from trainyard_gateway.store import sessions
from trainyard_gateway.store.database import Database
from trainyard_gateway.store.outbox import digests
from trainyard_gateway.store.outbox.notices import DELIVERED, Due, NoticeRow
from trainyard_gateway.store.outbox.receivers import ReceiverRow


class Recheck:
    """Judges notices by who may see their sessions now."""

    def __init__(
        self, cache: SessionCache, database: Database, user_of: Callable[[str], User]
    ) -> None:
        self._cache, self._database, self._user_of = cache, database, user_of

    async def still_due(self, one: Due) -> Due | None:
        """The notice as its receiver may get it; None if nothing of it is left."""
        row = one.notice
        kind, parts = message.kind_of(row.body), [row]
        if kind == TRIAL:
            return one
        await self._cache.synced.wait()
        if kind == DIGEST:
            parts = await self._database.read(lambda c: digests.parts(c, row.id), applied=False)
        kept = [p for p in parts if await self._may_get(one.receiver, orjson.loads(p.body))]
        if len(kept) == len(parts):
            return one
        gone = {part.id for part in parts} - {part.id for part in kept}
        body = lambda dropped: digest_body(kept, dropped, row.created)  # noqa: E731  # it needs kept
        left = await self._database.write(lambda c: digests.withdraw(c, row, gone, body))
        return None if left is None else one._replace(notice=left)

    async def shown(self, row: NoticeRow, receiver: ReceiverRow) -> NoticeRow:
        """The notice as those see it who may change its receiver.

        Until it is delivered, without the facts of what the receiver gets no notices about.
        """
        if row.state == DELIVERED:
            return row
        for found in message.messages(row.body):
            if not await self._may_get(receiver, found):
                return row._replace(body=message.without_facts(row.body))
        return row

    async def _may_get(self, receiver: ReceiverRow, found: dict[str, Any]) -> bool:
        data, reader = found["data"], audience(receiver, self._user_of)
        if str(found["type"]).startswith("budget."):
            subject = _subject(data)
            return subject is not None and budgets.concerns(receiver.sessions, reader, subject)
        if (uid := data.get("uid")) is None:
            return True  # a trial
        owner = await self._owner_of(uid)
        return owner is not None and concerns(receiver, reader, owner)

    async def _owner_of(self, uid: str) -> Owner | None:
        """The owner of a session, as the cluster has it, or had it last; None of an unknown one."""
        if not self._cache.synced.is_set():
            return None
        if (body := self._cache.get(uid)) is not None:
            return self._cache.owner_of(body)
        row = await self._database.read(lambda c: sessions.find(c, uid), applied=False)
        if row is None or row.uid != uid:  # A session may be named like the UID of another one.
            return None
        return self._cache.owner_of(orjson.loads(row.object))


def _subject(data: dict[str, Any]) -> Subject | None:
    kind = next((kind for kind in SubjectKind if kind.value == data.get("kind")), None)
    return None if kind is None else Subject(kind, str(data.get("name")))


def digest_body(parts: list[NoticeRow], dropped: int, made: int) -> str:
    """The body of a digest that was made at `made`, in microseconds since the epoch."""
    return message.digest([part.body for part in parts], dropped, made / 1e6)
