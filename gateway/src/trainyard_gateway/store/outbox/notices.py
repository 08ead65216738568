"""Rows of the outbox of notices."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, delete, func, select, update

from trainyard_gateway.store.outbox.receivers import OWNER, SERVICE, ReceiverRow
from trainyard_gateway.store.schema.notice_tables import notice_receivers, notices
from trainyard_gateway.store.schema.user_tables import users
from trainyard_gateway.store.sql.dialect import upsert

WAITING: Final = "Waiting"
DELIVERED: Final = "Delivered"
DEAD: Final = "Dead"
HELD: Final = "Held"
"""It waits for the next digest."""
DIGESTED: Final = "Digested"
"""It is in a digest, which is a notice."""
DROPPED: Final = "Dropped"
"""Too many waited when it came."""
_UNSENT: Final = (WAITING, HELD)
_IDS_AT_ONCE: Final = 500


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
    digest: str | None = None
    """The notice that it is a part of, or by which it was said that it was dropped."""


class Added(NamedTuple):
    """What became of notices for the outbox."""

    new: int
    """So many were not there, and wait now."""
    dropped: int = 0
    """So many were not there, and their receiver has as many that wait as it may have."""


def add(connection: Connection, rows: list[NoticeRow], most: int) -> Added:
    """Insert the notices that are not there.

    None for a receiver that is not there. For one for which `most` wait they are there as Dropped.
    """
    known = _known(connection, [row.id for row in rows])
    fresh = {row.id: row for row in rows if row.id not in known}.values()
    there = _waiting(connection, {row.receiver for row in fresh})
    count = dropped = 0
    for row in fresh:
        waiting = there.get(row.receiver)
        if waiting is None:
            continue
        if waiting >= most:
            connection.execute(upsert(connection, notices), row._replace(state=DROPPED)._asdict())
            dropped += 1
            continue
        connection.execute(upsert(connection, notices), row._asdict())
        there[row.receiver] = waiting + 1
        count += 1
    return Added(count, dropped)


def _known(connection: Connection, ids: list[str]) -> set[str]:
    """Those of the ids that the outbox has."""
    found: set[str] = set()
    for some in _parts(ids):
        query = select(notices.c.id).where(notices.c.id.in_(some))
        found |= set(connection.execute(query).scalars())
    return found


def _parts(ids: list[str]) -> Iterator[list[str]]:
    """As many as a statement takes at once."""
    for start in range(0, len(ids), _IDS_AT_ONCE):
        yield ids[start : start + _IDS_AT_ONCE]


def _waiting(connection: Connection, ids: Collection[str]) -> dict[str, int]:
    """How many notices wait for each of the receivers; those that are not there are absent."""
    found = {}
    for identity in ids:
        waits = (notices.c.receiver == notice_receivers.c.id) & notices.c.state.in_(_UNSENT)
        count = select(func.count()).select_from(notices).where(waits).scalar_subquery()
        query = select(count).where(notice_receivers.c.id == identity)
        if (waiting := connection.execute(query).scalar_one_or_none()) is not None:
            found[identity] = int(waiting)
    return found


_OF_USERS: Final = notices.join(
    notice_receivers, notice_receivers.c.id == notices.c.receiver
).outerjoin(users, users.c.name == notice_receivers.c.user)
"""Notices with their receivers, and the users of these."""


class Due(NamedTuple):
    """A notice to try now, with its receiver."""

    notice: NoticeRow
    receiver: ReceiverRow


class Room(NamedTuple):
    """To which receivers may be sent now."""

    most: int
    """To so many."""
    of_owner: int
    """So many of one user or team, the `taken` ones of each included."""
    but: Collection[str] = ()
    """To none of these."""
    taken: Mapping[str, int] = {}
    """By owner: receivers to which is sent."""
    services: bool = True
    """Whether to those that are services."""


def due(connection: Connection, now: int, room: Room) -> tuple[list[Due], int | None]:
    """Notices to try now, of each receiver the oldest, and when the next one may be tried.

    None of users who are removed.
    """
    full = [owner for owner, count in room.taken.items() if count >= room.of_owner]
    free = (
        (notices.c.state == WAITING)
        & notices.c.receiver.not_in(room.but)
        & OWNER.not_in(full)
        & users.c.removed.is_(None)
    )
    if not room.services:
        free &= notice_receivers.c.kind != SERVICE
    ready = free & (notices.c.next_try <= now)
    found = []
    for receiver in connection.execute(_first(ready, room)).scalars().all():
        own = select(notices).select_from(_OF_USERS)
        own = own.where(ready & (notices.c.receiver == receiver))
        row = connection.execute(own.order_by(notices.c.next_try, notices.c.id).limit(1)).one()
        its = select(notice_receivers).where(notice_receivers.c.id == receiver)
        found.append(Due(NoticeRow(*row), ReceiverRow(*connection.execute(its).one())))
    next_one = func.min(notices.c.next_try)
    later = select(next_one).select_from(_OF_USERS).where(free & (notices.c.next_try > now))
    return found, connection.execute(later).scalar_one()


def _first(ready: ColumnElement[bool], room: Room) -> Select[tuple[str]]:
    """The receivers whose notices have waited longest, of each owner as many as fit."""
    owner, oldest = OWNER.label("owner"), func.min(notices.c.next_try)
    of_its_owner = func.row_number().over(partition_by=OWNER, order_by=(oldest, notices.c.receiver))
    columns = (notices.c.receiver, owner, oldest.label("oldest"), of_its_owner.label("place"))
    each = select(*columns).select_from(_OF_USERS).where(ready)
    by = (notices.c.receiver, notice_receivers.c.user, notice_receivers.c.team)
    first = each.group_by(*by).subquery()
    fits = first.c.place <= room.of_owner
    for name, count in room.taken.items():
        fits &= (first.c.owner != name) | (first.c.place <= room.of_owner - count)
    chosen = select(first.c.receiver).where(fits).order_by(first.c.oldest, first.c.receiver)
    return chosen.limit(room.most)


def claim(connection: Connection, row: NoticeRow, until: int) -> bool:
    """Take a notice for one try until `until`; False if another gateway has taken it."""
    same = (notices.c.id == row.id) & (notices.c.tries == row.tries)
    unchanged = same & (notices.c.state == WAITING) & (notices.c.next_try == row.next_try)
    taken = update(notices).where(unchanged).values(tries=row.tries + 1, next_try=until)
    return connection.execute(taken).rowcount == 1


def mark(connection: Connection, row: NoticeRow, state: str, next_try: int, words: str) -> None:
    """Note what came of a try; nothing if the notice was claimed again since."""
    changed = {"state": state, "next_try": next_try, "words": words}
    same = (notices.c.id == row.id) & (notices.c.tries == row.tries)
    connection.execute(update(notices).where(same & (notices.c.state == WAITING)).values(**changed))


def postpone(connection: Connection, row: NoticeRow, until: int) -> None:
    """Let a notice that is due wait until `until`; nothing if it was placed or claimed since."""
    same = (notices.c.id == row.id) & (notices.c.tries == row.tries)
    unchanged = same & (notices.c.state == WAITING) & (notices.c.next_try == row.next_try)
    connection.execute(update(notices).where(unchanged).values(next_try=until))


def place(connection: Connection, row: NoticeRow) -> None:
    """Let a notice that was not tried wait in the state and for the time of `row`."""
    same = (notices.c.id == row.id) & (notices.c.tries == row.tries)
    values = {"state": row.state, "next_try": row.next_try}
    connection.execute(update(notices).where(same & notices.c.state.in_(_UNSENT)).values(**values))


def place_all(connection: Connection, rows: Collection[NoticeRow]) -> None:
    """The same for several notices."""
    for row in rows:
        place(connection, row)


def untried(connection: Connection, receiver: str) -> list[NoticeRow]:
    """Notices of a receiver that wait for their first try."""
    chosen = (
        (notices.c.receiver == receiver) & notices.c.state.in_(_UNSENT) & (notices.c.tries == 0)
    )
    return [NoticeRow(*row) for row in connection.execute(select(notices).where(chosen))]


def untried_later(connection: Connection, now: int) -> list[NoticeRow]:
    """Notices of all receivers that wait for their first try, which is later than `now`."""
    chosen = notices.c.state.in_(_UNSENT) & (notices.c.next_try > now) & (notices.c.tries == 0)
    return [NoticeRow(*row) for row in connection.execute(select(notices).where(chosen))]


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


def forget(connection: Connection, before: int, holding: Collection[str] = ()) -> None:
    """Delete notices that were made before `before` and wait no more.

    Not those of `holding`, which would be added again. Also those whose receiver is not there, or
    has a user who is removed.
    """
    over = (notices.c.created < before) & notices.c.state.not_in(_UNSENT)
    found = set(connection.execute(select(notices.c.id).where(over)).scalars()) - set(holding)
    for some in _parts(list(found)):
        connection.execute(delete(notices).where(over & notices.c.id.in_(some)))
    removed = select(users.c.name).where(users.c.removed.is_not(None))
    there = select(notice_receivers.c.id).where(notice_receivers.c.user.not_in(removed))
    connection.execute(delete(notices).where(notices.c.receiver.not_in(there)))
