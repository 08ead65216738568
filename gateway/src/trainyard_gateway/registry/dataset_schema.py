"""Schemas of datasets as they are stored, and corrections of them. Pure."""

from __future__ import annotations

from typing import Any

import orjson
from pydantic import ValidationError

from trainyard_api.datasets.choices import SchemaChoices
from trainyard_api.datasets.schema import DatasetSchema
from trainyard_api.model import ClosedModel, OpenModel, field_errors
from trainyard_gateway.errors import MOST_ERRORS, Unprocessable

LONGEST_TARGET = 128
"""A longer name of a target is left out of lists."""
MOST_DIMENSIONS = 64
FIRST_REVISION = 1


class SchemaSummary(OpenModel):
    """What a list shows of a schema."""

    samples: int = 0
    """Rows, images, or bytes of a text."""
    dimensions: list[int] = []
    """Samples, then the extent of one sample."""
    target: str | None = None
    """The column or array to predict; absent if its name is longer than 128 characters."""
    revision: int = 0
    """Counts the corrections from 1; 0 is a schema that an earlier version found."""


def summary_of(schema: DatasetSchema) -> SchemaSummary:
    """The part of a schema that a list shows."""
    target = schema.target
    return SchemaSummary(
        samples=schema.samples,
        dimensions=schema.dimensions[:MOST_DIMENSIONS],
        target=target if target is not None and len(target) <= LONGEST_TARGET else None,
        revision=schema.revision,
    )


def stored(schema: ClosedModel) -> str:
    """A schema, a summary or choices as its row, and the file on the volume, have it."""
    return schema.model_dump_json(by_alias=True, exclude_none=True)


def schema_of(details: str) -> DatasetSchema:
    """The schema of a row. One of an earlier version has revision 0 and no roles."""
    found: dict[str, Any] = orjson.loads(details)
    return DatasetSchema.model_validate({"revision": 0, "samples": 0, "dimensions": [], **found})


def merged(known: SchemaChoices, patch: dict[str, Any]) -> SchemaChoices:
    """`known` with a JSON merge patch (RFC 7396): null takes a choice back.

    `types` is merged column by column, every other field is replaced. Raises Unprocessable.
    """
    fields = known.wire()
    for name, value in patch.items():
        if name == "types" and isinstance(value, dict):
            value = {**fields.get("types", {}), **value}
            value = {column: kind for column, kind in value.items() if kind is not None}
        fields[name] = value
    return checked({name: value for name, value in fields.items() if value is not None})


def checked(fields: Any) -> SchemaChoices:
    """Choices from outside. Raises Unprocessable with every wrong field."""
    try:
        return SchemaChoices.model_validate(fields)
    except ValidationError as error:
        wrong = field_errors(error, SchemaChoices, MOST_ERRORS)
        said = "; ".join(f"{e.field}: {e.message}" if e.field else e.message for e in wrong[:5])
        omitted = error.error_count() - len(wrong)
        raise Unprocessable(f"the choices are not valid: {said}", wrong, omitted=omitted) from error


def checked_json(text: str) -> SchemaChoices:
    """Choices from a text of JSON; an empty one makes none. Raises Unprocessable."""
    try:
        return checked(orjson.loads(text) if text else {})
    except orjson.JSONDecodeError as error:
        raise Unprocessable(f"the choices are no JSON: {error}") from error
