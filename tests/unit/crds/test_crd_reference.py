"""The reference page names every field with its meaning."""

from __future__ import annotations

import re
from typing import Any

from trainyard_api.render import crd, reference


def paths(schema: dict[str, Any], prefix: str = "") -> list[str]:
    found = []
    for name, field in schema.get("properties", {}).items():
        found.append(f"{prefix}{name}")
        found += paths(field, f"{prefix}{name}.")
        found += paths(field.get("items", {}), f"{prefix}{name}[].")
    return found


def test_every_field_is_there_and_explained() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \| (.*) \|$", reference.page(), re.MULTILINE)

    wanted = []
    for manifest in (crd.session_crd(), crd.queue_crd()):
        schema = manifest["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        for half in ("spec", "status"):
            wanted += paths(schema["properties"][half])
    assert [path for path, _, _ in rows] == wanted
    assert not [path for path, _, meaning in rows if not meaning.strip()]


def test_bounds_defaults_and_rules_are_told() -> None:
    page = reference.page()

    assert (
        "| `training.learningRate` | number | Learning rate after warm-up. Above 0 to 10. Default `0.001`. |"
        in page
    )
    assert "| `training.task` | string |" in page
    assert "Required. |" in page
    assert (
        "- `spec`: give exactly one of training (built-in trainer) and command (your own program)"
        in page
    )
