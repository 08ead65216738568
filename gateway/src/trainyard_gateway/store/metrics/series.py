"""The series of a session: one for each metric, with its newest value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, insert, select, update

from trainyard_gateway.store.schema.tables import series
from trainyard_gateway.store.sql.statements import CompiledStatement, fetch_tuples
from trainyard_gateway.store.sql.text import escape_nul

_MAX_CACHED = 100_000
"""Series in the cache."""

SeriesKey = tuple[str, str]
"""Session UID and metric name."""
Point = tuple[int, int, int, int | None, int, float | None]
"""A row of `metrics`: series id, step, attempt, epoch, time, value.

The time is in microseconds since the epoch; the value None is NaN. A plain tuple, since one is made
for every value of every report.
"""
POINT_COLUMNS = ("series_id", "step", "attempt", "epoch", "time", "value")
"""The columns of a Point, in order."""


@dataclass(slots=True)
class SeriesState:
    """A row of `series` with the points that are not written yet."""

    id: int
    total: int = 0
    """Number of points, pending ones included."""
    max_step: int = -1
    newest: Point = (0, -1, 0, None, 0, None)
    """The point with the highest step of the latest attempt."""
    pending: list[Point] = field(default_factory=list)
    """Points that are counted and not written yet, in order of steps."""

    def take_pending(self) -> list[Point]:
        """Return the pending points and empty the list; the caller writes them."""
        taken, self.pending = self.pending, []
        return taken

    def update_newest(self, point: Point) -> None:
        """Take over `point` if it is of a later attempt, or of no lower step of the same one."""
        if (point[2], point[1]) >= (self.newest[2], self.newest[1]):
            self.newest = point


States = dict[str, dict[str, SeriesState]]
"""Series by session UID and metric name."""


class SeriesCache:
    """Finds and creates series.

    With `exclusive` (only this process writes) the states stay cached between transactions.
    """

    def __init__(self, exclusive: bool) -> None:
        self._exclusive = exclusive
        self._cached: States = {}
        self._count = 0

    def clear(self) -> None:
        """Empty the cache, which may hold what a failed transaction did not write."""
        self._cached.clear()
        self._count = 0

    def find_or_create(self, connection: Connection, wanted: Mapping[str, set[str]]) -> States:
        """The states of the wanted sessions, with at least the wanted metrics of each.

        `wanted`: metric names by session UID.
        """
        if not self._exclusive or self._count > _MAX_CACHED:
            self.clear()
        unknown = {
            uid for uid, names in wanted.items() if not names <= self._cached.get(uid, {}).keys()
        }
        if unknown:
            self._load(connection, unknown)
            self._create(
                connection,
                [(uid, n) for uid in unknown for n in wanted[uid] - self._cached[uid].keys()],
            )
        return {uid: self._cached[uid] for uid in wanted}

    def save(self, connection: Connection, changed: Iterable[SeriesState]) -> None:
        """Update the rows of changed states. Does not write pending points."""
        _UPDATE.execute_many(connection, [_values(state) for state in changed])

    def _load(self, connection: Connection, sessions: set[str]) -> None:
        for uid in sessions:
            self._count -= len(self._cached.get(uid, ()))
            self._cached[uid] = {}
        query = select(series).where(series.c.session_uid.in_(sorted(sessions)))
        for r in connection.execute(query):
            newest = (r.id, r.last_step, r.last_attempt, r.last_epoch, r.last_time, r.last_value)
            self._cached[r.session_uid][r.name] = SeriesState(r.id, r.total, r.max_step, newest)
            self._count += 1

    def _create(self, connection: Connection, missing: list[SeriesKey]) -> None:
        if not missing:
            return
        empty = {
            "total": 0, "max_step": -1, "last_attempt": 0, "last_step": -1, "last_time": 0,
        }  # fmt: skip
        rows = [{"session_uid": uid, "name": name, **empty} for uid, name in sorted(missing)]
        statement = insert(series).returning(series.c.id, series.c.session_uid, series.c.name)
        for r in connection.execute(statement, rows):
            self._cached[r.session_uid][r.name] = SeriesState(r.id)
            self._count += 1


_CHANGING = (
    "total", "max_step", "last_attempt", "last_step", "last_epoch", "last_time", "last_value",
)  # fmt: skip
_UPDATE = CompiledStatement(
    update(series)
    .where(series.c.id == bindparam("series"))
    .values({name: bindparam(f"new_{name}") for name in _CHANGING}),
    [*(f"new_{name}" for name in _CHANGING), "series"],
)


def _values(state: SeriesState) -> tuple[Any, ...]:
    _, step, attempt, epoch, time, value = state.newest
    return state.total, state.max_step, attempt, step, epoch, time, value, state.id


_OF_SESSION = CompiledStatement(
    select(series).where(series.c.session_uid == bindparam("uid")).order_by(series.c.name), ["uid"]
)


def rows_of_session(connection: Connection, uid: str, names: Sequence[str] = ()) -> list[Any]:
    """Rows of `series` of a session, by metric name; with `names` only those."""
    wanted = {escape_nul(name) for name in names}
    rows = _OF_SESSION.fetch_rows(connection, uid)
    return [row for row in rows if row.name in wanted] if wanted else list(rows)


def rows_of_many(connection: Connection, keys: Sequence[str]) -> dict[str, list[Any]]:
    """Rows of `series` of several sessions or runs, by what they are stored under and by name."""
    found: dict[str, list[Any]] = {}
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        some = series.c.session_uid.in_(keys[start : start + _KEYS_AT_ONCE])
        query = select(series).where(some).order_by(series.c.session_uid, series.c.name)
        for row in connection.execute(query):
            found.setdefault(row.session_uid, []).append(row)
    return found


class NewestValue(NamedTuple):
    """The newest value of a metric."""

    name: str
    value: float | None
    """None is NaN."""
    time: int
    """Microseconds since the epoch."""
    step: int


def newest_of_many(connection: Connection, keys: Sequence[str]) -> dict[str, list[NewestValue]]:
    """The newest values of several sessions or runs, by what they are stored under and by name."""
    found: dict[str, list[NewestValue]] = {}
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        some = series.c.session_uid.in_(keys[start : start + _KEYS_AT_ONCE])
        query = _NEWEST.where(some).order_by(series.c.session_uid, series.c.name)
        for key, *values in fetch_tuples(connection, query):
            found.setdefault(key, []).append(NewestValue._make(values))
    return found


_NEWEST = select(
    series.c.session_uid, series.c.name, series.c.last_value, series.c.last_time, series.c.last_step
)


def rows_of_metric(connection: Connection, uids: Sequence[str], name: str) -> list[Any]:
    """Rows of `series` of one metric of several sessions; of those that have it."""
    found: list[Any] = []
    for start in range(0, len(uids), _KEYS_AT_ONCE):
        some = series.c.session_uid.in_(uids[start : start + _KEYS_AT_ONCE])
        query = select(series).where(some, series.c.name == escape_nul(name))
        found += connection.execute(query).all()
    return found


_KEYS_AT_ONCE = 500
