"""Every field that the client reads is one that the gateway documents for the same endpoint."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from trainyard import calls
from trainyard.calls import Call

Schema = dict[str, Any]

DOCUMENT: Schema = json.loads(
    (Path(__file__).parents[3] / "docs" / "openapi.json").read_text(encoding="utf-8")
)
BY_ANNOTATION = {"bool": False, "int": 1, "Spec": {}, "Choices": {}}
"""Arguments that give a call; what is not listed gets a text, and what may be absent is absent."""


def called(function: Callable[..., Call[Any]]) -> Call[Any]:
    """The call that a function of `calls` makes of some arguments."""

    def value(name: str, annotation: str) -> Any:
        if name == "kind":
            return "datasets"
        if annotation.startswith("tuple"):
            return ()
        return None if "None" in annotation else BY_ANNOTATION.get(annotation, "stop")

    parameters = inspect.signature(function).parameters.values()
    return function(*(value(p.name, str(p.annotation)) for p in parameters))


CALLS = {
    name: called(function)
    for name, function in inspect.getmembers(calls, inspect.isfunction)
    if function.__module__ == calls.__name__ and not name.startswith("_")
}
READ = {name: call for name, call in CALLS.items() if call.answer is not None}


def resolved(schema: Schema) -> Schema:
    """A schema without references, and without null where it may be absent."""
    if "$ref" in schema:
        return resolved(DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    given = [s for s in schema.get("anyOf", ()) if s != {"type": "null"}]
    return resolved(given[0]) if len(given) == 1 else schema


def answer_of(call: Call[Any]) -> Schema:
    """The schema of an endpoint's successful answer."""
    fitting = [
        path
        for path, methods in DOCUMENT["paths"].items()
        if call.method.lower() in methods
        and re.fullmatch(re.sub(r"{[^}]+}", "[^/]+", path), "/api/v1" + call.path)
    ]
    # `/training/queue` is the queue, not a session of that name.
    path = min(fitting, key=lambda found: found.count("{"))
    answers = DOCUMENT["paths"][path][call.method.lower()]["responses"]
    status = min(code for code in answers if code.startswith("2"))
    schema: Schema = answers[status]["content"]["application/json"]["schema"]
    return resolved(schema)


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models that a field's type is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in models_in(inner)]


def unknown(model: type[BaseModel], schema: Schema, at: str = "") -> Iterator[str]:
    """The fields of a model, and of those inside it, that a schema does not have."""
    if "properties" not in schema:
        # An object whose fields the document leaves open, such as a spec.
        return
    for name, field in model.model_fields.items():
        wire = field.alias or name
        if wire not in schema["properties"]:
            yield f"{at}{wire}"
            continue
        inner = resolved(schema["properties"][wire])
        inner = resolved(inner.get("items", inner))
        for below in models_in(field.annotation):
            yield from unknown(below, inner, f"{at}{wire}.")


@pytest.mark.parametrize("call", READ.values(), ids=READ)
def test_the_gateway_documents_what_the_client_reads(call: Call[Any]) -> None:
    assert call.answer is not None
    assert sorted(unknown(call.answer, answer_of(call))) == []


def test_an_unknown_field_is_found_at_any_depth() -> None:
    class Inner(BaseModel):
        there: int
        missing: int

    class Outer(BaseModel):
        items: list[Inner]
        absent: str | None = None

    properties = {"there": {"type": "integer"}}
    items = {"type": "array", "items": {"type": "object", "properties": properties}}
    schema = {"type": "object", "properties": {"items": items}}

    assert sorted(unknown(Outer, schema)) == ["absent", "items.missing"]
    assert len(READ) > 20
