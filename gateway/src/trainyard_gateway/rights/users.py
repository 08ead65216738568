"""Users and teams: who a key's owner or a session's label is, with role and teams.

Guarantees:

- What an administrator takes from a user is worth nothing here at once, at other gateways within
  `REFRESH_SECONDS` of the keys.
- The user `admin`, whose key the gateway was started with, is always an administrator.
- A user who is removed opens nothing any more, nor do the user's keys; the name is not forgotten.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from trainyard_api import timestamps
from trainyard_api.model import ClosedModel, OpenModel
from trainyard_api.rights.owner import DEFAULT_TEAM, Role, User
from trainyard_gateway.errors import AlreadyThere, NotFound, NotPermitted, Unprocessable
from trainyard_gateway.store import api_keys
from trainyard_gateway.store.access import sso, users
from trainyard_gateway.store.access.users import TeamRow, UserRow
from trainyard_gateway.store.database import Connection, Database
from trainyard_gateway.store.outbox import receivers

NAME_PATTERN: Final = r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
"""Names of users, teams and keys: values that a label can hold."""
Name = Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=NAME_PATTERN)]
MOST_TEAMS: Final = 100
"""Teams of one user."""
MOST_OF_INSTALLATION: Final = 1_000
"""Teams besides `default`."""
ADMIN_USER: Final = User("admin", Role.ADMINISTRATOR, (DEFAULT_TEAM,))
"""The user of the key that the gateway was started with."""


class NewUser(ClosedModel):
    """A user to make."""

    name: Name
    """The user's name; with `kubectl`, what the label `trainyard.io/user` says."""
    role: Role = Role.MEMBER
    """What the user may do."""
    teams: list[Name] = Field(default=[DEFAULT_TEAM], max_length=MOST_TEAMS)
    """The first one gets what the user makes, unless another one is named."""


class UserChange(ClosedModel):
    """What changes; what is absent stays."""

    role: Role | None = None
    """What the user may do."""
    teams: list[Name] | None = Field(default=None, max_length=MOST_TEAMS)
    """All teams of the user, in place of those of before."""


class UserInfo(OpenModel):
    """A user."""

    name: str
    role: Role
    teams: list[str]
    """The first one gets what the user makes, unless another one is named."""
    created: str
    """When the user was made, or first had a key."""


class NewTeam(ClosedModel):
    """A team to make."""

    name: Name
    """Its name."""


class TeamInfo(OpenModel):
    """A team."""

    name: str
    users: list[str]
    """Names of its users."""


