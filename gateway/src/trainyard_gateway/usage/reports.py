"""Questions to the ledger, and their answers in pages."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import NamedTuple

import orjson

from trainyard_api.rights.owner import User
from trainyard_gateway.errors import BadRequest, Unprocessable
from trainyard_gateway.store.database import Database
from trainyard_gateway.store.ledger import reading
from trainyard_gateway.store.ledger.intervals import Interval, first_of_month
from trainyard_gateway.store.ledger.reading import Wanted
from trainyard_gateway.store.ledger.sums import Key
from trainyard_gateway.usage.row import UsageRow, row_of


class Asked(NamedTuple):
    """A question. Times are microseconds since the epoch."""

    by: tuple[str, ...]
    since: int | None
    """None is the beginning of this month in UTC."""
    until: int | None
    """None is now."""
    label: str | None = None
    user: str | None = None
    queue: str | None = None


class Answer(NamedTuple):
    """All groups, in the order of their values."""

    window: Interval
    rows: list[UsageRow]


class UsageReports:
    """Sums of the ledger."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        """`clock` gives the microseconds since the epoch."""
        self._database, self._clock = database, clock

    async def ask(self, asked: Asked, user: User) -> Answer:
        """What the groups held, of sessions that `user` sees. Raises Unprocessable."""
        now = self._clock()
        wanted = wanted_of(asked, now)._replace(asker=user)
        found = await self._database.read(lambda c: reading.sums(c, wanted), applied=False)
        rows = [row_of(wanted.by, key, sums) for key, sums in found.items()]
        return Answer(wanted.window, rows)


def wanted_of(asked: Asked, now: int) -> Wanted:
    """The question with its defaults. Raises Unprocessable. Pure."""
    if len(set(asked.by)) != len(asked.by):
        raise Unprocessable("by: each of user, queue, month and label is accepted once")
    if ("label" in asked.by) != (asked.label is not None):
        raise Unprocessable(
            "label: by=label needs the name of a label, such as by=label&label=project; without"
            " by=label leave it out"
        )
    until = now if asked.until is None else asked.until
    since = first_of_month(min(now, until)) if asked.since is None else asked.since
    if since >= until:
        raise Unprocessable("since: it must be before until, which is now by default")
    window = Interval(since, until)
    return Wanted(asked.by, window, now, asked.label or "", asked.user, asked.queue)


def cursor_after(by: tuple[str, ...], row: UsageRow) -> str:
    """The cursor of the page after a row. Pure."""
    text = orjson.dumps([getattr(row, name) or "" for name in by])
    return base64.urlsafe_b64encode(text).decode().rstrip("=") or "-"


def rows_after(by: tuple[str, ...], rows: list[UsageRow], cursor: str | None) -> list[UsageRow]:
    """The rows after a cursor. Raises BadRequest for one that no page gave. Pure."""
    if cursor is None:
        return rows
    key = _key_of(cursor)
    if key is None or len(key) != len(by):
        raise BadRequest("cursor: it is not one of a page of this question; leave it out")
    return [row for row in rows if tuple(getattr(row, name) or "" for name in by) > key]


def _key_of(cursor: str) -> Key | None:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        found = orjson.loads(base64.urlsafe_b64decode(padded))
    except (ValueError, binascii.Error):
        return None
    texts = isinstance(found, list) and all(isinstance(part, str) for part in found)
    return tuple(found) if texts else None
