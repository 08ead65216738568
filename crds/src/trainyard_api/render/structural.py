"""A pydantic model as a Kubernetes structural schema.

Guarantees: the schema has no `$ref`, no `title`, and no `anyOf` except for int-or-string. No object
has free-form properties. Every `Rule` is an entry of `x-kubernetes-validations`. Defaults are plain
JSON. Pure; tests/integration/crds asks a real API server.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from trainyard_api.model import RuledModel

Schema = dict[str, Any]

_KEPT = (
    "type",
    "description",
    "default",
    "enum",
    "format",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "pattern",
    "x-kubernetes-int-or-string",
    "x-kubernetes-validations",
    "x-kubernetes-preserve-unknown-fields",
)

_INT_OR_STRING = ("integer", "string")
"""Custom resources take no fraction as a number here, other than pods; only the API does."""
_LIST_KEYS: dict[str, list[str]] = {
    "conditions": ["type"],
    "env": ["name"],
    "metrics": ["name"],
    "outputs": ["name"],
}
"""Lists that are merged by key under server-side apply."""


def structural_schema(
    model: type[BaseModel],
    immutable: tuple[str, ...] = (),
    same: Mapping[str, str] | None = None,
) -> Schema:
    """The structural schema of `model`; fields in `immutable` (Python names) cannot change.

    `same` has the CEL that compares a field (by its name on the wire); others must be equal.
    """
    root = model.model_json_schema(by_alias=True)
    schema = _convert(root, root.get("$defs", {}))
    _add_rules(schema, model)
    if immutable:
        _freeze(schema, [model.model_fields[name].alias or name for name in immutable], same or {})
    return schema


def _convert(node: Schema, definitions: dict[str, Schema]) -> Schema:
    node = _resolve(node, definitions)
    if node.get("x-kubernetes-int-or-string"):
        kinds = [{"type": kind} for kind in _INT_OR_STRING]
        return {**{k: node[k] for k in _KEPT if k in node}, "anyOf": kinds}
    out = {key: node[key] for key in _KEPT if key in node}
    if isinstance(out.get("default"), dict):
        out["default"] = {k: v for k, v in out["default"].items() if v is not None}
    if "const" in node:
        out |= {"type": "string", "enum": [node["const"]]}
    _convert_numbers(node, out)
    if "properties" in node:
        out["type"] = "object"
        out["properties"] = {
            name: _property(name, child, definitions) for name, child in node["properties"].items()
        }
        required = [n for n in node.get("required", []) if "default" not in out["properties"][n]]
        if required:
            out["required"] = required
    if "items" in node:
        out["items"] = _convert(node["items"], definitions)
    return out


def _property(name: str, node: Schema, definitions: dict[str, Schema]) -> Schema:
    out = _convert(node, definitions)
    if out.get("type") == "array" and name in _LIST_KEYS:
        out |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [*_LIST_KEYS[name]]}
    elif out.get("type") == "array":
        out["x-kubernetes-list-type"] = "atomic"
    return out


def _convert_numbers(node: Schema, out: Schema) -> None:
    """Convert exclusive bounds: a flag in OpenAPI 3.0 (CRDs), a number in JSON Schema."""
    for bound, flag in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if flag in node:
            out |= {bound: node[flag], flag: True}
    if out.get("type") == "integer":
        out["format"] = "int64"


def _resolve(node: Schema, definitions: dict[str, Schema]) -> Schema:
    """`node` without references and null alternatives; its keys override those of the target."""
    alternatives = [a for a in node.get("anyOf", ()) if a.get("type") != "null"]
    if alternatives and not node.get("x-kubernetes-int-or-string"):
        rest = {
            k: v for k, v in node.items() if k != "anyOf" and not (k == "default" and v is None)
        }
        node = {**_narrowest(alternatives, definitions), **rest}
    if "$ref" in node:
        target = definitions[node["$ref"].rsplit("/", 1)[1]]
        node = {**_resolve(target, definitions), **{k: v for k, v in node.items() if k != "$ref"}}
    if node.get("default", ...) is None:
        node = {k: v for k, v in node.items() if k != "default"}
    return node


def _narrowest(alternatives: list[Schema], definitions: dict[str, Schema]) -> Schema:
    """The only alternative; a string beside an enum, so that readers accept newer values."""
    resolved = [_resolve(a, definitions) for a in alternatives]
    if len(resolved) > 1:
        resolved = [a for a in resolved if "enum" not in a] or resolved
    if len(resolved) > 1:
        raise ValueError(f"a structural schema cannot express a choice between {resolved}")
    return resolved[0]


def _add_rules(schema: Schema, model: type[BaseModel]) -> None:
    """Attach the rules of `model` and of every model below it."""
    rules = model.RULES if issubclass(model, RuledModel) else ()
    if rules:
        schema["x-kubernetes-validations"] = [{"rule": r.cel, "message": r.message} for r in rules]
    for name, info in model.model_fields.items():
        child = _model_in(info.annotation)
        below = schema.get("properties", {}).get(info.alias or name)
        if child is not None and below is not None:
            _add_rules(below, child)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if getattr(annotation, "__origin__", None) in (list, dict):
        return None
    for argument in getattr(annotation, "__args__", ()):
        found = _model_in(argument)
        if found is not None:
            return found
    return None


def _freeze(schema: Schema, fields: list[str], same: Mapping[str, str]) -> None:
    for field in fields:
        rules = schema["properties"][field].setdefault("x-kubernetes-validations", [])
        rules.append(
            {
                "rule": same.get(field, "self == oldSelf"),
                "message": f"{field} cannot change after creation",
            }
        )
    optional = [f for f in fields if "default" not in schema["properties"][f]]
    schema.setdefault("x-kubernetes-validations", []).extend(
        {
            "rule": f"has(self.{field}) == has(oldSelf.{field})",
            "message": f"{field} cannot be added or removed after creation",
        }
        for field in optional
    )
