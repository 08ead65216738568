"""Rows of `runs`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, or_, select, update

from trainyard_api.rights.owner import User
from trainyard_gateway.store.access import owners
from trainyard_gateway.store.access.owners import Kind
from trainyard_gateway.store.schema.run_tables import runs
from trainyard_gateway.store.sql.text import escape_nul

LOCAL_UID = None
"""A local run has no session."""


class RunRow(NamedTuple):
    """A row of `runs`."""

    id: str
    experiment_id: str
    session_uid: str | None
    """The session whose run it is, or whose program made it; None of a local run."""
    series_key: str
    """What its metrics are stored under."""
    owner: str
    """Name of the API key that made a local run."""
    name: str
    user: str
    status: str
    phase: str | None
    """The session's phase, for its own run; None for others."""
    start_time: int
    end_time: int | None
    lifecycle: str

    @property
    def is_session(self) -> bool:
        """Whether it is a session's own run, whose state is the operator's."""
        return self.phase is not None


def find(connection: Connection, id: str) -> RunRow | None:
    """The run with this id, also a deleted one."""
    row = connection.execute(select(runs).where(runs.c.id == id)).one_or_none()
    return RunRow(*row) if row is not None else None


def find_many(connection: Connection, ids: Sequence[str]) -> list[RunRow]:
    """The runs with these ids that are there."""
    return [RunRow(*r) for r in connection.execute(select(runs).where(runs.c.id.in_(ids)))]


def add(connection: Connection, row: RunRow) -> None:
    """Insert a run."""
    values = row._asdict() | {"name": escape_nul(row.name), "user": escape_nul(row.user)}
    connection.execute(insert(runs).values(values))


def change(connection: Connection, id: str, **values: Any) -> None:
    """Set columns of a run."""
    if "name" in values:
        values["name"] = escape_nul(values["name"])
    if values:
        connection.execute(update(runs).where(runs.c.id == id).values(values))


def local(connection: Connection, limit: int) -> Iterable[RunRow]:
    """The newest local runs that are not deleted."""
    query = select(runs).where(runs.c.session_uid.is_(None), runs.c.lifecycle == "active")
    query = query.order_by(runs.c.start_time.desc(), runs.c.id).limit(limit)
    return [RunRow(*row) for row in connection.execute(query)]


def change_all(connection: Connection, experiment: str, user: User, **values: Any) -> None:
    """Set columns of the runs of an experiment that `user` may change."""
    is_local = runs.c.session_uid.is_(None)
    of_session = owners.changeable(user, Kind.SESSION, runs.c.session_uid)
    may = or_(~is_local & of_session, is_local & owners.changeable(user, Kind.RUN, runs.c.id))
    statement = update(runs).where(runs.c.experiment_id == experiment, may)
    connection.execute(statement.values(values))
