"""Rows of `owners`: whose objects are, and the condition that finds what a user sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    delete,
    exists,
    false,
    func,
    or_,
    select,
    true,
)

from trainyard_api.rights.decision import sees
from trainyard_api.rights.owner import DEFAULT_TEAM, Owner, Role, User, Visibility
from trainyard_gateway.store.schema import run_tables, tables
from trainyard_gateway.store.schema.user_tables import owners
from trainyard_gateway.store.sql.dialect import upsert


class Kind(StrEnum):
    """What has an owner; the values are in the database, and words of sentences."""

    SESSION = "session"
    """By UID."""
    DATASET = "dataset"
    """By name."""
    MODEL = "model"
    """By name: all its versions."""
    UPLOAD = "upload"
    """By id."""
    RUN = "run"
    """By id; of a run without a session."""
    BUNDLE = "bundle"
    """Of code, by its hash; several users may have sent the same."""
    CONTENT = "content"
    """Of bundles of code, by its hash; several users may have sent the same."""


def find(connection: Connection, kind: Kind, id: str) -> Owner:
    """Whose an object is; of one without a row, the team `default`."""
    query = select(owners.c.user, owners.c.team, owners.c.visibility)
    row = connection.execute(query.where(_is(kind, id))).one_or_none()
    return Owner() if row is None else owner_of(row.user, row.team, row.visibility)


def find_existing(connection: Connection, kind: Kind, id: str) -> Owner | None:
    """Whose an object is; None if there is none of that id."""
    query = select(owners.c.user, owners.c.team, owners.c.visibility)
    row = connection.execute(query.where(_is(kind, id))).one_or_none()
    if row is not None:
        return owner_of(row.user, row.team, row.visibility)
    known = any(connection.execute(select(c).where(c == id).limit(1)).first() for c in _IDS[kind])
    return Owner() if known else None


_IDS: Final[Mapping[Kind, tuple[Column[Any], ...]]] = {
    Kind.DATASET: (tables.datasets.c.name,),
    Kind.MODEL: (tables.models.c.name, run_tables.registered_models.c.name),
    Kind.UPLOAD: (tables.uploads.c.id,),
    Kind.RUN: (run_tables.runs.c.id,),
}
"""Where the ids of objects of before are."""


def owner_of(user: str, team: str, visibility: str) -> Owner:
    """The owner of stored texts; a visibility that is not known hides the object. Pure."""
    known = next((v for v in Visibility if v.value == visibility), Visibility.PRIVATE)
    return Owner(user, team, known)


def save(connection: Connection, kind: Kind, found: Mapping[str, Owner]) -> None:
    """Set the owners of objects by their ids."""
    statement = upsert(connection, owners)
    new = {name: statement.excluded[name] for name in ("user", "team", "visibility")}
    rows = [
        {
            "kind": kind.value,
            "id": id,
            "user": owner.user[:64],
            "team": owner.team[:63],
            "visibility": owner.visibility.value,
        }
        for id, owner in found.items()
    ]
    if rows:
        changed = statement.on_conflict_do_update(index_elements=["kind", "id"], set_=new)
        connection.execute(changed, rows)


def share(connection: Connection, kind: Kind, hashes: Sequence[str], owner: Owner) -> None:
    """Note that a user has sent these bundles or contents too."""
    save(connection, kind, {hash: Owner("", "", Visibility.PRIVATE) for hash in hashes})
    save(connection, kind, {f"{hash}:{owner.user}": owner for hash in hashes})


def sent_by(connection: Connection, kind: Kind, hashes: Sequence[str], user: User) -> set[str]:
    """Which of these bundles or contents are for a user who knows their hashes.

    Those that the user has sent; of those from before there were users, all to the team `default`.
    """
    if user.role is None:
        return set()
    own, noted = set[str](), set[str]()
    for start in range(0, len(hashes), _AT_ONCE):
        some = hashes[start : start + _AT_ONCE]
        wanted = [*some, *(f"{hash}:{user.name}" for hash in some)]
        query = select(owners.c.id).where(owners.c.kind == kind.value, owners.c.id.in_(wanted))
        for id in connection.execute(query).scalars():
            (own if ":" in id else noted).add(id.partition(":")[0])
    of_before = (
        set(hashes) - noted if DEFAULT_TEAM in user.teams or user.is_administrator else set()
    )
    return own | of_before


def bundle_is_seen(connection: Connection, bundle: str, user: User) -> bool:
    """Whether one of those who have sent a bundle of code lets `user` see it.

    The row of the bundle itself shows it to no user; one without any is of the team `default`.
    """
    # Not by a range: the order of texts is that of the database's collation.
    sent = func.substr(owners.c.id, 1, len(bundle) + 1) == f"{bundle}:"
    query = select(owners).where(owners.c.kind == Kind.BUNDLE.value, (owners.c.id == bundle) | sent)
    found = [owner_of(row.user, row.team, row.visibility) for row in connection.execute(query)]
    return any(sees(user, owner) for owner in found or [Owner()])


_AT_ONCE = 400
"""Hashes of one query; databases bound the parameters of a statement."""


def remove(connection: Connection, kind: Kind, id: str) -> None:
    """Forget whose a deleted object was: the next one of its name is another one."""
    connection.execute(delete(owners).where(_is(kind, id)))


def move(connection: Connection, kind: Kind, id: str, new: str) -> None:
    """Let an object that has another name now keep its owner."""
    owner = find(connection, kind, id)
    remove(connection, kind, id)
    save(connection, kind, {new: owner})


def visible(user: User, kind: Kind, id: ColumnElement[Any]) -> ColumnElement[bool]:
    """The condition that `user` sees the object with this id: `sees` of its owner, as SQL."""
    if user.role is None:
        return false()
    if user.is_administrator:
        return true()
    row = (owners.c.kind == kind.value) & (owners.c.id == id)
    shared = owners.c.visibility == Visibility.ALL.value
    of_team = (owners.c.visibility == Visibility.TEAM.value) & owners.c.team.in_(user.teams)
    own = (owners.c.user == user.name) if user.name else false()
    found = exists().where(row, or_(own, shared, of_team))
    return or_(found, ~exists().where(row)) if DEFAULT_TEAM in user.teams else found


def changeable(user: User, kind: Kind, id: ColumnElement[Any]) -> ColumnElement[bool]:
    """The condition that `user` may change the object with this id: `may` of its owner, as SQL."""
    if user.role in (None, Role.VIEWER):
        return false()
    if user.is_administrator:
        return true()
    row = (owners.c.kind == kind.value) & (owners.c.id == id)
    own = (owners.c.user == user.name) if user.name else false()
    if user.role != Role.MAINTAINER:
        return exists().where(row, own)
    shown = owners.c.visibility.in_((Visibility.TEAM.value, Visibility.ALL.value))
    found = exists().where(row, or_(own, shown & owners.c.team.in_(user.teams)))
    return or_(found, ~exists().where(row)) if DEFAULT_TEAM in user.teams else found


def _is(kind: Kind, id: str) -> ColumnElement[bool]:
    return (owners.c.kind == kind.value) & (owners.c.id == id)
