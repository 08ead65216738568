"""Asks `may` for the objects of the gateway, and answers with a problem where it refuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from trainyard_api.rights.decision import OwnedObject, Verb, may, sees
from trainyard_api.rights.owner import Owner, Role, User, Visibility
from trainyard_gateway.errors import NotFound, NotPermitted
from trainyard_gateway.rights.sharing import OwnerInfo, SharingChange, changed, info_of
from trainyard_gateway.rights.users import Users
from trainyard_gateway.store.access import owners
from trainyard_gateway.store.access.owners import Kind
from trainyard_gateway.store.database import Connection, Database


def require(user: User, verb: Verb, thing: OwnedObject, absent: NotFound | None = None) -> None:
    """Raises NotPermitted; of what the user may not see, `absent`, as if it did not exist."""
    decision = may(user, verb, thing)
    if decision.allowed:
        return
    if decision.hidden:
        raise absent or NotFound(f"there is no {thing.kind} {thing.name[:140]!r}")
    raise NotPermitted(decision.reason)


def new_owner(
    user: User, kind: Kind, team: str | None = None, visibility: Visibility = Visibility.TEAM
) -> Owner:
    """The owner of what `user` makes; `team`: default is the user's first. Raises NotPermitted."""
    owner = Owner(user.name, user.team if team is None else team, visibility)
    require(user, Verb.CREATE, OwnedObject(kind.value, "", owner))
    return owner


def _of_team(team: str) -> OwnedObject:
    """What belongs to a team itself, and to no user."""
    return OwnedObject("team", team, Owner("", team, Visibility.TEAM))


class Session(Protocol):
    """What is asked of a session."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def user(self) -> str | None:
        """Its label `trainyard.io/user`."""

    @property
    def team(self) -> str | None:
        """Its label `trainyard.io/team`."""

    @property
    def visibility(self) -> str:
        """Its label `trainyard.io/visibility`, or `team`."""


class Rights:
    """Whose objects are, and what callers may do with them."""

    def __init__(self, users: Users, database: Database) -> None:
        self.users, self._database = users, database

    def of_session(self, session: Session) -> Owner:
        """Whose a session is: its labels, and without the label of a team its user's first one."""
        user = session.user or ""
        team = self.users.of(user).team if session.team is None else session.team
        return owners.owner_of(user, team, session.visibility)

    async def sees(self, user: User, kind: Kind, id: str) -> bool:
        """Whether a user sees the object of that id, if there is one."""
        owner = await self._database.read(lambda c: owners.find(c, kind, id), applied=False)
        return sees(user, owner)

    async def require(self, user: User, verb: Verb, kind: Kind, id: str, absent: NotFound) -> Owner:
        """The owner of an object with which the user may do that.

        Raises NotPermitted, and `absent` for an object that is not there or not to be seen.
        """
        owner = await self._existing(kind, id, absent)
        require(user, verb, OwnedObject(kind.value, id, owner), absent)
        return owner

    async def sent_by(self, user: User, kind: Kind, hashes: Sequence[str]) -> set[str]:
        """Which contents of code are for a user who knows their hashes."""
        return await self._database.read(
            lambda c: owners.sent_by(c, kind, hashes, user), applied=False
        )

    async def note_sent(self, kind: Kind, hashes: Sequence[str], owner: Owner) -> None:
        """Note that a user has sent these bundles or contents of code."""
        await self._database.write(lambda c: owners.share(c, kind, hashes, owner))

    async def sees_bundle(self, user: User, bundle: str) -> bool:
        """Whether a user sees a bundle of code."""
        return await self._database.read(
            lambda c: owners.bundle_is_seen(c, bundle, user), applied=False
        )

    async def info(self, kind: Kind, id: str, absent: NotFound) -> OwnerInfo:
        """Whose an object is. Raises `absent` if there is none."""
        return info_of(await self._existing(kind, id, absent))

    async def share(
        self, user: User, kind: Kind, id: str, changes: SharingChange, absent: NotFound
    ) -> OwnerInfo:
        """Change whose an object is, which `user` may change.

        Raises `absent` if there is none, NotPermitted and Unprocessable.
        """
        self.require_sharing(user, changes)

        def save(connection: Connection) -> Owner:
            owner = owners.find_existing(connection, kind, id)
            if owner is None:
                raise absent
            require(user, Verb.UPDATE, OwnedObject(kind.value, id, owner), absent)
            new = changed(owner, changes)
            owners.save(connection, kind, {id: new})
            return new

        return info_of(await self._database.write(save))

    def require_team(self, user: User, verb: Verb, team: str) -> None:
        """Raises NotPermitted unless `user` may do that with what belongs to a team itself.

        Raises Unprocessable for a team that is not there.
        """
        self.users.require_team(team, user)
        if not may(user, verb, _of_team(team)).allowed:
            raise NotPermitted(
                f"user {user.name!r} is a {user.role} of the team {team!r}; its maintainers and "
                "administrators do that"
            )

    def changes_receiver(self, user: User, team: str) -> bool:
        """Whether `user` may change a receiver of notices of the team; without one, of `user`."""
        return not team or may(user, Verb.UPDATE, _of_team(team)).allowed

    def require_sharing(self, user: User, changes: SharingChange) -> None:
        """Raises NotPermitted for a team that is not the user's, Unprocessable for no user."""
        if changes.team is not None:
            self.users.require_team(changes.team, user)
        if changes.user is not None and changes.user != user.name:
            if user.role not in (Role.MAINTAINER, Role.ADMINISTRATOR):
                raise NotPermitted(
                    f"user {user.name!r} is a {user.role}; maintainers give objects to other users"
                )
            self.users.require_user(changes.user)

    async def _existing(self, kind: Kind, id: str, absent: NotFound) -> Owner:
        owner = await self._database.read(
            lambda c: owners.find_existing(c, kind, id), applied=False
        )
        if owner is None:
            raise absent
        return owner

    def require_session(self, user: User, verb: Verb, session: Session, absent: NotFound) -> None:
        """Raises NotPermitted, or `absent`."""
        thing = OwnedObject(Kind.SESSION.value, session.name, self.of_session(session))
        require(user, verb, thing, absent)

    async def require_model(self, user: User, name: str) -> None:
        """Ask `require_next_version` early, before a file is received."""
        await self._database.read(lambda c: require_next_version(c, user, name), applied=False)


def require_next_version(connection: Connection, user: User, name: str) -> None:
    """Whether `user` may add versions to a model, or make it. Raises NotPermitted.

    A name that a model has that the user may not see cannot be used, and is called taken. The
    transaction that adds the version asks: meanwhile another user may have made the model.
    """
    owner = owners.find_existing(connection, Kind.MODEL, name)
    if owner is None:
        return
    decision = may(user, Verb.UPDATE, OwnedObject(Kind.MODEL.value, name, owner))
    if decision.hidden:
        raise NotPermitted(f"the name of the model {name!r} is taken; give another name")
    if not decision.allowed:
        raise NotPermitted(decision.reason)
