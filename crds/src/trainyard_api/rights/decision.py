"""Who may do what: the one decision that everything asks. Pure.

Guarantees:

- Everything is refused unless a line of `may` allows it.
- A refusal of what the user may not even see is `hidden`: it is answered as if it did not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from trainyard_api.phase import TextEnum
from trainyard_api.rights.owner import Owner, Role, User, Visibility


class Verb(TextEnum):
    """What is done with an object; Kubernetes' words."""

    GET = "get"
    """Read it, list it, or name it in a session."""
    CREATE = "create"
    """Make it."""
    UPDATE = "update"
    """Change it: stop a session, correct a schema, add a version to a model, share it."""
    DELETE = "delete"
    """Remove it."""


@dataclass(frozen=True, slots=True)
class OwnedObject:
    """What is asked for."""

    kind: str
    """A word for sentences, such as `dataset`."""
    name: str
    owner: Owner = Owner()


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to a question about a right."""

    allowed: bool
    reason: str = ""
    """Why not, in a sentence; empty if it is allowed."""
    hidden: bool = False
    """Whether the user may not learn that the object exists."""


ALLOWED: Final = Decision(True)


def sees(user: User, owner: Owner) -> bool:
    """Whether a user may know of an object."""
    if user.role is None:
        return False
    if user.is_administrator or owner.visibility == Visibility.ALL or _is_own(user, owner):
        return True
    return owner.visibility == Visibility.TEAM and owner.team in user.teams


def may(user: User, verb: Verb, thing: OwnedObject) -> Decision:
    """Whether `user` may do `verb` to `thing`, and if not, why."""
    shown = f"{thing.kind} {thing.name!r}"
    if user.role is None:
        return Decision(False, f"the user {user.name!r} was removed", hidden=verb != Verb.CREATE)
    if user.is_administrator:
        return ALLOWED
    if verb == Verb.CREATE:
        return _may_create(user, thing)
    if not sees(user, thing.owner):
        return Decision(False, f"there is no {shown} that {_called(user)} may see", hidden=True)
    if verb == Verb.GET:
        return ALLOWED
    return _may_change(user, verb, thing)


def _may_create(user: User, thing: OwnedObject) -> Decision:
    if user.role == Role.VIEWER:
        return Decision(False, f"{_called(user)} is a viewer, and makes no {thing.kind}; {_MORE}")
    if thing.owner.team not in user.teams:
        return Decision(
            False,
            f"{_called(user)} is not in the team {thing.owner.team!r} (teams: {_teams(user)}); "
            f"an administrator adds users to teams",
        )
    return ALLOWED


def _may_change(user: User, verb: Verb, thing: OwnedObject) -> Decision:
    does = "changes" if verb == Verb.UPDATE else "deletes"
    if user.role == Role.VIEWER:
        return Decision(False, f"{_called(user)} is a viewer, and {does} nothing; {_MORE}")
    if _is_own(user, thing.owner):
        return ALLOWED
    if user.role == Role.MAINTAINER and thing.owner.team in user.teams:
        return ALLOWED
    owner = f"user {thing.owner.user!r}" if thing.owner.user else "no user"
    return Decision(
        False,
        f"the {thing.kind} {thing.name!r} belongs to {owner} of the team {thing.owner.team!r}: only "
        f"its owner, a maintainer of that team or an administrator {does} it",
    )


_MORE: Final = "an administrator gives roles: `trainyard users set NAME --role member`"


def _is_own(user: User, owner: Owner) -> bool:
    return bool(user.name) and user.name == owner.user


def _called(user: User) -> str:
    return f"user {user.name!r}" if user.name else "a session without a user"


def _teams(user: User) -> str:
    return ", ".join(user.teams) or "none"
