"""The card inside an uploaded model file is kept, whatever numbers are in it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from trainyard_gateway.registry.model_card import card_in


@pytest.mark.parametrize(
    ("text", "card"),
    [
        ('{"metrics": {"val/perplexity": Infinity}}', {"metrics": {"val/perplexity": "Infinity"}}),
        ('{"a": [-Infinity, NaN, 1e999, -1e999]}', {"a": ["-Infinity", "NaN", "Infinity", "-Infinity"]}),
        ('{"metrics": {"val/loss": "Infinity"}}', {"metrics": {"val/loss": "Infinity"}}),
        ('{"metrics": {"val/loss": 0.25}}', {"metrics": {"val/loss": 0.25}}),
        ("no JSON", {}),
        ("[1]", {}),
        ('{"a": "\\ud800"}', {}),
        ('{"a": 1' + "0" * 5000 + "}", {}),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", {}),
    ],
    ids=["infinite", "all constants", "as text", "a number", "no JSON", "no object", "a lone surrogate", "a huge integer", "deep"],
)  # fmt: skip
def test_what_a_card_says_is_kept_as_json(text: str, card: dict[str, Any]) -> None:
    found = card_in({"trainyard": text})

    assert found == card
    assert json.loads(json.dumps(found, allow_nan=False)) == card


def test_a_file_without_a_card() -> None:
    assert card_in({"format": "pt"}) == {}
