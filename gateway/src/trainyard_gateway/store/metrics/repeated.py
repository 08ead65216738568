"""Values of a metric that share their step: the newest one is in `metrics`, all others here.

Steps below 0 are here too: charts begin at 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, select

from trainyard_gateway.store.metrics.series import Point, SeriesState
from trainyard_gateway.store.schema.run_tables import repeated_points
from trainyard_gateway.store.schema.tables import metrics
from trainyard_gateway.store.sql.dialect import upsert

_AT_ONCE = 500


class Settled(NamedTuple):
    """What becomes of points whose steps may be there already."""

    kept: dict[int, Point]
    """To be written to `metrics`, by step."""
    beside: list[Point]
    """To be kept beside a newer value of their step."""
    replaced: set[int]
    """Steps whose values of earlier attempts go."""


def settle(present: dict[int, Point], points: Sequence[Point]) -> Settled:
    """Decide what becomes of points, given those that are there by step. Pure.

    A later attempt replaces what it trains again; the same value again counts once; of several
    values of one attempt the latest is the step's value.
    """
    found = Settled({}, [], set())
    for point in points:
        step, attempt = point[1], point[2]
        if step < 0:
            found.beside.append(point)
            continue
        current = found.kept.get(step) or present.get(step)
        if current is None or attempt > current[2]:
            if current is not None:
                found.replaced.add(step)
                found.beside[:] = [p for p in found.beside if p[1] != step]
            found.kept[step] = point
        elif attempt == current[2] and point[4:] != current[4:]:
            newer = _age(point) > _age(current)
            found.beside.append(current if newer else point)
            if newer:
                found.kept[step] = point
    return found


def write(connection: Connection, state: SeriesState, points: Sequence[Point]) -> dict[int, Point]:
    """Write the values beside others; returns those that are to be written to `metrics`."""
    found = settle(_present(connection, state.id, points), points)
    if found.replaced:
        for steps in _parts(sorted(found.replaced)):
            old = (repeated_points.c.series_id == state.id) & repeated_points.c.step.in_(steps)
            connection.execute(delete(repeated_points).where(old))
    if found.beside:
        rows = [_row(point) for point in found.beside]
        connection.execute(upsert(connection, repeated_points).on_conflict_do_nothing(), rows)
    for point in (*found.beside, *found.kept.values()):
        state.update_newest(point)
    return found.kept


def _present(connection: Connection, series_id: int, points: Sequence[Point]) -> dict[int, Point]:
    found: dict[int, Point] = {}
    for steps in _parts(sorted({point[1] for point in points})):
        query = select(metrics).where(metrics.c.series_id == series_id, metrics.c.step.in_(steps))
        found |= {row.step: tuple(row) for row in connection.execute(query)}
    return found


def _age(point: Point) -> tuple[int, float]:
    value = point[5]
    return point[4], -math.inf if value is None else value


def _row(point: Point) -> dict[str, Any]:
    value = point[5]
    return {
        "series_id": point[0],
        "step": point[1],
        "time": point[4],
        "nan": value is None,
        "value": 0.0 if value is None else value,
    }


def _parts(steps: Sequence[int]) -> list[Sequence[int]]:
    return [steps[i : i + _AT_ONCE] for i in range(0, len(steps), _AT_ONCE)]