class Users:
    """The users and teams of the installation, in memory as in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._users: dict[str, UserRow] = {}
        self._teams: dict[str, TeamRow] = {}
        self._listeners: list[Callable[[], None]] = []

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` when users or teams have changed."""
        self._listeners.append(listener)

    def known(self, found: tuple[list[UserRow], list[TeamRow]]) -> None:
        """These are the users and teams now."""
        users_now = {row.name: row for row in found[0]}
        teams_now = {row.name: row for row in found[1]}
        changed = (users_now, teams_now) != (self._users, self._teams)
        self._users, self._teams = users_now, teams_now
        if changed:
            for listener in self._listeners:
                listener()

    async def load(self) -> None:
        """Read them from the database."""
        self.known(await self._database.read(users.read_all, applied=False))

    def of(self, name: str) -> User:
        """The user of that name, as a label or a key has it."""
        if name == ADMIN_USER.name:
            return ADMIN_USER
        row = self._users.get(name)
        return User(name) if row is None else user_of(row)

    def require_team(self, team: str, user: User) -> None:
        """Raises NotPermitted if `user` is not in the team, Unprocessable if there is none."""
        if user.is_administrator:
            if team != DEFAULT_TEAM and team not in self._teams:
                raise Unprocessable(
                    f"team: there is no team {team!r}; make it with POST /api/v1/teams"
                )
        elif team not in user.teams:
            raise NotPermitted(
                f"user {user.name!r} is not in the team {team!r}; an administrator adds users to"
                " teams"
            )

    def require_user(self, name: str) -> None:
        """Raises Unprocessable if there is no such user."""
        row = self._users.get(name)
        if name != ADMIN_USER.name and (row is None or row.removed is not None):
            raise Unprocessable(f"user: there is no user {name!r}")

    def all(self, after: str | None = None) -> list[UserInfo]:
        """Users that are not removed, by name, after the name `after`."""
        rows = (row for name, row in sorted(self._users.items()) if after is None or name > after)
        return [_info(row) for row in rows if row.removed is None]

    def one(self, name: str) -> UserInfo:
        """One user. Raises NotFound."""
        row = self._users.get(name)
        if row is None or row.removed is not None:
            raise _absent(name)
        return _info(row)

    async def create(self, new: NewUser) -> UserInfo:
        """Make a user, also one who was removed. Raises AlreadyThere and Unprocessable."""
        _require_free(new.name)
        row = UserRow(new.name, new.role.value, _joined(new.teams), timestamps.now_text())

        def add(connection: Connection) -> None:
            known = users.find(connection, new.name)
            if known is not None and known.removed is None:
                raise AlreadyThere(
                    f"there is a user {new.name!r} already; change it with PATCH /api/v1/users/{new.name}"
                )
            _require_teams(connection, new.teams)
            users.save(connection, row)

        await self._database.write(add)
        await self.load()
        return _info(row)

    async def change(self, name: str, changes: UserChange) -> UserInfo:
        """Change role or teams at once. Raises NotFound and Unprocessable."""
        _require_free(name)

        def save(connection: Connection) -> UserRow:
            row = _present(connection, name)
            if changes.role is not None:
                row = row._replace(role=changes.role.value)
            if changes.teams is not None:
                _require_teams(connection, changes.teams)
                row = row._replace(teams=_joined(changes.teams))
            users.save(connection, row)
            return row

        row = await self._database.write(save)
        await self.load()
        return _info(row)

    async def remove(self, name: str) -> None:
        """Remove a user with keys, logins and receivers of notices; what the user made stays.

        Raises NotFound.
        """
        _require_free(name)
        now = timestamps.now_text()

        def remove(connection: Connection) -> None:
            row = _present(connection, name)
            users.save(connection, row._replace(removed=now))
            api_keys.revoke_of(connection, name, now)
            sso.end_of(connection, name, time.time(), "an administrator has removed the user")
            receivers.remove_receivers_of(connection, name)

        await self._database.write(remove)
        await self.load()

    def all_teams(self) -> list[TeamInfo]:
        """All teams by name."""
        return [self._team(name) for name in sorted({DEFAULT_TEAM, *self._teams})]

    def team(self, name: str) -> TeamInfo:
        """One team. Raises NotFound."""
        if name != DEFAULT_TEAM and name not in self._teams:
            raise _no_team(name)
        return self._team(name)

    async def create_team(self, new: NewTeam) -> TeamInfo:
        """Make a team. Raises AlreadyThere."""

        def add(connection: Connection) -> None:
            if new.name == DEFAULT_TEAM or users.has_team(connection, new.name):
                raise AlreadyThere(f"there is a team {new.name!r} already")
            if users.count_teams(connection) >= MOST_OF_INSTALLATION:
                raise AlreadyThere(
                    f"there are {MOST_OF_INSTALLATION:,} teams, the most there may be; remove some"
                )
            users.add_team(connection, TeamRow(new.name, timestamps.now_text()))

        await self._database.write(add)
        await self.load()
        return self._team(new.name)

    async def remove_team(self, name: str) -> None:
        """Remove a team without users, with its receivers of notices.

        Raises NotFound and AlreadyThere.
        """
        if name == DEFAULT_TEAM:
            raise AlreadyThere(f"the team {DEFAULT_TEAM!r} holds everything of before; it stays")

        def remove(connection: Connection) -> None:
            if not users.has_team(connection, name):
                raise _no_team(name)
            rows, _ = users.read_all(connection)
            left = [r.name for r in rows if r.removed is None and name in r.teams.split()]
            if left:
                listed = ", ".join(repr(n) for n in left[:5])
                raise AlreadyThere(
                    f"{len(left)} users are in the team {name!r}: {listed}; take them out first"
                )
            users.remove_team(connection, name)
            receivers.remove_receivers_of(connection, team=name)

        await self._database.write(remove)
        await self.load()

    def _team(self, name: str) -> TeamInfo:
        of_team = [u.name for u in self.all() if name in u.teams]
        return TeamInfo(name=name, users=of_team)


def user_of(row: UserRow) -> User:
    """The user of a row. A role of a newer version allows nothing here. Pure."""
    role = next((r for r in Role if r.value == row.role), None)
    return User(row.name, role if row.removed is None else None, tuple(row.teams.split()))


def first_row(name: str, *, administers: bool) -> UserRow:
    """The user of a key whose name is no user yet: as keys were before there were users."""
    role = Role.ADMINISTRATOR if administers else Role.MAINTAINER
    return UserRow(name, role.value, DEFAULT_TEAM, timestamps.now_text())


def _info(row: UserRow) -> UserInfo:
    return UserInfo(
        name=row.name, role=Role(row.role), teams=row.teams.split(), created=row.created
    )


def _present(connection: Connection, name: str) -> UserRow:
    row = users.find(connection, name)
    if row is None or row.removed is not None:
        raise _absent(name)
    return row


def _joined(names: list[str]) -> str:
    return " ".join(dict.fromkeys(names))


def _require_teams(connection: Connection, names: list[str]) -> None:
    for name in names:
        if name != DEFAULT_TEAM and not users.has_team(connection, name):
            raise Unprocessable(
                f"teams: there is no team {name!r}; make it with POST /api/v1/teams"
            )


def _require_free(name: str) -> None:
    if name == ADMIN_USER.name:
        raise AlreadyThere(
            f"the user {name!r} has the key that the gateway was started with, and stays an "
            "administrator"
        )


def _absent(name: str) -> NotFound:
    return NotFound(f"there is no user {name[:80]!r}; GET /api/v1/users lists them")


def _no_team(name: str) -> NotFound:
    return NotFound(f"there is no team {name[:80]!r}; GET /api/v1/teams lists them")
