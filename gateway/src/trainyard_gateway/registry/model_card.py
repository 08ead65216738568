"""The card inside a model file that Trainyard has trained. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import orjson

KEY = "trainyard"
"""Key of the card in the metadata of the file."""


def card_in(metadata: Mapping[str, str]) -> dict[str, Any]:
    """The card, {} where there is none that can be read.

    Numbers that are not finite become text, as in reports: files of version 0.1 hold `Infinity`
    and `NaN`, which are no JSON.
    """
    try:
        card = json.loads(metadata.get(KEY, "{}"), parse_constant=str, parse_float=_number)
        # Lone surrogates and integers beyond 64 bits cannot be stored.
        orjson.dumps(card)
    except (ValueError, TypeError, RecursionError):
        return {}
    return card if isinstance(card, dict) else {}


def _number(digits: str) -> float | str:
    found = float(digits)
    return found if math.isfinite(found) else ("Infinity" if found > 0 else "-Infinity")
