"""Users with roles and teams, and owners of objects. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from trainyard_api.phase import TextEnum

DEFAULT_TEAM: Final = "default"
"""The team that always is there, and to which everything of before belongs."""


class Role(TextEnum):
    """What a user may do, each what the one before may and more."""

    VIEWER = "viewer"
    """Reads what is visible."""
    MEMBER = "member"
    """Makes objects, and changes and deletes those that are the user's own."""
    MAINTAINER = "maintainer"
    """Changes and deletes what the user's teams can see."""
    ADMINISTRATOR = "administrator"
    """Does everything, for all teams; makes users, teams and keys."""


class Visibility(TextEnum):
    """Who sees an object."""

    PRIVATE = "private"
    """Its owner, and administrators."""
    TEAM = "team"
    """Its owner, and users of its team."""
    ALL = "all"
    """Every user; it is changed as with `team`."""


@dataclass(frozen=True, slots=True)
class User:
    """Who asks."""

    name: str
    """Empty of a session without the label `trainyard.io/user`: such a user owns nothing."""
    role: Role | None = Role.MAINTAINER
    """None of a user who was removed: nothing is allowed."""
    teams: tuple[str, ...] = (DEFAULT_TEAM,)
    """The first one gets what the user makes, unless another one is named."""

    @property
    def is_administrator(self) -> bool:
        """Whether everything is allowed."""
        return self.role == Role.ADMINISTRATOR

    @property
    def team(self) -> str:
        """The team of what the user makes; empty without one."""
        return self.teams[0] if self.teams else ""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose an object is. The default is that of an object of before."""

    user: str = ""
    """Empty if it is no user's own."""
    team: str = DEFAULT_TEAM
    visibility: Visibility = Visibility.TEAM
