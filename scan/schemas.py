"""JSON schemas for kubeconform: of our Kubernetes version from its OpenAPI document, of custom resources from their definitions. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Schema = dict[str, Any]
_REF = "#/definitions/"
_NAMED = frozenset({"properties", "definitions"})
_DIRECT = frozenset({"items", "additionalProperties", "allOf", "anyOf", "oneOf", "not"})
_UNUSED = frozenset({"format", "nullable"})
_QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"


def file_name(kind: str, api_version: str) -> str:
    """As kubeconform asks for it: `deployment-apps-v1.json`, `service-v1.json`."""
    group, _, version = api_version.rpartition("/")
    parts = [kind.lower(), *([group.partition(".")[0]] if group else []), version]
    return "-".join(parts) + ".json"


def of_kubernetes(openapi: Mapping[str, Any]) -> Iterator[tuple[str, Schema]]:
    """File name and schema of every kind; closed, so that a misspelt field is an error."""
    definitions = openapi["definitions"]
    strict = {name: _closed(schema) for name, schema in definitions.items()}
    strict[_QUANTITY] = {"type": ["string", "number"]}
    for name, schema in definitions.items():
        for known in schema.get("x-kubernetes-group-version-kind", []):
            group, version, kind = known["group"], known["version"], known["kind"]
            api_version = f"{group}/{version}" if group else version
            root = dict(strict[name])
            if "properties" not in root:
                continue
            root["properties"] = {
                **root["properties"],
                "apiVersion": {"const": api_version},
                "kind": {"const": kind},
            }
            root["required"] = sorted({*root.get("required", []), "apiVersion", "kind"})
            root["definitions"] = {n: strict[n] for n in _reached(root, strict)}
            yield file_name(kind, api_version), root


def of_definition(crd: Mapping[str, Any]) -> Iterator[tuple[str, Schema]]:
    """File name and schema of every version of a CustomResourceDefinition."""
    kind, group = crd["spec"]["names"]["kind"], crd["spec"]["group"]
    for version in crd["spec"]["versions"]:
        root = _closed(version["schema"]["openAPIV3Schema"])
        api_version = f"{group}/{version['name']}"
        root["properties"] = {
            **root["properties"],
            "apiVersion": {"const": api_version},
            "kind": {"const": kind},
            "metadata": {"type": "object"},
        }
        root["required"] = sorted({*root.get("required", []), "apiVersion", "kind", "metadata"})
        yield file_name(kind, api_version), root


def _closed(schema: Any) -> Any:
    """The schema as JSON Schema draft 2020, with `additionalProperties: false` where fields are listed."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string") or schema.get("format") == "int-or-string":
        return {"type": ["integer", "string"]}
    # Kubernetes' own rules (x-kubernetes-…) are the API server's business; formats name Go's types.
    kept = {k: v for k, v in schema.items() if not k.startswith("x-") and k not in _UNUSED}
    for section in _NAMED & kept.keys():
        kept[section] = {name: _closed(value) for name, value in kept[section].items()}
    for section in _DIRECT & kept.keys():
        kept[section] = _closed(kept[section])
    if "type" in kept and "properties" in kept and not _open_ended(schema):
        kept["additionalProperties"] = False
    if schema.get("nullable") and "type" in kept:
        kept["type"] = [kept["type"], "null"]
    return kept


def _open_ended(schema: Schema) -> bool:
    preserving = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    return preserving or "additionalProperties" in schema


def _reached(schema: Schema, definitions: Mapping[str, Schema]) -> set[str]:
    found: set[str] = set()
    waiting = [schema]
    while waiting:
        for name in _references(waiting.pop()):
            if name not in found:
                found.add(name)
                waiting.append(definitions[name])
    return found


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, str):
            yield reference.removeprefix(_REF)
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)
