"""A page of a metric's values is written as each value alone would be."""

from __future__ import annotations

import math

import orjson
from hypothesis import given
from hypothesis import strategies as st

from trainyard_gateway.mlflow.wire.answers import json_value, logged_points
from trainyard_gateway.store.metrics.points import LoggedPoint

NUMBERS = st.floats(allow_nan=False) | st.sampled_from([math.inf, -math.inf, 1.7e308, -1.7e308])
POINTS = st.builds(
    LoggedPoint, st.integers(-(2**53), 2**53), st.integers(0, 2**60), st.sampled_from([0, 0, 1]), NUMBERS
)  # fmt: skip


@given(points=st.lists(POINTS, max_size=8))
def test_every_value_is_as_it_is_alone(points: list[LoggedPoint]) -> None:
    expected = [
        {
            "key": "loss",
            "value": json_value(math.nan if p.nan else p.value),
            "timestamp": p.time // 1000,
            "step": p.step,
        }
        for p in points
    ]

    written = orjson.loads(orjson.dumps(logged_points("loss", points)))

    assert written == orjson.loads(orjson.dumps(expected))
