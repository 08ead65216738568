"""Runs of every kind as lists show them, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Select, or_, select, true, tuple_

from trainyard_api.rights.owner import User
from trainyard_gateway.store.access import owners
from trainyard_gateway.store.access.owners import Kind as Owned
from trainyard_gateway.store.schema.run_tables import experiments, run_tags, runs
from trainyard_gateway.store.schema.tables import sessions

PARENT_TAG = "mlflow.parentRunId"


class Kind(StrEnum):
    """What a run is."""

    SESSION = "session"
    """The run of a session."""
    PROGRAM = "program"
    """Another run of a session's program, such as a nested one."""
    LOCAL = "local"
    """A run without a session: a program elsewhere has reported it."""


class ListedRun(NamedTuple):
    """A run with the names of what it belongs to."""

    id: str
    name: str
    status: str
    phase: str | None
    user: str
    owner: str
    session_uid: str | None
    start_time: int
    """Milliseconds since the epoch."""
    end_time: int | None
    series_key: str
    """What its metrics are stored under."""
    experiment: str
    session: str | None
    parent: str | None
    """Id of the run that it is nested in."""

    @property
    def kind(self) -> Kind:
        """What it is."""
        if self.session_uid is None:
            return Kind.LOCAL
        return Kind.PROGRAM if self.phase is None else Kind.SESSION


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runs; None leaves any."""

    kind: Kind | None = None
    experiment: str | None = None
    """Its name."""
    status: str | None = None
    session_uid: str | None = None
    name: str | None = None
    """A part of the name, in any case of its letters."""


def page(
    connection: Connection,
    wanted: Wanted,
    before: tuple[int, str] | None,
    limit: int,
    user: User,
) -> list[ListedRun]:
    """The newest runs that `user` sees and that are not deleted: one more than `limit` if there are
    more.

    `before`: start and id of the last run of the page before.
    """
    query = _runs().where(runs.c.lifecycle == "active", visible(user), *_conditions(wanted))
    if before is not None:
        query = query.where(tuple_(runs.c.start_time, runs.c.id) < before)
    query = query.order_by(runs.c.start_time.desc(), runs.c.id.desc()).limit(limit + 1)
    return [_listed(row) for row in connection.execute(query)]


def find(connection: Connection, id: str, user: User) -> ListedRun | None:
    """The run with this id, if `user` sees it; also a deleted one."""
    row = connection.execute(_runs().where(runs.c.id == id, visible(user))).one_or_none()
    return _listed(row) if row is not None else None


def visible(user: User) -> ColumnElement[bool]:
    """The condition that `user` sees a run: its session, or the run itself if it has none."""
    if user.is_administrator:
        return true()
    is_local = runs.c.session_uid.is_(None)
    of_session = owners.visible(user, Owned.SESSION, runs.c.session_uid)
    return or_(~is_local & of_session, is_local & owners.visible(user, Owned.RUN, runs.c.id))


def _runs() -> Select[Any]:
    parent = (run_tags.c.run_id == runs.c.id) & (run_tags.c.key == PARENT_TAG)
    return (
        select(
            runs.c.id, runs.c.name, runs.c.status, runs.c.phase, runs.c.user, runs.c.owner,
            runs.c.session_uid, runs.c.start_time, runs.c.end_time, runs.c.series_key,
            experiments.c.name.label("experiment"), sessions.c.name.label("session"),
            run_tags.c.value.label("parent"),
        )
        .join(experiments, experiments.c.id == runs.c.experiment_id)
        .outerjoin(sessions, sessions.c.uid == runs.c.session_uid)
        .outerjoin(run_tags, parent)
    )  # fmt: skip


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.kind is not None:
        found.append(
            runs.c.session_uid.is_(None)
            if wanted.kind is Kind.LOCAL
            else runs.c.session_uid.is_not(None)
        )
    if wanted.kind is Kind.SESSION:
        found.append(runs.c.phase.is_not(None))
    if wanted.kind is Kind.PROGRAM:
        found.append(runs.c.phase.is_(None))
    if wanted.experiment is not None:
        found.append(experiments.c.name == wanted.experiment)
    if wanted.status is not None:
        found.append(runs.c.status == wanted.status)
    if wanted.session_uid is not None:
        found.append(runs.c.session_uid == wanted.session_uid)
    if wanted.name is not None:
        found.append(runs.c.name.icontains(wanted.name, autoescape=True))
    return found


def _listed(row: Row[Any]) -> ListedRun:
    return ListedRun(**row._mapping)
