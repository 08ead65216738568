"""The fields of the submit form: how people write them, and which spec field each one fills. Pure.

Ranges, choices and name patterns are read from `trainyard_api`; the gateway checks the same.

Guarantee: `read_field` accepts what the spec accepts, and says what is accepted if it refuses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from trainyard_api import names
from trainyard_api.session.resources import Resources
from trainyard_api.session.spec import TrainingSessionSpec
from trainyard_api.training import Task, TrainingConfig

Value = str | int | float


@dataclass(frozen=True, slots=True)
class ParseError:
    """Why a text was not understood, as a sentence; with the usage line if it helps."""

    sentence: str
    """May repeat what was given: nothing in it can be tapped."""
    usage: str | None = None
    hint: str = ""
    """A sentence of our own words only: its commands can be tapped."""


def _nested_constraints(annotation: Any) -> Iterator[Any]:
    """Constraints inside an annotation, such as those of `ArtifactName | None`."""
    for part in get_args(annotation):
        yield from part.metadata if isinstance(part, FieldInfo) else _nested_constraints(part)


@dataclass(frozen=True, slots=True)
class SpecField:
    """A field of the session's spec: the model that defines it, and its name there."""

    model: type[BaseModel]
    name: str

    @property
    def wire_name(self) -> str:
        """Its name in JSON."""
        return self.model.model_fields[self.name].alias or self.name

    def limit(self, kind: str) -> Any:
        """A constraint of the field, such as `ge` or `max_length`. Raises KeyError without one."""
        field = self.model.model_fields[self.name]
        for constraint in (*field.metadata, *_nested_constraints(field.annotation)):
            if (found := getattr(constraint, kind, None)) is not None:
                return found
        raise KeyError(f"{self.model.__name__}.{self.name} has no {kind}")

    def pattern(self) -> str:
        """The regular expression for its values."""
        return str(self.limit("pattern"))


FIELDS: Final = MappingProxyType(
    {
        "dataset": SpecField(TrainingSessionSpec, "dataset"),
        "task": SpecField(TrainingConfig, "task"),
        "epochs": SpecField(TrainingConfig, "epochs"),
        "batch": SpecField(TrainingConfig, "batch_size"),
        "lr": SpecField(TrainingConfig, "learning_rate"),
        "gpus": SpecField(Resources, "gpus"),
        "priority": SpecField(TrainingSessionSpec, "priority"),
        "queue": SpecField(TrainingSessionSpec, "queue"),
        "target": SpecField(TrainingConfig, "target"),
        "name": None,
    }
)
"""Every field as written in `/train … field=value`. The session's name is not in the spec."""

ARTIFACT_NAME_MAX: Final[int] = SpecField(TrainingSessionSpec, "dataset").limit("max_length")
PRIORITY_MAX: Final[int] = SpecField(TrainingSessionSpec, "priority").limit("le")

_INTEGERS: Final = frozenset({"epochs", "batch", "gpus", "priority"})
_INTEGER = re.compile(r"[+-]?[0-9]{1,9}")
_NUMBER = re.compile(r"[+]?(?:[0-9]{1,12}(?:\.[0-9]{0,24})?|\.[0-9]{1,24})(?:[eE][+-]?[0-9]{1,3})?")


def read_field(key: str, text: str) -> Value | ParseError:
    """The value of the field `key` (one of `FIELDS`) in `text`."""
    text = text.strip()
    spec_field = FIELDS[key]
    if spec_field is None:
        return _read_session_name(text)
    if key in _INTEGERS:
        return _read_integer(key, spec_field, text)
    readers = {
        "lr": _read_learning_rate,
        "task": _read_task,
        "dataset": _read_dataset,
        "queue": _read_queue,
        "target": _read_target,
    }
    return readers[key](spec_field, text)


def spec(values: Mapping[str, Value]) -> dict[str, Any]:
    """The spec in JSON form with these fields; what is not given takes the spec's defaults."""
    result: dict[str, Any] = {}
    sections = {TrainingConfig: "training", Resources: "resources"}
    for key, spec_field in FIELDS.items():
        if spec_field is None or key not in values:
            continue
        section = sections.get(spec_field.model)
        target = result.setdefault(section, {}) if section else result
        target[spec_field.wire_name] = values[key]
    return result


def _read_integer(key: str, spec_field: SpecField, text: str) -> int | ParseError:
    low, high = spec_field.limit("ge"), spec_field.limit("le")
    if _INTEGER.fullmatch(text) and low <= int(text) <= high:
        return int(text)
    return ParseError(f"{key} must be a whole number from {low} to {high}, not {text!r}.")


def _read_learning_rate(spec_field: SpecField, text: str) -> float | ParseError:
    above, high = spec_field.limit("gt"), spec_field.limit("le")
    if _NUMBER.fullmatch(text) and above < float(text) <= high:
        return float(text)
    return ParseError(
        f"lr must be a number above {above} and at most {high}, such as 0.001, not {text!r}."
    )


def _read_task(_: SpecField, text: str) -> str | ParseError:
    """A task, or the start of its name if only one task begins so."""
    matching = [task for task in Task if task.startswith(text.lower())] if text else []
    if len(matching) == 1:
        return str(matching[0])
    return ParseError(f"task must be one of {', '.join(Task)}, not {text!r}.")


def _read_session_name(text: str) -> str | ParseError:
    if names.is_session_name(text):
        return text
    return ParseError(
        f"name must be lower-case letters, digits and '-', at most {names.SESSION_NAME_MAX} "
        f"characters, a letter or digit at both ends, not {text!r}."
    )


def _read_dataset(spec_field: SpecField, text: str) -> str | ParseError:
    if names.is_artifact_name(text):
        return text
    longest = spec_field.limit("max_length")
    return ParseError(
        f"dataset must be letters, digits, '-', '_' and '.', at most {longest}, not {text!r}."
    )


def _read_queue(spec_field: SpecField, text: str) -> str | ParseError:
    longest = spec_field.limit("max_length")
    if len(text) <= longest and re.fullmatch(spec_field.pattern(), text):
        return text
    return ParseError(
        f"queue must be lower-case letters, digits and '-', at most {longest}, not {text!r}."
    )


def _read_target(spec_field: SpecField, text: str) -> str | ParseError:
    low, high = spec_field.limit("min_length"), spec_field.limit("max_length")
    if low <= len(text) <= high:
        return text
    return ParseError(
        f"target must be a column name of {low} to {high} characters, not {len(text)}."
    )
