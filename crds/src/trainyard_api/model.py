"""The base classes of every API model, and rules for both Python and the API server.

Guarantees:

- Field names are camelCase on the wire and snake_case in Python. Python input may use both.
- Unknown fields are refused; the error names the nearest existing field.
- A `Rule` has one message and two forms: CEL for the CRD, Python for this process.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar, Self

from pydantic import (
    AliasGenerator,
    BaseModel,
    ConfigDict,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic.alias_generators import to_camel


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition across fields.

    The API server evaluates `cel` with `self` as the object (and `oldSelf` on updates). `holds` is
    the same condition on the Python model, or None for a rule about changes, which only the API
    server can check.
    """

    cel: str
    message: str
    holds: Callable[[Any], bool] | None = None


class ClosedModel(BaseModel):
    """Frozen; refuses unknown fields; camelCase on the wire."""

    model_config = ConfigDict(
        alias_generator=AliasGenerator(alias=to_camel),
        populate_by_name=True,
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        allow_inf_nan=False,
    )

    def wire(self) -> dict[str, Any]:
        """The JSON form: camelCase names; None is absent.

        A client keeps words of a newer gateway that are in no list; they are written as they are.
        """
        return self.model_dump(mode="json", by_alias=True, exclude_none=True, warnings=False)


class RuledModel(ClosedModel):
    """A model with conditions across fields, except with `lenient` in the validation's context.

    Only these models run the check, which costs as much as parsing a small object.
    """

    RULES: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="after")
    def _check_rules(self, info: ValidationInfo) -> Self:
        for rule in () if (info.context or {}).get("lenient") else self.RULES:
            if rule.holds is not None and not rule.holds(self):
                raise ValueError(rule.message)
        return self


class OpenModel(ClosedModel):
    """Ignores unknown fields, so that an older reader accepts the output of a newer writer."""

    model_config = ConfigDict(extra="ignore")


@dataclass(frozen=True, slots=True)
class FieldError:
    """One error in an input: the field (`spec.training.epochs`), a message, the given value."""

    field: str
    message: str
    given: str | None = None


def field_errors(
    error: ValidationError, model: type[BaseModel], most: int | None = None
) -> list[FieldError]:
    """The errors of `error`, at most `most`; an unknown field gets the nearest valid name."""
    return list(islice(_field_errors(error, model), most))


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
    """The wire names of the fields at `path` below `model`; [] if `path` leaves the models."""
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
