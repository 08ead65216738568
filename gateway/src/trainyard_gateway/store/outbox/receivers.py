"""Rows of `notice_receivers`."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, case, delete, literal, select, update

from trainyard_gateway.store.schema.notice_tables import notice_receivers, notices
from trainyard_gateway.store.sql.dialect import upsert

WEBHOOK = "webhook"
SERVICE = "service"


class ReceiverRow(NamedTuple):
    """A row of `notice_receivers`. Times are microseconds since the epoch."""

    id: str
    user: str
    """Empty of a receiver of a team."""
    name: str
    url: str
    secret: str
    sessions: str
    rules: str
    created: int
    team: str = ""
    """Empty of a receiver of a user."""
    maker: str = ""
    kind: str = WEBHOOK
    shown: str = ""
    """The URL without what is secret in it."""
    times: str = ""
    """Empty if everything is sent at once."""
    since: str = ""
    """From when on each rule holds; empty if all do since the receiver was made."""

    @property
    def owner(self) -> str:
        """Whose it is, as one text: a user's name, or `/` and a team's name."""
        return f"/{self.team}" if self.team else self.user


OWNER: ColumnElement[str] = case(
    (notice_receivers.c.team == "", notice_receivers.c.user),
    else_=literal("/") + notice_receivers.c.team,
)
"""`ReceiverRow.owner` in SQL."""


def receivers(connection: Connection) -> list[ReceiverRow]:
    """All receivers, oldest first."""
    ordered = select(notice_receivers).order_by(notice_receivers.c.created, notice_receivers.c.id)
    return [ReceiverRow(*row) for row in connection.execute(ordered)]


def receivers_of(connection: Connection, user: str = "", team: str = "") -> list[ReceiverRow]:
    """The receivers of a user, or those of a team, by name."""
    own = (notice_receivers.c.user == user) & (notice_receivers.c.team == team)
    ordered = select(notice_receivers).where(own).order_by(notice_receivers.c.name)
    return [ReceiverRow(*row) for row in connection.execute(ordered)]


def add_receiver(connection: Connection, row: ReceiverRow) -> bool:
    """Insert a receiver; False if its user or team has one of that name."""
    added = upsert(connection, notice_receivers).on_conflict_do_nothing()
    return connection.execute(added, row._asdict()).rowcount == 1


def save_receiver(connection: Connection, row: ReceiverRow) -> None:
    """Replace a receiver by its id."""
    values = {name: value for name, value in row._asdict().items() if name != "id"}
    changed = update(notice_receivers).where(notice_receivers.c.id == row.id)
    connection.execute(changed.values(**values))


def remove_receiver(connection: Connection, identity: str) -> None:
    """Delete a receiver with its notices."""
    connection.execute(delete(notices).where(notices.c.receiver == identity))
    connection.execute(delete(notice_receivers).where(notice_receivers.c.id == identity))


def remove_receivers_of(connection: Connection, user: str = "", team: str = "") -> None:
    """Delete the receivers of a user, or those of a team, with their notices."""
    for row in receivers_of(connection, user, team):
        remove_receiver(connection, row.id)
