"""Rows of `notice_receivers` and of the outbox of notices."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, delete, func, select, update

from trainyard_gateway.store.schema.notice_tables import notice_receivers, notices
from trainyard_gateway.store.schema.user_tables import users
from trainyard_gateway.store.sql.dialect import upsert

WAITING: Final = "Waiting"
DELIVERED: Final = "Delivered"
DEAD: Final = "Dead"
_IDS_AT_ONCE: Final = 500


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


class Added(NamedTuple):
    """What became of notices for the outbox."""

    new: int
    """So many were not there, and wait now."""
    dropped: int = 0
    """So many were not there, and their receiver has as many that wait as it may have."""


def receivers(connection: Connection) -> list[ReceiverRow]:
    """All receivers, oldest first."""
    ordered = select(notice_receivers).order_by(notice_receivers.c.created, notice_receivers.c.id)
    return [ReceiverRow(*row) for row in connection.execute(ordered)]


def receivers_of(connection: Connection, user: str) -> list[ReceiverRow]:
    """The receivers of a user, by name."""
    own = select(notice_receivers).where(notice_receivers.c.user == user)
    return [ReceiverRow(*row) for row in connection.execute(own.order_by(notice_receivers.c.name))]


def add_receiver(connection: Connection, row: ReceiverRow) -> bool:
    """Insert a receiver; False if its user has one of that name."""
    added = upsert(connection, notice_receivers).on_conflict_do_nothing()
    return connection.execute(added, row._asdict()).rowcount == 1


def remove_receiver(connection: Connection, identity: str) -> None:
    """Delete a receiver with its notices."""
    connection.execute(delete(notices).where(notices.c.receiver == identity))
    connection.execute(delete(notice_receivers).where(notice_receivers.c.id == identity))


def remove_receivers_of(connection: Connection, user: str) -> None:
    """Delete the receivers of a user with their notices."""
    for row in receivers_of(connection, user):
        remove_receiver(connection, row.id)


def add(connection: Connection, rows: list[NoticeRow], most: int) -> Added:
    """Insert the notices that are not there.

    None for a receiver that is not there, nor for one for which `most` wait.
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
        waits = (notices.c.receiver == notice_receivers.c.id) & (notices.c.state == WAITING)
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


def due(
    connection: Connection,
    now: int,
    most: int,
    others_than: Collection[str],
    of_user: int,
    taken: Mapping[str, int],
) -> tuple[list[Due], int | None]:
    """Notices to try now, of each receiver the oldest, and when the next one may be tried.

    None of the receivers `others_than`, and none of users who are removed. `of_user`: how many
    receivers of one user there may be at once, the `taken` ones of each user included.
    """
    full = [user for user, count in taken.items() if count >= of_user]
    free = (
        (notices.c.state == WAITING)
        & notices.c.receiver.not_in(others_than)
        & notice_receivers.c.user.not_in(full)
        & users.c.removed.is_(None)
    )
    ready = free & (notices.c.next_try <= now)
    found = []
    for receiver in connection.execute(_first(ready, most, of_user, taken)).scalars().all():
        own = select(notices).select_from(_OF_USERS)
        own = own.where(ready & (notices.c.receiver == receiver))
        row = connection.execute(own.order_by(notices.c.next_try, notices.c.id).limit(1)).one()
        its = select(notice_receivers).where(notice_receivers.c.id == receiver)
        found.append(Due(NoticeRow(*row), ReceiverRow(*connection.execute(its).one())))
    next_one = func.min(notices.c.next_try)
    later = select(next_one).select_from(_OF_USERS).where(free & (notices.c.next_try > now))
    return found, connection.execute(later).scalar_one()


def _first(
    ready: ColumnElement[bool], most: int, of_user: int, taken: Mapping[str, int]
) -> Select[tuple[str]]:
    """The receivers whose notices have waited longest, of each user as many as fit."""
    user, oldest = notice_receivers.c.user, func.min(notices.c.next_try)
    of_its_user = func.row_number().over(partition_by=user, order_by=(oldest, notices.c.receiver))
    columns = (notices.c.receiver, user, oldest.label("oldest"), of_its_user.label("place"))
    each = select(*columns).select_from(_OF_USERS).where(ready)
    first = each.group_by(notices.c.receiver, user).subquery()
    fits = first.c.place <= of_user
    for name, count in taken.items():
        fits &= (first.c.user != name) | (first.c.place <= of_user - count)
    chosen = select(first.c.receiver).where(fits).order_by(first.c.oldest, first.c.receiver)
    return chosen.limit(most)


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
    over = (notices.c.created < before) & (notices.c.state != WAITING)
    found = set(connection.execute(select(notices.c.id).where(over)).scalars()) - set(holding)
    for some in _parts(list(found)):
        connection.execute(delete(notices).where(over & notices.c.id.in_(some)))
    removed = select(users.c.name).where(users.c.removed.is_not(None))
    there = select(notice_receivers.c.id).where(notice_receivers.c.user.not_in(removed))
    connection.execute(delete(notices).where(notices.c.receiver.not_in(there)))
