"""Which metrics a session has, by number, with their newest values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from trainyard_gateway.store.tables import series

NAMES_PER_SESSION = 2_000
"""Different metric names of one session at most."""
_CACHED = 100_000

Key = tuple[str, str]
"""Session UID and metric name."""


@dataclass(slots=True)
class Line:
    """What is known of one series."""

    id: int
    total: int = 0
    max_step: int = -1
    last_attempt: int = 0
    last_step: int = -1
    last_epoch: int | None = None
    last_time: int = 0
    last_value: float | None = None

    def see(self, step: int, attempt: int, epoch: int | None, time: int, value: float) -> None:
        """Keep the newest value: of the latest attempt, its highest step."""
        if (attempt, step) >= (self.last_attempt, self.last_step):
            self.last_attempt, self.last_step = attempt, step
            self.last_epoch, self.last_time = epoch, time
            self.last_value = None if math.isnan(value) else value


class TooManyNames(ValueError):
    """A session may have only so many different metrics."""


class SeriesBook:
    """Finds and makes series. With `exclusive` (one process writes) lines are remembered between transactions."""

    def __init__(self, exclusive: bool) -> None:
        self._exclusive = exclusive
        self._known: dict[Key, Line] = {}

    def forget(self) -> None:
        """After a transaction that failed."""
        self._known.clear()

    def lines(self, connection: Connection, keys: Iterable[Key]) -> dict[Key, Line]:
        """The lines of `keys`; those that are missing are made. Raises TooManyNames."""
        if not self._exclusive or len(self._known) > _CACHED:
            self.forget()
        wanted = set(keys)
        sessions = {uid for uid, _ in wanted - self._known.keys()}
        if sessions:
            self._load(connection, sessions)
            self._make(connection, wanted - self._known.keys())
        return {key: self._known[key] for key in wanted}

    def save(self, connection: Connection, lines: Iterable[Line]) -> None:
        """Write changed lines down."""
        connection.execute(_UPDATE, [_values(line) for line in lines])

    def _load(self, connection: Connection, sessions: set[str]) -> None:
        query = select(series).where(series.c.session_uid.in_(sorted(sessions)))
        for r in connection.execute(query):
            self._known[r.session_uid, r.name] = Line(
                r.id, r.total, r.max_step, r.last_attempt,
                r.last_step, r.last_epoch, r.last_time, r.last_value,
            )  # fmt: skip

    def _make(self, connection: Connection, missing: set[Key]) -> None:
        if not missing:
            return
        for uid in {uid for uid, _ in missing}:
            if sum(1 for known, _ in (*self._known, *missing) if known == uid) > NAMES_PER_SESSION:
                raise TooManyNames(
                    f"a session has at most {NAMES_PER_SESSION} different metrics; use fewer names"
                )
        empty = {
            "total": 0, "max_step": -1, "last_attempt": 0, "last_step": -1, "last_time": 0,
        }  # fmt: skip
        rows = [{"session_uid": uid, "name": name, **empty} for uid, name in sorted(missing)]
        statement = insert(series).returning(series.c.id, series.c.session_uid, series.c.name)
        for r in connection.execute(statement, rows):
            self._known[r.session_uid, r.name] = Line(r.id)


_UPDATE = (
    update(series)
    .where(series.c.id == bindparam("series"))
    .values(
        {
            name: bindparam(f"new_{name}")
            for name in (
                "total", "max_step", "last_attempt", "last_step", "last_epoch", "last_time",
                "last_value",
            )
        }
    )
)  # fmt: skip


def _values(line: Line) -> dict[str, Any]:
    return {
        "series": line.id,
        "new_total": line.total,
        "new_max_step": line.max_step,
        "new_last_attempt": line.last_attempt,
        "new_last_step": line.last_step,
        "new_last_epoch": line.last_epoch,
        "new_last_time": line.last_time,
        "new_last_value": line.last_value,
    }


def storable(given: str) -> str:
    """A NUL ends a text early in more than one client, and PostgreSQL takes none."""
    return given.replace("\x00", "\\0") if "\x00" in given else given


def of_session(connection: Connection, uid: str, names: Sequence[str] = ()) -> list[Any]:
    """The rows of a session's series by name, all or those named."""
    query = select(series).where(series.c.session_uid == uid).order_by(series.c.name)
    if names:
        query = query.where(series.c.name.in_([storable(name) for name in names]))
    return list(connection.execute(query).all())
