"""Points of a chart: how many are shown, and how they look in a response. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import islice
from typing import Any

from trainyard_api.timestamps import micros_to_text

ChartPoint = tuple[int, int, float | None, int | None]
"""Step, time, value and the epoch that ended there.

The time is in microseconds since the epoch; the value None is NaN. A plain tuple, since one is made
for every point of every chart.
"""
JsonPoint = dict[str, Any]
"""A `metrics.latest.Point` as JSON."""


def json_number(value: float | None) -> float | str:
    """A value as JSON: a number, or the text NaN (for None), Infinity or -Infinity."""
    if value is None:
        return "NaN"
    if math.isfinite(value):
        return value
    return "Infinity" if value > 0 else "-Infinity"


def to_json(point: ChartPoint) -> JsonPoint:
    """The point as JSON, with its time as text."""
    step, time, value, epoch = point
    found: JsonPoint = {"step": step, "time": micros_to_text(time), "value": json_number(value)}
    if epoch is not None:
        found["epoch"] = epoch
    return found


def to_columns(points: Sequence[ChartPoint]) -> dict[str, list[Any]]:
    """The points as lists by field, with times as numbers; `epochs` only if there is one.

    As JSON they are a quarter of the bytes, and no time is written as text.
    """
    if not points:
        return {"steps": [], "times": [], "values": []}
    steps, times, values, epochs = map(list, zip(*points, strict=True))
    if not _all_finite(values):
        values = [json_number(value) for value in values]
    found = {"steps": steps, "times": times, "values": values}
    return found if epochs.count(None) == len(epochs) else {**found, "epochs": epochs}


def _all_finite(values: Sequence[float | None]) -> bool:
    return None not in values and math.isfinite(sum(values))  # type: ignore[arg-type]  # as just asked


def downsample(points: Sequence[ChartPoint], limit: int) -> Sequence[ChartPoint]:
    """About `limit` of the points at most.

    Keeps the first and the last point, and of each bucket in between the lowest and the highest
    value and the first one that is NaN or infinite.
    """
    if len(points) <= limit:
        return points
    buckets, inner = max(1, (limit - 2) // 2), len(points) - 2
    kept = {0, len(points) - 1}
    for bucket in range(buckets):
        places = range(1 + bucket * inner // buckets, 1 + (bucket + 1) * inner // buckets)
        finite = [(value, i) for i in places if _is_finite(value := points[i][2])]
        if len(finite) < len(places):
            kept |= set(islice((i for i in places if not _is_finite(points[i][2])), 1))
        if finite:
            kept |= {min(finite)[1], max(finite)[1]}
    return [points[i] for i in sorted(kept)]


def _is_finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
