"""The reference page of the custom resources, generated from their schemas. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any, Final

from trainyard_api.render import crd

_HEAD: Final = """\
# The custom resources

Generated from the models in `crds/` by `make manifests`; do not edit. In a terminal,
`kubectl explain trainingsession.spec` shows the same.

Fields are named as in a manifest. `[]` stands for each entry of a list, `{}` for each value of a
map. A field is optional unless it says that it is required.
"""
_TYPES: Final = {"int32": "integer", "int64": "integer", "date-time": "time"}


def page() -> str:
    """The whole page as Markdown."""
    parts = [_HEAD]
    for manifest in (crd.session_crd(), crd.queue_crd()):
        [version] = manifest["spec"]["versions"]
        names, schema = manifest["spec"]["names"], version["schema"]["openAPIV3Schema"]
        group = f"{manifest['spec']['group']}/{version['name']}"
        short = ", ".join(f"`{name}`" for name in names.get("shortNames", ()))
        parts.append(f"\n## {names['kind']}\n\n`{group}`, namespaced, short name {short}.\n")
        for half in ("spec", "status"):
            part = schema["properties"][half]
            parts.append(f"\n### {names['kind']}.{half}\n\n{_wrapped(_sentence(part))}\n\n")
            parts.append("| Field | Type | Meaning |\n| --- | --- | --- |\n")
            parts += (f"| `{path}` | {kind} | {text} |\n" for path, kind, text in _rows(part, ""))
            rules = list(_rules(part, half))
            if rules:
                parts.append("\nRules across fields:\n\n")
                parts += (_wrapped(f"- `{path}`: {text}", "  ") + "\n" for path, text in rules)
    return "".join(parts)


def _rows(schema: dict[str, Any], prefix: str) -> Iterator[tuple[str, str, str]]:
    """Path, type and meaning of each field below `schema`."""
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        path = f"{prefix}{name}"
        meaning = [_sentence(field), *_bounds(field)]
        if "default" in field and not isinstance(field["default"], dict):
            meaning.append(f"Default `{_plain(field['default'])}`.")
        if name in required:
            meaning.append("Required.")
        yield path, _kind(field), " ".join(part for part in meaning if part)
        yield from _rows(field, f"{path}.")
        if isinstance(field.get("items"), dict):
            yield from _rows(field["items"], f"{path}[].")
        if isinstance(field.get("additionalProperties"), dict):
            yield from _rows(field["additionalProperties"], f"{path}{{}}.")


def _kind(field: dict[str, Any]) -> str:
    if field.get("x-kubernetes-int-or-string"):
        return "quantity"
    if field.get("type") == "array":
        return f"list of {field['items'].get('type', 'any')}"
    named = str(field.get("format") or field.get("type", "any"))
    return _TYPES.get(named, named)


def _bounds(field: dict[str, Any]) -> Iterator[str]:
    if "enum" in field:
        yield f"One of {', '.join(f'`{value}`' for value in field['enum'])}."
    for low, high, of in (
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " entries"),
    ):
        least = "Above" if field.get("exclusiveMinimum") else "From"
        most = "to below" if field.get("exclusiveMaximum") else "to"
        if low in field and high in field:
            yield f"{least} {_number(field[low])} {most} {_number(field[high])}{of}."
        elif low in field:
            yield f"{least} {_number(field[low])}{of}."
        elif high in field:
            yield f"At most {_number(field[high])}{of}."
    if "pattern" in field:
        yield f"Form `{_plain(field['pattern'])}`."


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,g}"


def _sentence(field: dict[str, Any]) -> str:
    return " ".join(str(field.get("description", "")).split()).replace("|", "\\|")


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(
        text, 100, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value).replace("|", "\\|")


def _rules(schema: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    for rule in schema.get("x-kubernetes-validations", ()):
        yield path, rule["message"]
    for name, field in schema.get("properties", {}).items():
        yield from _rules(field, f"{path}.{name}")
