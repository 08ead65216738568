"""Rows of `users` and `teams`."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, func, select

from trainyard_gateway.store.schema.user_tables import teams, users
from trainyard_gateway.store.sql.dialect import upsert


class UserRow(NamedTuple):
    """A row of `users`. Times are RFC 3339."""

    name: str
    role: str
    teams: str
    """Separated by spaces; the first one gets what the user makes."""
    created: str
    removed: str | None = None
    """None: the user is there."""


class TeamRow(NamedTuple):
    """A row of `teams`."""

    name: str
    created: str


def read_all(connection: Connection) -> tuple[list[UserRow], list[TeamRow]]:
    """All users, the removed ones included, and all teams but `default`."""
    found = [UserRow(*row) for row in connection.execute(select(users))]
    return found, [TeamRow(*row) for row in connection.execute(select(teams))]


def find(connection: Connection, name: str) -> UserRow | None:
    """The user of that name, also a removed one."""
    row = connection.execute(select(users).where(users.c.name == name)).one_or_none()
    return UserRow(*row) if row is not None else None


def find_like(connection: Connection, name: str) -> UserRow | None:
    """A user whose name differs by upper and lower case only, also a removed one."""
    query = select(users).where(func.lower(users.c.name) == name.lower())
    row = connection.execute(query.limit(1)).one_or_none()
    return UserRow(*row) if row is not None else None


def save(connection: Connection, row: UserRow) -> None:
    """Insert a user, or replace the one of that name."""
    statement = upsert(connection, users)
    new = {name: statement.excluded[name] for name in UserRow._fields if name != "name"}
    changed = statement.on_conflict_do_update(index_elements=["name"], set_=new)
    connection.execute(changed, row._asdict())


def add_if_absent(connection: Connection, row: UserRow) -> None:
    """Insert a user unless the name is known."""
    connection.execute(upsert(connection, users).on_conflict_do_nothing(), row._asdict())


def has_team(connection: Connection, name: str) -> bool:
    """Whether there is a team of that name."""
    query: Any = select(teams.c.name).where(teams.c.name == name)
    return connection.execute(query).first() is not None


def count_teams(connection: Connection) -> int:
    """The number of teams but `default`."""
    return connection.execute(select(func.count()).select_from(teams)).scalar_one()


def add_team(connection: Connection, row: TeamRow) -> None:
    """Insert a team. Its name must not exist."""
    connection.execute(upsert(connection, teams), row._asdict())


def remove_team(connection: Connection, name: str) -> None:
    """Delete a team, if it exists."""
    connection.execute(delete(teams).where(teams.c.name == name))
