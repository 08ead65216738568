"""What is kept of sessions that left the cluster, and how it is removed after a while.

Log lines, metrics and the list of applied batches go; the session's last known object stays, with
its last metric values. Each step is one short transaction, so that it delays no other write.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete, exists, insert, select, update

from trainyard_gateway.store.schema.run_tables import repeated_points
from trainyard_gateway.store.schema.tables import (
    batches,
    history_marks,
    log_usage,
    logs,
    metrics,
    rollups,
    series,
    sessions,
    streams,
)

STEP_ROWS = 5_000
"""Rows that one transaction changes at most."""


def missed(connection: Connection) -> list[str]:
    """UIDs of sessions that left the cluster and have no mark, at most STEP_ROWS."""
    marked = exists().where(history_marks.c.session_uid == sessions.c.uid)
    query = select(sessions.c.uid).where(sessions.c.deleted, ~marked).limit(STEP_ROWS)
    return list(connection.execute(query).scalars())


def back(connection: Connection) -> list[str]:
    """UIDs of sessions that have a mark and are in the cluster again, at most STEP_ROWS."""
    query = (
        select(history_marks.c.session_uid)
        .join(sessions, sessions.c.uid == history_marks.c.session_uid)
        .where(~sessions.c.deleted)
        .limit(STEP_ROWS)
    )
    return list(connection.execute(query).scalars())


def mark(connection: Connection, uids: Sequence[str], now: int) -> None:
    """Note that the cluster was first seen without these sessions `now`, in microseconds."""
    known = set(
        connection.execute(
            select(history_marks.c.session_uid).where(history_marks.c.session_uid.in_(uids))
        ).scalars()
    )
    rows = [{"session_uid": u, "missed": now, "removed": False} for u in uids if u not in known]
    if rows:
        connection.execute(insert(history_marks), rows)


def unmark(connection: Connection, uids: Sequence[str]) -> None:
    """Forget that note."""
    connection.execute(delete(history_marks).where(history_marks.c.session_uid.in_(uids)))


def due(connection: Connection, before: int) -> list[str]:
    """UIDs of sessions missed at or before `before` whose history is kept, at most STEP_ROWS."""
    query = (
        select(history_marks.c.session_uid)
        .where(~history_marks.c.removed, history_marks.c.missed <= before)
        .order_by(history_marks.c.missed)
        .limit(STEP_ROWS)
    )
    return list(connection.execute(query).scalars())


def remove_some(connection: Connection, uid: str, rows: int = STEP_ROWS) -> bool:
    """Remove at most `rows` rows of a session; whether there may be more.

    The last step notes that nothing is left.
    """
    if _remove_lines(connection, uid, rows) or _remove_series(connection, uid, rows):
        return True
    if _remove_batches(connection, uid, rows):
        return True
    connection.execute(delete(log_usage).where(log_usage.c.session_uid == uid))
    connection.execute(
        update(history_marks).where(history_marks.c.session_uid == uid).values(removed=True)
    )
    return False


def _remove_lines(connection: Connection, uid: str, rows: int) -> int:
    oldest = select(logs.c.id).where(logs.c.session_uid == uid).order_by(logs.c.id).limit(rows)
    return connection.execute(delete(logs).where(logs.c.id.in_(oldest))).rowcount


def _remove_series(connection: Connection, uid: str, rows: int) -> bool:
    """Remove points of the first series; without points the series itself."""
    query = select(series.c.id).where(series.c.session_uid == uid).order_by(series.c.id).limit(1)
    first = connection.execute(query).scalar()
    if first is None:
        return False
    removed = (
        _remove_points(connection, first, rows)
        or _remove_summaries(connection, first, rows)
        or _remove_repeated(connection, first, rows)
    )
    if not removed:
        connection.execute(delete(series).where(series.c.id == first))
    return True


def _remove_points(connection: Connection, series_id: int, rows: int) -> int:
    of_series = metrics.c.series_id == series_id
    oldest = select(metrics.c.step).where(of_series).order_by(metrics.c.step).limit(rows)
    statement = delete(metrics).where(of_series, metrics.c.step.in_(oldest))
    return connection.execute(statement).rowcount


def _remove_summaries(connection: Connection, series_id: int, rows: int) -> int:
    of_series = rollups.c.series_id == series_id
    level = connection.execute(
        select(rollups.c.level).where(of_series).order_by(rollups.c.level).limit(1)
    ).scalar()
    if level is None:
        return 0
    of_level = of_series & (rollups.c.level == level)
    oldest = select(rollups.c.first_step).where(of_level).order_by(rollups.c.first_step).limit(rows)
    statement = delete(rollups).where(of_level, rollups.c.first_step.in_(oldest))
    return connection.execute(statement).rowcount


def _remove_repeated(connection: Connection, series_id: int, rows: int) -> int:
    of_series = repeated_points.c.series_id == series_id
    query = select(repeated_points.c.step).where(of_series).order_by(repeated_points.c.step)
    steps = connection.execute(query.limit(rows)).scalars().all()
    if not steps:
        return 0
    some = repeated_points.c.step.between(steps[0], steps[-1])
    return connection.execute(delete(repeated_points).where(of_series, some)).rowcount


def _remove_batches(connection: Connection, uid: str, rows: int) -> int:
    of_session = select(streams.c.id).where(streams.c.session_uid == uid)
    oldest = select(batches.c.id).where(batches.c.stream_id.in_(of_session)).limit(rows)
    return connection.execute(delete(batches).where(batches.c.id.in_(oldest))).rowcount
