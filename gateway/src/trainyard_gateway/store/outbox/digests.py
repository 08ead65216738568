"""Notices that are held for a digest, the notice that they become, and what is taken out of it."""

from __future__ import annotations

from collections.abc import Callable, Collection

from sqlalchemy import Connection, delete, func, select, update

from trainyard_gateway.store.outbox.notices import DIGESTED, DROPPED, HELD, WAITING, NoticeRow
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
    rows = parts(connection, identity)
    unsaid = (
        (notices.c.receiver == receiver) & (notices.c.state == DROPPED) & notices.c.digest.is_(None)
    )
    dropped = connection.execute(update(notices).where(unsaid).values(digest=identity)).rowcount
    made = NoticeRow(identity, receiver, body(rows, dropped), now, next_try=now)
    connection.execute(upsert(connection, notices), made._asdict())
    return True


def parts(connection: Connection, identity: str) -> list[NoticeRow]:
    """The notices of a digest, the oldest first."""
    of_digest = (notices.c.digest == identity) & (notices.c.state == DIGESTED)
    ordered = select(notices).where(of_digest).order_by(notices.c.created, notices.c.id)
    return [NoticeRow(*row) for row in connection.execute(ordered)]


def withdraw(
    connection: Connection,
    row: NoticeRow,
    gone: Collection[str],
    body: Callable[[int], str],
) -> NoticeRow | None:
    """Delete the notices `gone`, parts of the digest `row` or `row` itself; what is left to send.

    Nothing is changed if another gateway tries it meanwhile. `body` gets the number of notices that
    were dropped before this digest, and makes it without what is gone.
    """
    unchanged = (
        (notices.c.id == row.id)
        & (notices.c.state == WAITING)
        & (notices.c.tries == row.tries)
        & (notices.c.next_try == row.next_try)
    )
    if connection.execute(select(notices.c.id).where(unchanged)).one_or_none() is None:
        return None
    for identity in gone:
        connection.execute(delete(notices).where(notices.c.id == identity))
    if row.id in gone:
        return None
    said = (notices.c.digest == row.id) & (notices.c.state == DROPPED)
    dropped = connection.execute(select(func.count()).where(said)).scalar_one()
    if dropped == 0 and not parts(connection, row.id):
        connection.execute(delete(notices).where(unchanged))
        return None
    left = row._replace(body=body(dropped))
    connection.execute(update(notices).where(unchanged).values(body=left.body))
    return left
