"""Rows of `models`, one for each version of a model."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, case, delete, func, insert, or_, select, update

from trainyard_api.rights.owner import Owner, User
from trainyard_gateway.paging import first_page
from trainyard_gateway.store.access import owners
from trainyard_gateway.store.access.owners import Kind
from trainyard_gateway.store.registry import aliases, registered, version_notes
from trainyard_gateway.store.schema.run_tables import runs
from trainyard_gateway.store.schema.tables import model_numbers, models, sessions


class ModelRow(NamedTuple):
    """A row of `models`."""

    id: str
    """Name of its folder below the models folder."""
    name: str
    version: int
    """1 is the first."""
    file: str
    """Path below the models folder."""
    sha256: str
    size_bytes: int
    created: str
    """RFC 3339."""
    session_uid: str | None
    """The session that trained it; None for an upload."""
    kind: str
    """`file` or `tree`."""
    files: int
    """Number of files; 1 of a file."""
    flags: str
    """Its flags, separated by spaces."""
    card: str
    """The model card as JSON."""


FILE, TREE = "file", "tree"
LONGEST_LISTED_CARD = 1_000_000
"""Characters of a card that a list has; four bytes each still fit into a page."""
_ROWS_AT_ONCE = 4

_listed_card = case((func.length(models.c.card) > LONGEST_LISTED_CARD, ""), else_=models.c.card)
_LISTED = [*(models.c[name] for name in ModelRow._fields if name != "card"), _listed_card]


def read_newest(
    connection: Connection, user: User, after: str | None = None
) -> tuple[list[ModelRow], bool]:
    """A page of the newest version of each model that `user` sees, by name; whether there are more.

    `after` is the name of the last model of the page before. The card of a row is empty where it is
    longer than LONGEST_LISTED_CARD.
    """
    others = models.alias()
    newest = select(func.max(others.c.version)).where(others.c.name == models.c.name)
    seen = owners.visible(user, Kind.MODEL, models.c.name)
    query = select(*_LISTED).where(models.c.version == newest.scalar_subquery(), seen)
    if after is not None:
        query = query.where(models.c.name > after)
    return _page(connection, query.order_by(models.c.name))


def read_versions(connection: Connection, name: str, after: int = 0) -> tuple[list[ModelRow], bool]:
    """A page of the versions of a model after version `after`, oldest first, as `read_newest`."""
    query = select(*_LISTED).where(models.c.name == name, models.c.version > after)
    return _page(connection, query.order_by(models.c.version))


def exists(connection: Connection, name: str) -> bool:
    """Whether there is a model of that name."""
    query = select(models.c.id).where(models.c.name == name).limit(1)
    return connection.execute(query).first() is not None


def find(connection: Connection, name: str, version: int | None = None) -> ModelRow | None:
    """A version of a model; without `version` the newest."""
    query = select(models).where(models.c.name == name)
    if version is not None:
        query = query.where(models.c.version == version)
    return _first(connection, query.order_by(models.c.version.desc()))


def find_by_id(connection: Connection, id: str) -> ModelRow | None:
    """The version with this id."""
    return _first(connection, select(models).where(models.c.id == id))


def find_by_session(connection: Connection, uid: str) -> ModelRow | None:
    """The file that a session has registered; the highest version if there are several."""
    query = select(models).where(models.c.session_uid == uid, models.c.kind == FILE)
    return _first(connection, query.order_by(models.c.version.desc()))


def find_tree(connection: Connection, uid: str, name: str, tree: str) -> ModelRow | None:
    """The version of that name under which a session has registered this tree."""
    own = (models.c.session_uid == uid) & (models.c.kind == TREE)
    query = select(models).where(own, models.c.name == name, models.c.sha256 == tree)
    return _first(connection, query.order_by(models.c.version))


def trees_of_session(connection: Connection, uid: str, most: int) -> list[ModelRow]:
    """The trees that a session has registered, by name, without cards; of each name the newest."""
    own = (models.c.session_uid == uid) & (models.c.kind == TREE)
    newest = (
        select(models.c.name, func.max(models.c.version).label("version"))
        .where(own)
        .group_by(models.c.name)
        .subquery()
    )
    columns = [models.c[name] for name in ModelRow._fields if name != "card"]
    joined = (models.c.name == newest.c.name) & (models.c.version == newest.c.version)
    query = select(*columns).join(newest, joined).order_by(models.c.name).limit(most)
    return [ModelRow(**row, card="{}") for row in connection.execute(query).mappings()]


def is_of_others(connection: Connection, name: str, uid: str, session: str) -> bool:
    """Whether a version of that model is an upload, or of a session of another name."""
    namesakes = select(sessions.c.uid).where(sessions.c.name == session)
    foreign = or_(
        models.c.session_uid.is_(None),
        (models.c.session_uid != uid) & models.c.session_uid.not_in(namesakes),
    )
    query = select(models.c.id).where(models.c.name == name, foreign).limit(1)
    return connection.execute(query).first() is not None


def add_next_version(connection: Connection, row: ModelRow, owner: Owner | None = None) -> ModelRow:
    """Insert a row as the next version of its model and return it; `row.version` is ignored.

    `owner`: of a new model. Default: the owner of the session that has made it.

    Numbers are consecutive, since one transaction writes at a time; one that a deleted version has
    had is not given again.
    """
    last = max(_highest(connection, row.name), _last_number(connection, row.name))
    row = row._replace(version=last + 1)
    note_owner(connection, row.name, row.session_uid, owner)
    connection.execute(insert(models).values(row._asdict()))
    return row


def note_owner(
    connection: Connection, name: str, session_uid: str | None, owner: Owner | None
) -> None:
    """Note whose a model is before it is made; nothing for one that is there."""
    if owners.find_existing(connection, Kind.MODEL, name) is None:
        made = owner or owners.find(connection, Kind.SESSION, session_uid or "")
        owners.save(connection, Kind.MODEL, {name: made})


def remove(connection: Connection, name: str) -> list[str] | None:
    """Delete a model with all its versions; returns their ids, None if there is no such model."""
    connection.execute(delete(model_numbers).where(model_numbers.c.name == name))
    aliases.remove_all(connection, name)
    version_notes.remove_all(connection, name)
    had_row = registered.remove(connection, name)
    owners.remove(connection, Kind.MODEL, name)
    statement = delete(models).where(models.c.name == name).returning(models.c.id)
    ids = list(connection.execute(statement).scalars())
    return ids if ids or had_row else None


def remove_version(connection: Connection, name: str, version: int) -> str | None:
    """Delete one version of a model; returns its id, None if there is no such version.

    Its number stays taken as long as the model has another version.
    """
    last = max(_highest(connection, name), _last_number(connection, name))
    statement = delete(models).where(models.c.name == name, models.c.version == version)
    id = connection.execute(statement.returning(models.c.id)).scalar_one_or_none()
    if id is None:
        return None
    aliases.remove_of_version(connection, name, version)
    version_notes.remove(connection, name, version)
    connection.execute(delete(model_numbers).where(model_numbers.c.name == name))
    if 0 < _highest(connection, name) < last:
        connection.execute(insert(model_numbers).values(name=name, last=last))
    if not exists(connection, name) and registered.find(connection, name) is None:
        owners.remove(connection, Kind.MODEL, name)
    return str(id)


def rename(connection: Connection, name: str, new: str) -> None:
    """Give a model and its versions another name, which no model has."""
    for table in (models, model_numbers):
        connection.execute(update(table).where(table.c.name == name).values(name=new))
    owners.move(connection, Kind.MODEL, name, new)


def has_version_of_others(connection: Connection, name: str, uid: str) -> bool:
    """Whether a version of that model is an upload, or of a session of another user."""
    foreign = or_(
        models.c.session_uid.is_(None),
        (models.c.session_uid != uid) & models.c.session_uid.not_in(_of_user_of(uid)),
    )
    query = select(models.c.id).where(models.c.name == name, foreign).limit(1)
    return connection.execute(query).first() is not None


def are_of_same_user(connection: Connection, uid: str, other: str) -> bool:
    """Whether two sessions are the same one or have the same user."""
    query = select(runs.c.id).where(runs.c.series_key == other)
    query = query.where(runs.c.series_key.in_(_of_user_of(uid)))
    return uid == other or connection.execute(query.limit(1)).first() is not None


def _of_user_of(uid: str) -> Select[Any]:
    """The sessions of a session's user; none where it has no user."""
    user = select(runs.c.user).where(runs.c.series_key == uid, runs.c.user != "")
    return select(runs.c.series_key).where(runs.c.phase.is_not(None), runs.c.user.in_(user))


def _highest(connection: Connection, name: str) -> int:
    """The number of the newest version of a model, 0 without one."""
    newest = select(func.coalesce(func.max(models.c.version), 0)).where(models.c.name == name)
    return int(connection.execute(newest).scalar_one())


def _last_number(connection: Connection, name: str) -> int:
    """The highest number of a deleted version that must not come again; 0 if there is none."""
    query = select(model_numbers.c.last).where(model_numbers.c.name == name)
    return int(connection.execute(query).scalar_one_or_none() or 0)


def ids(connection: Connection) -> set[str]:
    """The ids of all versions of all models."""
    return set(connection.execute(select(models.c.id)).scalars())


def _page(connection: Connection, query: Select[Any]) -> tuple[list[ModelRow], bool]:
    with connection.execute(query.execution_options(yield_per=_ROWS_AT_ONCE)) as found:
        return first_page((ModelRow(*row) for row in found), lambda row: len(row.card.encode()))


def _first(connection: Connection, query: Select[Any]) -> ModelRow | None:
    row = connection.execute(query.limit(1)).one_or_none()
    return ModelRow(*row) if row is not None else None
