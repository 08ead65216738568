"""Who gets an object when it is made, and how that changes later. Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from trainyard_api.model import ClosedModel, OpenModel
from trainyard_api.rights.owner import Owner, Visibility

Named = Annotated[str, StringConstraints(min_length=1, max_length=63)]


class Sharing(ClosedModel):
    """Who gets an object that is made, besides its user."""

    team: Named | None = None
    """One of the caller's teams. Default: the first one."""
    visibility: Visibility = Visibility.TEAM
    """Who sees it: its user (`private`), its team (`team`) or every user (`all`)."""


class SharingChange(ClosedModel):
    """What changes of an object's owner; what is absent stays."""

    user: Named | None = Field(default=None)
    """Another user, by an administrator or a maintainer of its team."""
    team: Named | None = Field(default=None)
    """Another one of the caller's teams."""
    visibility: Visibility | None = None
    """Who sees it: its user (`private`), its team (`team`) or every user (`all`)."""


class SessionSharing(ClosedModel):
    """What changes of a session's owner; what is absent stays. Its user acts in it, and stays."""

    team: Named | None = Field(default=None)
    """Another one of the caller's teams."""
    visibility: Visibility | None = None
    """Who sees it: its user (`private`), its team (`team`) or every user (`all`)."""


class OwnerInfo(OpenModel):
    """Whose an object is."""

    user: str
    """Empty if it is no user's own."""
    team: str
    visibility: Visibility
    """Who sees it: its user (`private`), its team (`team`) or every user (`all`)."""


def info_of(owner: Owner) -> OwnerInfo:
    """An owner as the API shows it."""
    return OwnerInfo(user=owner.user, team=owner.team, visibility=owner.visibility)


def changed(owner: Owner, changes: SharingChange) -> Owner:
    """The owner after the changes."""
    return Owner(
        owner.user if changes.user is None else changes.user,
        owner.team if changes.team is None else changes.team,
        changes.visibility or owner.visibility,
    )
