"""A limit as it is given: numbers are numbers, and names of queues are names."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from trainyard_gateway.limits.limit import LimitSpec


@pytest.mark.parametrize("given", [5, 0, 2.5], ids=str)
def test_gpu_hours_are_a_number(given: float) -> None:
    assert LimitSpec.model_validate({"gpuHours": given}).gpu_hours == given


@pytest.mark.parametrize(
    "given",
    [
        {"gpuHours": False},
        {"gpuHours": "5"},
        {"gpuHours": -1},
        {"gpuHours": float("nan")},
        {"gpuHours": float("inf")},
        {"maxGpus": True},
        {"queues": ["two words"]},
        {"queues": ["Upper"]},
        {"queues": [""]},
        {"queues": []},
    ],
    ids=repr,
)
def test_what_is_no_number_or_no_name_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LimitSpec.model_validate(given)
