"""Which values of a parametrized test name their case by themselves."""

from __future__ import annotations

import enum
import re

LONGEST = 80
"""Characters of a text that may stand for itself."""


def is_telling(value: object) -> bool:
    """Whether pytest's name for the value says what it is; else it is the argument's name and a number."""
    match value:
        case str() | bytes():
            return len(value) <= LONGEST
        case int() | float() | complex() | None | enum.Enum() | re.Pattern():
            return True
        case _:
            return isinstance(getattr(value, "__name__", None), str)
