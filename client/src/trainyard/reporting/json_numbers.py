"""Numbers that JSON does not know, as text: `NaN`, `Infinity` and `-Infinity`. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def number(value: Any) -> float | str:
    """`value` as a float; as text if it is not finite."""
    found = float(value)
    if math.isfinite(found):
        return found
    return "NaN" if math.isnan(found) else ("Infinity" if found > 0 else "-Infinity")


def with_numbers(value: Any) -> Any:
    """`value` with every float in it, at any depth, as `number` returns it."""
    if isinstance(value, float):
        return number(value)
    if isinstance(value, Mapping):
        return {name: with_numbers(below) for name, below in value.items()}
    if isinstance(value, (list, tuple)):
        return [with_numbers(below) for below in value]
    return value
