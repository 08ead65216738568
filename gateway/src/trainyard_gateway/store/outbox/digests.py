"""Notices that are held for a digest, and the notice that they become."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, func, select, update

from trainyard_gateway.store.outbox.notices import DIGESTED, DROPPED, HELD, NoticeRow
from trainyard_gateway.store.schema.notice_tables import notices
from trainyard_gateway.store.sql.dialect import upsert


def due_digests(connection: Connection, now: int) -> list[str]:
    """Receivers for which a notice is held no longer."""
    over = (notices.c.state == HELD) & (notices.c.next_try <= now)
    return list(connection.execute(select(notices.c.receiver).where(over).distinct()).scalars())


def next_digest(connection: Connection, now: int) -> int | None:
    """When the next notice is held no longer."""
    later = (notices.c.state == HELD) & (notices.c.next_try > now)
    found: int | None = connection.execute(
        select(func.min(notices.c.next_try)).where(later)
    ).scalar_one()
    return found


def collect(
    connection: Connection,
    receiver: str,
    identity: str,
    now: int,
    body: Callable[[list[NoticeRow], int], str],
) -> bool:
    """Make one notice of those that a receiver's digest takes; False if there are none.

    `body` gets them, oldest first, and the number of notices that were dropped since the last one.
    In one transaction: no notice is in two digests, and none of a digest waits beside it.
    """
    over = (
        (notices.c.receiver == receiver) & (notices.c.state == HELD) & (notices.c.next_try <= now)
    )
    taken = update(notices).where(over).values(state=DIGESTED, digest=identity)
    if connection.execute(taken).rowcount == 0:
        return False
    of_digest = (notices.c.receiver == receiver) & (notices.c.digest == identity)
    ordered = select(notices).where(of_digest).order_by(notices.c.created, notices.c.id)
    rows = [NoticeRow(*row) for row in connection.execute(ordered)]
    unsaid = (
        (notices.c.receiver == receiver) & (notices.c.state == DROPPED) & notices.c.digest.is_(None)
    )
    dropped = connection.execute(update(notices).where(unsaid).values(digest=identity)).rowcount
    made = NoticeRow(identity, receiver, body(rows, dropped), now, next_try=now)
    connection.execute(upsert(connection, notices), made._asdict())
    return True
