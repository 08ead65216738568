"""Choices of how a dataset is read, as requests carry them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from trainyard_api.datasets.choices import SchemaChoices

Choices = Mapping[str, Any]
"""Fields of `trainyard_api.datasets.choices.SchemaChoices`, by their names in JSON."""
NONE: Final[Choices] = {}
LONGEST_IN_URL: Final = 8_000
"""Characters of choices; longer ones go in the body that begins an upload in parts."""


def fields(choices: SchemaChoices | None) -> Choices:
    """The choices that were made."""
    return choices.model_dump(mode="json", by_alias=True, exclude_defaults=True) if choices else {}


def text(choices: Choices) -> str:
    """Choices as JSON; empty if there are none."""
    return json.dumps(dict(choices), sort_keys=True) if choices else ""


def is_long(choices: Choices) -> bool:
    """Whether choices are too long for a URL."""
    return len(text(choices)) > LONGEST_IN_URL
