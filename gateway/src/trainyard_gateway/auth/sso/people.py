"""Which user a person is: the rules about identities and users, and their rows.

Guarantees:

- An identity is one user for ever, also if its claims have another name later.
- A name of the provider takes over no user of before, but by `links` or `linkExisting`; no
  administrator but by `links`; and no user who has another identity of this provider.
- Role and teams are those of the groups, at each look.
"""

from __future__ import annotations

from dataclasses import dataclass

from trainyard_api import timestamps
from trainyard_api.rights.owner import DEFAULT_TEAM, Role
from trainyard_gateway.auth.sso.claims import Person, Refusal
from trainyard_gateway.rights.users import ADMIN_USER, user_of
from trainyard_gateway.sso_settings import SsoSettings
from trainyard_gateway.store.access import sso, users
from trainyard_gateway.store.access.users import TeamRow, UserRow
from trainyard_gateway.store.database import Connection


@dataclass(frozen=True, slots=True)
class Known:
    """What the installation knows about a person who logs in."""

    user: str | None = None
    """The user of the identity, None at its first login."""
    row: UserRow | None = None
    """Of that user; at a first login, of the name that it would get, in any case of letters."""
    has_identity: bool = False
    """Whether the user of that row has another identity of this provider."""


def choose(person: Person, known: Known, settings: SsoSettings) -> str | Refusal:
    """The name of the user that a person is, or why there is none. Pure."""
    if known.user is not None:
        if known.row is None or known.row.removed is not None:
            return _removed(known.user)
        return known.user
    if (linked := settings.links.get(person.subject)) is not None:
        return _linked(linked, known)
    if person.name is None:
        return Refusal(person.refusal, "bad name")
    if known.row is None:
        return person.name
    return _existing(person.name, known.row, known.has_identity, settings)


def _linked(name: str, known: Known) -> str | Refusal:
    """A user whom an administrator linked to the identity, also one who was removed."""
    if name == ADMIN_USER.name:
        return Refusal(f"no identity becomes the user {name!r}", "reserved name")
    return _other_identity(name) if known.has_identity else name


def _existing(name: str, row: UserRow, has_identity: bool, settings: SsoSettings) -> str | Refusal:
    """A name that a user of before has."""
    if row.removed is not None:
        return _removed(row.name)
    if has_identity:
        return _other_identity(row.name)
    takes_over = settings.link_existing and row.name == name
    if takes_over and user_of(row).role != Role.ADMINISTRATOR:
        return name
    return Refusal(
        f"there is a user {row.name!r} already, who is not linked to your identity; if that is you,"
        " an administrator links both in the setting `sso.links`",
        "user exists",
    )


def _removed(name: str) -> Refusal:
    return Refusal(f"the user {name!r} was removed by an administrator", "removed")


def _other_identity(name: str) -> Refusal:
    return Refusal(
        f"the user {name!r} belongs to another identity of the provider; an administrator links "
        "yours to another user in the setting `sso.links`",
        "other identity",
    )


def enter(
    connection: Connection, person: Person, settings: SsoSettings, now: float
) -> str | Refusal:
    """The name of the user that a person is, with role and teams saved; or why there is none."""
    found = choose(person, _known(connection, person, settings), settings)
    if isinstance(found, Refusal):
        return found
    if sso.user_of(connection, settings.issuer, person.subject) is None:
        sso.add_identity(connection, settings.issuer, person.subject, found, now)
    set_rights(connection, found, person.role, person.teams)
    return found


def set_rights(connection: Connection, name: str, role: Role, teams: tuple[str, ...]) -> None:
    """Give a user this role and these teams, in place of those of before."""
    for team in teams:
        if team != DEFAULT_TEAM and not users.has_team(connection, team):
            users.add_team(connection, TeamRow(team, timestamps.now_text()))
    row = users.find(connection, name)
    created = row.created if row is not None else timestamps.now_text()
    wanted = UserRow(name, role.value, " ".join(teams), created)
    if row != wanted:
        users.save(connection, wanted)


def strip(connection: Connection, name: str) -> None:
    """Take role and teams from a user whose groups give nothing any more; keys lose them too."""
    row = users.find(connection, name)
    if row is not None and row.removed is None:
        set_rights(connection, name, Role.VIEWER, ())


def strip_identity(connection: Connection, issuer: str, subject: object) -> None:
    """Take role and teams from the user of an identity whose groups give nothing any more."""
    user = sso.user_of(connection, issuer, subject) if isinstance(subject, str) else None
    if user is not None:
        strip(connection, user)


def _known(connection: Connection, person: Person, settings: SsoSettings) -> Known:
    user = sso.user_of(connection, settings.issuer, person.subject)
    if user is not None:
        return Known(user, users.find(connection, user))
    name = settings.links.get(person.subject) or person.name
    if name is None:
        return Known()
    row = users.find(connection, name) or users.find_like(connection, name)
    has_identity = row is not None and sso.has_identity(connection, settings.issuer, row.name)
    return Known(None, row, has_identity)
