"""Writes the metric values of batches: points, roll-ups and the state of each series.

Guarantees: a step that a later attempt trains again replaces the earlier value; a late report of an
earlier attempt changes no newer value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple

from sqlalchemy import Connection

from trainyard_api.mlflow.run_report import RunPoint
from trainyard_api.report import Batch
from trainyard_api.timestamps import to_micros
from trainyard_gateway.store.metrics import repeated, rollups
from trainyard_gateway.store.metrics.series import (
    POINT_COLUMNS,
    Point,
    SeriesCache,
    SeriesState,
)
from trainyard_gateway.store.schema.tables import metrics
from trainyard_gateway.store.sql.bulk_insert import BulkInsert
from trainyard_gateway.store.sql.dialect import upsert
from trainyard_gateway.store.sql.text import escape_nul

PointsByStep = dict[int, Point]


class RunPoints(NamedTuple):
    """Values of a run, in the order in which its program logged them."""

    key: str
    """What the series of the run are stored under."""
    attempt: int
    points: Sequence[RunPoint]


class MetricWriter:
    """Writes metrics. With `exclusive` (only this process writes) it caches series."""

    def __init__(self, exclusive: bool, bulk_insert: BulkInsert) -> None:
        self._series = SeriesCache(exclusive)
        self._bulk_insert = bulk_insert

    def clear_cache(self) -> None:
        """Empty the cache, which may hold what a failed transaction did not write."""
        self._series.clear()

    def write(
        self, connection: Connection, batches: Sequence[Batch], runs: Sequence[RunPoints] = ()
    ) -> None:
        """Write the metrics of the batches and of runs, the older ones first.

        Points after the newest step of their series are inserted; the others replace points or are
        late. Of runs every value is kept, also several of one step.
        """
        with_metrics = [batch for batch in batches if batch.metrics]
        if not with_metrics and not runs:
            return
        names = _names_by_session(with_metrics, runs)
        states = self._series.find_or_create(connection, names)
        touched = [states[uid][name] for uid in names for name in names[uid]]
        # In the order of the primary key of `metrics`, so that neighbours are written together.
        touched.sort(key=_series_id)
        totals_before = [state.total for state in touched]
        rewound = collect_points(with_metrics, states)
        again = collect_run_points(runs, states)
        pending = [point for state in touched for point in state.take_pending()]
        self._bulk_insert(connection, metrics, POINT_COLUMNS, pending)
        for state in touched:
            if state.id in rewound:
                _rewrite(connection, state, rewound[state.id])
            if state.id in again and (kept := repeated.write(connection, state, again[state.id])):
                rewound[state.id] = kept
                _rewrite(connection, state, kept)
        grown = [
            (state.id, state.total)
            for state, before in zip(touched, totals_before, strict=True)
            if state.id in rewound or rollups.completes_block(before, state.total)
        ]
        rollups.extend(connection, grown, self._bulk_insert)
        self._series.save(connection, touched)


def collect_points(
    batches: Sequence[Batch], states: Mapping[str, Mapping[str, SeriesState]]
) -> dict[int, PointsByStep]:
    """Add the points after the highest step of each state to its pending points.

    Returns the other points, by series id and step.

    Totals, highest steps and newest points are updated for both. This runs once for every value
    reported.
    """
    rewound: dict[int, PointsByStep] = {}
    for batch in batches:
        of_session, attempt = states[batch.session_uid], batch.attempt
        for row in batch.metrics:
            step, epoch, time = row.step, row.epoch, to_micros(row.time)
            for name, given in row.values.items():
                state = of_session.get(name) or of_session[escape_nul(name)]
                value = float(given)
                point = (state.id, step, attempt, epoch, time, value if value == value else None)
                if step > state.max_step:
                    state.max_step = step
                    state.total += 1
                    if attempt >= state.newest[2]:
                        state.newest = point
                    state.pending.append(point)
                else:
                    state.update_newest(point)
                    by_step = rewound.setdefault(state.id, {})
                    if step not in by_step or attempt >= by_step[step][2]:
                        by_step[step] = point
    return rewound


def collect_run_points(
    runs: Sequence[RunPoints], states: Mapping[str, Mapping[str, SeriesState]]
) -> dict[int, list[Point]]:
    """Add the points after the highest step of each state to its pending points.

    Returns the other points by series id, in order.
    """
    again: dict[int, list[Point]] = {}
    for run in runs:
        of_run, attempt = states[run.key], run.attempt
        for row in run.points:
            state, value = of_run[row.key], float(row.value)
            step, time = row.step, row.timestamp * 1000
            point = (state.id, step, attempt, None, time, value if value == value else None)
            if step > state.max_step and step >= 0:
                state.max_step = step
                state.total += 1
                if attempt >= state.newest[2]:
                    state.newest = point
                state.pending.append(point)
            else:
                again.setdefault(state.id, []).append(point)
    return again


def _rewrite(connection: Connection, state: SeriesState, points: PointsByStep) -> None:
    """Write points at or below the highest step of a series.

    A value of a later attempt is kept.
    """
    statement = upsert(connection, metrics)
    new = statement.excluded
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["series_id", "step"],
            set_={c: new[c] for c in ("attempt", "epoch", "time", "value")},
            where=new.attempt >= metrics.c.attempt,
        ),
        [dict(zip(POINT_COLUMNS, points[step], strict=True)) for step in sorted(points)],
    )
    rollups.delete_from(connection, state.id, min(points))
    state.total = rollups.count_points(connection, state.id)


def _names_by_session(batches: Sequence[Batch], runs: Sequence[RunPoints]) -> dict[str, set[str]]:
    """Metric names, as they are stored, by session UID or what series of a run are under."""
    found: dict[str, set[str]] = {}
    for run in runs:
        found.setdefault(run.key, set()).update(point.key for point in run.points)
    for batch in batches:
        found.setdefault(batch.session_uid, set()).update(*(row.values for row in batch.metrics))
    return {uid: {escape_nul(name) for name in names} for uid, names in found.items()}


_series_id = attrgetter("id")
