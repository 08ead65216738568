"""The schemas that kubeconform gets: closed, and as tolerant as Kubernetes where it is."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
from schemas import file_name, of_definition, of_kubernetes

OPENAPI: dict[str, Any] = {
    "definitions": {
        "Thing": {
            "type": "object",
            "properties": {
                "apiVersion": {"type": "string"},
                "kind": {"type": "string"},
                "metadata": {"$ref": "#/definitions/Meta"},
                "port": {"type": "string", "format": "int-or-string"},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                "size": {"$ref": "#/definitions/io.k8s.apimachinery.pkg.api.resource.Quantity"},
                "child": {"$ref": "#/definitions/Thing"},
            },
            "x-kubernetes-group-version-kind": [
                {"group": "apps.example.io", "version": "v1", "kind": "Thing"}
            ],
        },
        "Meta": {"type": "object", "properties": {"name": {"type": "string"}}},
        "io.k8s.apimachinery.pkg.api.resource.Quantity": {"type": "string"},
    }
}
CRD: dict[str, Any] = {
    "spec": {
        "group": "example.io",
        "names": {"kind": "Own"},
        "versions": [
            {
                "name": "v1",
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "required": ["count"],
                                "properties": {
                                    "count": {"type": "integer", "nullable": True},
                                    "free": {
                                        "type": "object",
                                        "properties": {"a": {"type": "string"}},
                                        "x-kubernetes-preserve-unknown-fields": True,
                                    },
                                },
                            }
                        },
                    }
                },
            }
        ],
    }
}


def thing(**more: Any) -> dict[str, Any]:
    return {"apiVersion": "apps.example.io/v1", "kind": "Thing", **more}


def own(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "example.io/v1", "kind": "Own", "metadata": {}, "spec": spec}


@pytest.mark.parametrize(
    ("value", "good"),
    [
        pytest.param(thing(), True, id="bare"),
        pytest.param(thing(metadata={"name": "a"}, port=80, size=1), True, id="a number"),
        pytest.param(thing(port="http", size="1Gi", labels={"any": "thing"}), True, id="a text"),
        pytest.param(thing(child=thing(port=1)), True, id="within itself"),
        pytest.param(thing(prot=80), False, id="a misspelt field"),
        pytest.param(thing(metadata={"nmae": "a"}), False, id="a misspelt field further down"),
        pytest.param(thing(child={"prot": 1}), False, id="a misspelt field within itself"),
        pytest.param(thing(labels={"any": 1}), False, id="a label that is no text"),
        pytest.param({"kind": "Thing"}, False, id="no apiVersion"),
        pytest.param(thing() | {"kind": "Other"}, False, id="another kind"),
    ],
)
def test_a_kind_of_kubernetes(value: dict[str, Any], good: bool) -> None:
    schemas = dict(of_kubernetes(OPENAPI))

    assert list(schemas) == ["thing-apps-v1.json"]
    assert jsonschema_rs.validator_for(schemas["thing-apps-v1.json"]).is_valid(value) is good


@pytest.mark.parametrize(
    ("value", "good"),
    [
        pytest.param(own(count=1), True, id="whole"),
        pytest.param(own(count=None), True, id="null where it may be"),
        pytest.param(own(count=1, free={"any": "thing"}), True, id="open where it says so"),
        pytest.param(own(), False, id="incomplete"),
        pytest.param(own(count=1, cuont=2), False, id="a misspelt field"),
        pytest.param(own(count=1) | {"status": {}}, False, id="a field that is not declared"),
    ],
)
def test_a_custom_resource(value: dict[str, Any], good: bool) -> None:
    schemas = dict(of_definition(CRD))

    assert jsonschema_rs.validator_for(schemas["own-example-v1.json"]).is_valid(value) is good


@pytest.mark.parametrize(
    ("api_version", "name"),
    [
        ("v1", "x-v1.json"),
        ("apps/v1", "x-apps-v1.json"),
        ("networking.k8s.io/v1", "x-networking-v1.json"),
    ],
)
def test_names_are_those_that_kubeconform_asks_for(api_version: str, name: str) -> None:
    assert file_name("X", api_version) == name
