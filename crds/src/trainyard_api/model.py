"""The base of every API model, and rules that hold in Python and in the API server alike.

Guarantees:

- Field names are camelCase on the wire and snake_case in Python; both are accepted as input from Python.
- Unknown fields are refused, and the refusal names the nearest field that exists.
- A `Rule` is written once: its CEL form goes into the CRD, its Python form runs here, and both carry the
  same sentence.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from pydantic import AliasGenerator, BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.alias_generators import to_camel


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition across fields.

    `cel` is evaluated by the API server with `self` as the object (and `oldSelf` on updates); `holds` is the same
    condition on the Python model, or None for rules about changes, which only the API server can see.
    """

    cel: str
    message: str
    holds: Callable[[Any], bool] | None = None


class ClosedModel(BaseModel):
    """Frozen, closed, camelCase on the wire."""

    model_config = ConfigDict(
        alias_generator=AliasGenerator(alias=to_camel),
        populate_by_name=True,
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        allow_inf_nan=False,
    )

    def wire(self) -> dict[str, Any]:
        """The JSON form: camelCase names, absent instead of null."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class RuledModel(ClosedModel):
    """A model with conditions across fields. Others do without the check, which costs as much as reading a small object."""

    RULES: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="after")
    def _check_rules(self) -> Self:
        for rule in self.RULES:
            if rule.holds is not None and not rule.holds(self):
                raise ValueError(rule.message)
        return self


class OpenModel(ClosedModel):
    """A model that tolerates fields it does not know, so that an older reader survives a newer writer."""

    model_config = ConfigDict(extra="ignore")


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong with an input: where (`spec.training.epochs`), what, and what was given."""

    field: str
    message: str
    given: str | None = None


def field_errors(error: ValidationError, model: type[BaseModel]) -> list[FieldError]:
    """Every problem of `error`, with the nearest valid name beside an unknown field."""
    return list(_field_errors(error, model))


def _field_errors(error: ValidationError, model: type[BaseModel]) -> Iterator[FieldError]:
    for problem in error.errors(include_url=False):
        path = tuple(part for part in problem["loc"] if part != "__root__")
        field = ".".join(str(part)[:140] for part in path)
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            message = _unknown_field(str(path[-1]), names_at(model, path[:-1]))
        given = problem.get("input")
        shown = None if isinstance(given, (dict, list, BaseModel)) else clip(repr(given))
        yield FieldError(field=field, message=message, given=shown)


def _unknown_field(name: str, valid: list[str]) -> str:
    nearest = difflib.get_close_matches(name, valid, n=1, cutoff=0.5)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"accepted are {', '.join(valid)}"
    return f"unknown field; {hint}"


def names_at(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """The wire names of the fields at `path` below `model`; [] where the path leaves the known models."""
    current: Any = model
    for part in path:
        current = _annotation_at(current, part)
    found = _first_model(current)
    return sorted(f.alias or n for n, f in found.model_fields.items()) if found else []


def _annotation_at(annotation: Any, part: int | str) -> Any:
    """The type one step below: a model's field, a list's items or a mapping's values."""
    values = _values_of_mapping(annotation)
    if values is not None:
        return values
    if isinstance(part, int):
        return annotation
    model = _first_model(annotation)
    for name, field in model.model_fields.items() if model else ():
        if part in (name, field.alias):
            return field.annotation
    return None


def _values_of_mapping(annotation: Any) -> Any:
    """The type of a mapping's values (also of an optional mapping); None for any other type."""
    if getattr(annotation, "__origin__", None) is dict:
        return annotation.__args__[1]
    found = (_values_of_mapping(a) for a in getattr(annotation, "__args__", ()))
    return next((a for a in found if a is not None), None)


def _first_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _first_model(argument)
        if found is not None:
            return found
    return None


def clip(text: str, limit: int = 80) -> str:
    """`text`, cut to `limit` characters with an ellipsis at the end."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
