"""Asks again, before each try, whether a receiver may still get what waits for it.

While a notice waits for quiet hours, for a digest or for its next try, its session may become
private or another user's, or its reader may leave a team. Such a notice is deleted unsent, and a
digest is made again without it.

Guarantees:

- Nothing is sent about a session of which its receiver gets no notices any more when the try
  begins, nor about one that has gone with its history.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from trainyard_api.limits.published import Subject, SubjectKind
from trainyard_api.rights.owner import Owner, User
from trainyard_gateway.notices import budgets, message
from trainyard_gateway.notices.audience import audience, concerns
from trainyard_gateway.notices.timing.release import DIGEST
from trainyard_gateway.sessions.cache import SessionCache
from trainyard_gateway.store import sessions
from trainyard_gateway.store.database import Database
from trainyard_gateway.store.outbox import digests
from trainyard_gateway.store.outbox.notices import Due, NoticeRow
from trainyard_gateway.store.outbox.receivers import ReceiverRow

OwnerOf = Callable[[str], Awaitable[Owner | None]]


class Recheck:
    """Judges notices that are due."""

    def __init__(
        self, database: Database, owner_of: OwnerOf, user_of: Callable[[str], User]
    ) -> None:
        """`owner_of` gives the owner of the session with a UID; None of one that is unknown."""
        self._database, self._owner_of, self._user_of = database, owner_of, user_of

    async def still_due(self, one: Due) -> Due | None:
        """The notice as its receiver may get it; None if nothing of it is left."""
        row = one.notice
        parts = [row]
        if message.kind_of(row.body) == DIGEST:
            parts = await self._database.read(lambda c: digests.parts(c, row.id), applied=False)
        kept = [part for part in parts if await self._may_get(one.receiver, part.body)]
        if len(kept) == len(parts):
            return one
        gone = {part.id for part in parts} - {part.id for part in kept}
        body = lambda dropped: digest_body(kept, dropped, row.created)  # noqa: E731  # it needs kept
        left = await self._database.write(lambda c: digests.withdraw(c, row, gone, body))
        return None if left is None else one._replace(notice=left)

    async def _may_get(self, receiver: ReceiverRow, body: str) -> bool:
        whole = orjson.loads(body)
        data = whole["data"]
        reader = audience(receiver, self._user_of)
        if str(whole["type"]).startswith("budget."):
            subject = _subject(data)
            return subject is not None and budgets.concerns(receiver.sessions, reader, subject)
        if (uid := data.get("uid")) is None:
            return True  # a trial
        owner = await self._owner_of(uid)
        return owner is not None and concerns(receiver, reader, owner)


def _subject(data: dict[str, Any]) -> Subject | None:
    kind = next((kind for kind in SubjectKind if kind.value == data.get("kind")), None)
    return None if kind is None else Subject(kind, str(data.get("name")))


def digest_body(parts: list[NoticeRow], dropped: int, made: int) -> str:
    """The body of a digest that was made at `made`, in microseconds since the epoch."""
    return message.digest([part.body for part in parts], dropped, made / 1e6)


def owners_of(cache: SessionCache, database: Database) -> OwnerOf:
    """Owners of sessions, as the cluster has them, and of deleted ones as it had them last."""

    async def owner_of(uid: str) -> Owner | None:
        await cache.synced.wait()
        if (body := cache.get(uid)) is not None:
            return cache.owner_of(body)
        row = await database.read(lambda c: sessions.find(c, uid), applied=False)
        if row is None or row.uid != uid:  # A session may be named like the UID of another one.
            return None
        return cache.owner_of(orjson.loads(row.object))

    return owner_of
