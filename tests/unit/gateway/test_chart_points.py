"""Points of charts: as objects and as lists they are the same, and thinning loses no spike."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainyard_api.timestamps import micros_to_text
from trainyard_gateway.store.metrics.chart_points import (
    ChartPoint,
    downsample,
    json_number,
    to_columns,
    to_json,
)

VALUES = st.none() | st.floats(allow_nan=False)
POINTS = st.lists(
    st.tuples(st.integers(0, 2**53), st.integers(0, 2**50), VALUES, st.none() | st.integers(0, 9)),
    unique_by=lambda point: point[0],
    max_size=60,
).map(sorted)


@pytest.mark.parametrize(
    ("points", "columns"),
    [
        ([], {"steps": [], "times": [], "values": []}),
        ([(1, 5, 0.5, None)], {"steps": [1], "times": [5], "values": [0.5]}),
        (
            [(1, 5, None, None), (2, 6, -math.inf, 3)],
            {"steps": [1, 2], "times": [5, 6], "values": ["NaN", "-Infinity"], "epochs": [None, 3]},
        ),
    ],
    ids=["none", "one", "no numbers, an epoch"],
)
def test_lists_by_field(points: list[ChartPoint], columns: dict[str, Any]) -> None:
    assert to_columns(points) == columns


@given(POINTS)
def test_lists_say_the_same_as_objects(points: list[ChartPoint]) -> None:
    columns = to_columns(points)
    epochs = columns.get("epochs", [None] * len(points))
    rows = zip(columns["steps"], columns["times"], columns["values"], epochs, strict=True)
    found = [
        {"step": step, "time": micros_to_text(time), "value": value}
        | ({} if epoch is None else {"epoch": epoch})
        for step, time, value, epoch in rows
    ]

    assert found == [to_json(point) for point in points]


@given(POINTS, st.integers(4, 20))
def test_thinning_keeps_the_ends_and_the_extremes(points: list[ChartPoint], limit: int) -> None:
    kept = downsample(points, limit)
    finite = [p[2] for p in points if p[2] is not None and math.isfinite(p[2])]
    values = [p[2] for p in kept]

    assert set(kept) <= set(points)
    assert list(kept) == sorted(kept)
    assert len(kept) <= max(len(points[:limit]), 2 + 3 * max(1, (limit - 2) // 2))
    assert list(kept[:1] + kept[-1:]) == list(points[:1] + points[-1:])
    assert not finite or {min(finite), max(finite)} <= set(values)
    odd = any(isinstance(json_number(p[2]), str) for p in points)
    assert odd == any(isinstance(json_number(value), str) for value in values)
