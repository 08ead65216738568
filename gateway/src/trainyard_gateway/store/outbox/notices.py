"""Rows of `notice_receivers` and of the outbox of notices."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple

from sqlalchemy import Connection, delete, func, insert, select, update

from trainyard_gateway.store.schema.notice_tables import notice_receivers, notices
from trainyard_gateway.store.sql.dialect import upsert

WAITING: Final = "Waiting"
DELIVERED: Final = "Delivered"
DEAD: Final = "Dead"


class ReceiverRow(NamedTuple):
    """A row of `notice_receivers`. Times are microseconds since the epoch."""

    id: str
    user: str
    name: str
    url: str
    secret: str
    sessions: str
    rules: str
    created: int


class NoticeRow(NamedTuple):
    """A row of `notices`. Times are microseconds since the epoch."""

    id: str
    receiver: str
    body: str
    created: int
    state: str = WAITING
    tries: int = 0
    next_try: int = 0
    words: str = ""
    """Why the last try failed."""


def receivers(connection: Connection) -> list[ReceiverRow]:
    """All receivers, oldest first."""
    ordered = select(notice_receivers).order_by(notice_receivers.c.created, notice_receivers.c.id)
    return [ReceiverRow(*row) for row in connection.execute(ordered)]


def add_receiver(connection: Connection, row: ReceiverRow) -> bool:
    """Insert a receiver; False if its user has one of that name."""
    added = upsert(connection, notice_receivers).on_conflict_do_nothing()
    return connection.execute(added, row._asdict()).rowcount == 1


def remove_receiver(connection: Connection, identity: str) -> None:
    """Delete a receiver with its notices."""
    connection.execute(delete(notices).where(notices.c.receiver == identity))
    connection.execute(delete(notice_receivers).where(notice_receivers.c.id == identity))


def add(connection: Connection, rows: list[NoticeRow], most: int) -> int:
    """Insert the notices that are not there; how many were not.

    Of a receiver for which `most` wait, further ones are dead at once.
    """
    added = 0
    for row in rows:
        waiting = _count(connection, row.receiver)
        if waiting >= most:
            words = f"{most} notices wait for this receiver already"
            row = row._replace(state=DEAD, words=words)
        absent = upsert(connection, notices).on_conflict_do_nothing()
        added += connection.execute(absent, row._asdict()).rowcount
    return added


def _count(connection: Connection, receiver: str) -> int:
    waits = (notices.c.receiver == receiver) & (notices.c.state == WAITING)
    query = select(func.count()).select_from(notices).where(waits)
    return int(connection.execute(query).scalar_one())


def due(
    connection: Connection, now: int, most: int, others_than: Collection[str]
) -> tuple[list[NoticeRow], int | None]:
    """Notices to try now, of each receiver the oldest, and when the next one may be tried.

    None of the receivers `others_than`.
    """
    waits = notices.c.state == WAITING
    free = waits & notices.c.receiver.not_in(others_than)
    ready = free & (notices.c.next_try <= now)
    oldest = func.min(notices.c.next_try)
    first = select(notices.c.receiver).where(ready).group_by(notices.c.receiver)
    found = []
    for receiver in connection.execute(first.order_by(oldest).limit(most)).scalars().all():
        own = select(notices).where(ready & (notices.c.receiver == receiver))
        row = connection.execute(own.order_by(notices.c.next_try, notices.c.id).limit(1)).one()
        found.append(NoticeRow(*row))
    later = select(func.min(notices.c.next_try)).where(free & (notices.c.next_try > now))
    return found, connection.execute(later).scalar_one()


def claim(connection: Connection, row: NoticeRow, until: int) -> bool:
    """Take a notice for one try until `until`; False if another gateway has taken it."""
    same = (notices.c.id == row.id) & (notices.c.tries == row.tries)
    unchanged = same & (notices.c.state == WAITING) & (notices.c.next_try == row.next_try)
    taken = update(notices).where(unchanged).values(tries=row.tries + 1, next_try=until)
    return connection.execute(taken).rowcount == 1


def mark(connection: Connection, identity: str, state: str, next_try: int, words: str) -> None:
    """Note what came of a try."""
    changed = {"state": state, "next_try": next_try, "words": words}
    waits = (notices.c.id == identity) & (notices.c.state == WAITING)
    connection.execute(update(notices).where(waits).values(**changed))


def again(connection: Connection, identity: str, now: int) -> bool:
    """Let a dead notice wait again; False if it is not dead."""
    dead = (notices.c.id == identity) & (notices.c.state == DEAD)
    values = {"state": WAITING, "tries": 0, "next_try": now}
    return connection.execute(update(notices).where(dead).values(**values)).rowcount == 1


def page(
    connection: Connection,
    receivers: Collection[str],
    state: str | None,
    before: tuple[int, str],
    most: int,
) -> list[NoticeRow]:
    """Notices of some receivers, newest first, after the one with time and id `before`."""
    created, identity = before
    earlier = notices.c.created < created
    later_id = (notices.c.created == created) & (notices.c.id > identity)
    chosen = notices.c.receiver.in_(receivers) & (earlier | later_id)
    query = select(notices).where(chosen)
    if state is not None:
        query = query.where(notices.c.state == state)
    ordered = query.order_by(notices.c.created.desc(), notices.c.id).limit(most)
    return [NoticeRow(*row) for row in connection.execute(ordered)]


def find(connection: Connection, identity: str) -> NoticeRow | None:
    """One notice."""
    row = connection.execute(select(notices).where(notices.c.id == identity)).one_or_none()
    return NoticeRow(*row) if row is not None else None


def forget(connection: Connection, before: int) -> None:
    """Delete notices that were made before `before` and wait no more."""
    over = (notices.c.created < before) & (notices.c.state != WAITING)
    connection.execute(delete(notices).where(over))


def put(connection: Connection, row: NoticeRow) -> None:
    """Insert a notice that is not there."""
    connection.execute(insert(notices).values(row._asdict()))
