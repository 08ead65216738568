"""Which metrics a session has, by number, with their newest values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from trainyard_gateway.store.schema.tables import series
from trainyard_gateway.store.sql.statements import Prepared

_CACHED = 100_000

Key = tuple[str, str]
"""Session UID and metric name."""
Point = tuple[int, int, int, int | None, int, float | None]
"""A row of `metrics`: series, step, attempt, epoch, time in microseconds, value (None is NaN). A bare tuple: reports are made of them."""
POINT = ("series_id", "step", "attempt", "epoch", "time", "value")
"""Its columns."""


@dataclass(slots=True)
class Line:
    """What is known of one series."""

    id: int
    total: int = 0
    max_step: int = -1
    newest: Point = (0, -1, 0, None, 0, None)
    """Of the latest attempt, its highest step."""
    fresh: list[Point] = field(default_factory=list)
    """Points that are counted and not written yet."""

    def take(self) -> list[Point]:
        """The fresh points, to be written."""
        taken, self.fresh = self.fresh, []
        return taken

    def see(self, point: Point) -> None:
        """Keep the newest point."""
        if (point[2], point[1]) >= (self.newest[2], self.newest[1]):
            self.newest = point


class SeriesBook:
    """Finds and makes series. With `exclusive` (one process writes) lines are remembered between transactions."""

    def __init__(self, exclusive: bool) -> None:
        self._exclusive = exclusive
        self._known: dict[str, dict[str, Line]] = {}
        self._count = 0

    def forget(self) -> None:
        """After a transaction that failed."""
        self._known.clear()
        self._count = 0

    def lines(
        self, connection: Connection, wanted: Mapping[str, set[str]]
    ) -> dict[str, dict[str, Line]]:
        """The lines of sessions by name, at least the wanted ones; those that are missing are made."""
        if not self._exclusive or self._count > _CACHED:
            self.forget()
        unknown = {
            uid for uid, names in wanted.items() if not names <= self._known.get(uid, {}).keys()
        }
        if unknown:
            self._load(connection, unknown)
            self._make(
                connection,
                [(uid, n) for uid in unknown for n in wanted[uid] - self._known[uid].keys()],
            )
        return {uid: self._known[uid] for uid in wanted}

    def save(self, connection: Connection, lines: Iterable[Line]) -> None:
        """Write changed lines down."""
        _UPDATE.many(connection, [_values(line) for line in lines])

    def _load(self, connection: Connection, sessions: set[str]) -> None:
        for uid in sessions:
            self._count -= len(self._known.get(uid, ()))
            self._known[uid] = {}
        query = select(series).where(series.c.session_uid.in_(sorted(sessions)))
        for r in connection.execute(query):
            newest = (r.id, r.last_step, r.last_attempt, r.last_epoch, r.last_time, r.last_value)
            self._known[r.session_uid][r.name] = Line(r.id, r.total, r.max_step, newest)
            self._count += 1

    def _make(self, connection: Connection, missing: list[Key]) -> None:
        if not missing:
            return
        empty = {
            "total": 0, "max_step": -1, "last_attempt": 0, "last_step": -1, "last_time": 0,
        }  # fmt: skip
        rows = [{"session_uid": uid, "name": name, **empty} for uid, name in sorted(missing)]
        statement = insert(series).returning(series.c.id, series.c.session_uid, series.c.name)
        for r in connection.execute(statement, rows):
            self._known[r.session_uid][r.name] = Line(r.id)
            self._count += 1


_CHANGED = (
    "total", "max_step", "last_attempt", "last_step", "last_epoch", "last_time", "last_value",
)  # fmt: skip
_UPDATE = Prepared(
    update(series)
    .where(series.c.id == bindparam("series"))
    .values({name: bindparam(f"new_{name}") for name in _CHANGED}),
    [*(f"new_{name}" for name in _CHANGED), "series"],
)


def _values(line: Line) -> tuple[Any, ...]:
    _, step, attempt, epoch, time, value = line.newest
    return line.total, line.max_step, attempt, step, epoch, time, value, line.id


def storable(given: str) -> str:
    """A NUL ends a text early in more than one client, and PostgreSQL takes none."""
    return given.replace("\x00", "\\0") if "\x00" in given else given


_OF_SESSION = Prepared(
    select(series).where(series.c.session_uid == bindparam("uid")).order_by(series.c.name), ["uid"]
)


def of_session(connection: Connection, uid: str, names: Sequence[str] = ()) -> list[Any]:
    """The rows of a session's series by name, all or those named."""
    wanted = {storable(name) for name in names}
    rows = _OF_SESSION.rows(connection, uid)
    return [row for row in rows if row.name in wanted] if wanted else list(rows)
