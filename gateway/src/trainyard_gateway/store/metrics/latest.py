"""The newest value of each metric of a session, and how metrics look in a response."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from trainyard_api.model import OpenModel
from trainyard_api.timestamps import micros_to_text
from trainyard_gateway.store.metrics import series
from trainyard_gateway.store.metrics.chart_points import json_number


class Point(OpenModel):
    """One value of a metric."""

    step: int
    """Optimizer step."""
    epoch: int | None = None
    """Epoch that ended here, in summaries of epochs."""
    time: str
    """When it was measured."""
    value: float | str
    """A number, or NaN, Infinity, -Infinity as text."""


class Series(OpenModel):
    """One metric over the steps."""

    name: str
    """Metric."""
    total: int
    """Number of points. `points` may hold fewer, with the lowest and highest of every stretch."""
    points: list[Point]
    """In order of steps."""


class LatestValue(OpenModel):
    """The newest value of a metric."""

    name: str
    """Metric."""
    step: int
    """Optimizer step."""
    epoch: int | None = None
    """Epoch that ended here, in summaries of epochs."""
    time: str
    """When it was measured."""
    value: float | str
    """A number, or NaN, Infinity, -Infinity as text."""


def latest_values(connection: Connection, uid: str) -> list[LatestValue]:
    """The newest value of each metric, by name."""
    return [_value(row) for row in series.rows_of_session(connection, uid)]


def latest_of_many(connection: Connection, uids: Sequence[str]) -> dict[str, list[LatestValue]]:
    """The same of several sessions, by UID; those without a metric are absent."""
    found = series.rows_of_many(connection, uids)
    return {uid: [_value(row) for row in rows] for uid, rows in found.items()}


def _value(row: Any) -> LatestValue:
    return LatestValue(
        name=row.name,
        step=row.last_step,
        epoch=row.last_epoch,
        time=micros_to_text(row.last_time),
        value=json_number(row.last_value),
    )
