"""Metrics, history and logs of a session."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, func, select

from trainyard_api.model import Status
from trainyard_gateway.store.tables import logs, metrics


class Point(Status):
    """One value of a metric."""

    step: int
    epoch: int | None = None
    time: str
    value: float | str
    """A number, or NaN, Infinity, -Infinity as text."""


class Series(Status):
    """One metric over the steps."""

    name: str
    total: int
    """Points that there are; `points` may be fewer, down-sampled with every bucket's lowest and highest."""
    points: list[Point]


class LatestValue(Status):
    """The newest value of a metric."""

    name: str
    step: int
    epoch: int | None = None
    time: str
    value: float | str


class LogEntry(Status):
    """One printed line."""

    cursor: int
    time: str
    level: str
    message: str
    rank: int
    attempt: int


def latest(connection: Connection, uid: str) -> list[LatestValue]:
    """The value at the highest step of each metric, by name."""
    newest = (
        select(metrics.c.name, func.max(metrics.c.step).label("step"))
        .where(metrics.c.session_uid == uid)
        .group_by(metrics.c.name)
        .subquery()
    )
    rows = connection.execute(
        select(metrics)
        .join(newest, (metrics.c.name == newest.c.name) & (metrics.c.step == newest.c.step))
        .where(metrics.c.session_uid == uid)
        .order_by(metrics.c.name)
    )
    return [LatestValue(name=r.name, **_point(r)) for r in rows]


def history(
    connection: Connection, uid: str, wanted: list[str], by_epoch: bool, max_points: int
) -> list[Series]:
    """Every metric (or the wanted ones) over the steps, in order."""
    query = select(metrics).where(metrics.c.session_uid == uid)
    if wanted:
        query = query.where(metrics.c.name.in_(wanted))
    if by_epoch:
        query = query.where(metrics.c.epoch.is_not(None))
    series: dict[str, list[Point]] = {}
    for row in connection.execute(query.order_by(metrics.c.name, metrics.c.step)):
        series.setdefault(row.name, []).append(Point(**_point(row)))
    return [
        Series(name=name, total=len(points), points=down_sample(points, max_points))
        for name, points in series.items()
    ]


def down_sample(points: list[Point], limit: int) -> list[Point]:
    """At most about `limit` points: first, last, and of each bucket the lowest and the highest, so that no spike is lost. Pure."""
    if len(points) <= limit:
        return points
    buckets = max(1, (limit - 2) // 2)
    inner, kept = points[1:-1], {0, len(points) - 1}
    for bucket in range(buckets):
        start, end = bucket * len(inner) // buckets, (bucket + 1) * len(inner) // buckets
        numbers = [
            (p.value, i + 1)
            for i, p in enumerate(inner[start:end], start)
            if isinstance(p.value, float)
        ]
        # A value that is no number is news in itself.
        kept |= {i + 1 for i, p in enumerate(inner[start:end], start) if isinstance(p.value, str)}
        if numbers:
            kept |= {min(numbers)[1], max(numbers)[1]}
    return [points[i] for i in sorted(kept)]


def lines(connection: Connection, uid: str, after: int, limit: int, tail: bool) -> list[LogEntry]:
    """Lines after a cursor, oldest first; with `tail` the last `limit` of them."""
    query = select(logs).where(logs.c.session_uid == uid, logs.c.id > after)
    rows = connection.execute(
        query.order_by(logs.c.id.desc() if tail else logs.c.id).limit(limit)
    ).all()
    ordered = reversed(rows) if tail else rows
    return [
        LogEntry(
            cursor=r.id,
            time=r.time,
            level=r.level,
            message=r.message,
            rank=r.rank,
            attempt=r.attempt,
        )
        for r in ordered
    ]


def _point(row: Row[Any]) -> dict[str, Any]:
    value = row.special if row.special is not None else row.value
    return {"step": row.step, "epoch": row.epoch, "time": row.time, "value": value}
