"""The generated schema keeps the promises of trainyard_api.render.structural."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from trainyard_api.render import crd
from trainyard_api.session.resources import SAME_CEL
from trainyard_api.session.spec import IMMUTABLE_FIELDS, TrainingSessionSpec

CRDS = {"session": crd.session_crd(), "queue": crd.queue_crd()}


def nodes(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if not isinstance(schema, dict):
        return
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    yield from nodes(schema.get("items"), f"{path}[]")


def schema_of(manifest: dict[str, Any]) -> dict[str, Any]:
    return manifest["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


@pytest.mark.parametrize("manifest", CRDS.values(), ids=CRDS)
def test_schema_is_structural(manifest: dict[str, Any]) -> None:
    for path, node in nodes(schema_of(manifest)):
        assert not {"$ref", "title", "allOf", "const", "$defs"} & node.keys(), path
        assert "anyOf" not in node or node.get("x-kubernetes-int-or-string"), path
        assert "type" in node or node.get("x-kubernetes-int-or-string"), path


@pytest.mark.parametrize("manifest", CRDS.values(), ids=CRDS)
def test_defaults_hold_no_null(manifest: dict[str, Any]) -> None:
    for path, node in nodes(schema_of(manifest)):
        default = node.get("default", {})
        assert default is not None, path
        assert not isinstance(default, dict) or None not in default.values(), path


@pytest.mark.parametrize("manifest", CRDS.values(), ids=CRDS)
def test_every_field_of_spec_and_status_is_described(manifest: dict[str, Any]) -> None:
    for part in ("spec", "status"):
        for path, node in nodes(schema_of(manifest)["properties"][part], part):
            assert node.get("description") or path.endswith("[]"), path


def test_sizes_are_bounded() -> None:
    """Strings of the spec have a length, lists a count, so that a session stays under 64 KiB."""
    for path, node in nodes(schema_of(CRDS["session"])["properties"]["spec"]):
        if node.get("type") == "string" and "enum" not in node:
            assert "maxLength" in node, path
        if node.get("type") == "array":
            assert "maxItems" in node, path


def test_immutable_fields_are_frozen() -> None:
    spec = schema_of(CRDS["session"])["properties"]["spec"]

    for name in IMMUTABLE_FIELDS:
        alias = TrainingSessionSpec.model_fields[name].alias or name
        rules = [r["rule"] for r in spec["properties"][alias]["x-kubernetes-validations"]]
        same = SAME_CEL if name == "resources" else "self == oldSelf"
        assert same in rules, alias


def test_exclusive_bounds_use_the_flag_of_openapi_3_0() -> None:
    training = schema_of(CRDS["session"])["properties"]["spec"]["properties"]["training"]
    rate = training["properties"]["learningRate"]

    assert (rate["minimum"], rate["exclusiveMinimum"], rate["maximum"]) == (0, True, 10)
