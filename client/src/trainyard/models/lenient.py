"""Reads JSON of a newer program: one value that this one does not know hides nothing else. Pure.

Guarantees:

- Unknown fields are ignored, also in closed models such as the specs of sessions.
- A text that is in no known list (a phase, a reason) is kept as it is.
- Any other value that cannot be read is left out, and what cannot be read without it. The caller
  gets its place. The other rows of a list stay.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from trainyard_api.model import OpenModel
from trainyard_api.visible_text import visible

T = TypeVar("T", bound=BaseModel)
Place = tuple[str | int, ...]

MOST_ROUNDS = 16
"""Repairs of one object; each one removes all that was wrong in it."""
LENIENT = {"lenient": True}
"""Context of the validation: the writer of the object decides about rules across fields."""

_QUOTED = re.compile(r"'([^']+)'")


def read(kind: type[T], content: bytes) -> tuple[T, list[str]]:
    """A model from JSON, and the places of what is left out, such as `sessions.3.spec.workers`.

    Raises ValueError if it holds no such object at all.
    """
    try:
        return kind.model_validate_json(content), []
    except ValidationError:
        try:
            data = json.loads(content)
        except RecursionError as error:
            raise ValueError("the JSON is nested too deeply") from error
    if not isinstance(data, dict):
        raise ValueError("no JSON object")
    left_out: list[str] = []
    rows = {}
    for name, row in _lists(kind).items():
        given = data.get(name)
        if isinstance(given, list) and given:
            rows[name] = _read_rows(row, given, name, left_out)
            data[name] = []
    found = _repaired(kind, data, (), left_out)
    by_alias = {field.alias or own: own for own, field in kind.model_fields.items()}
    changes = {by_alias[name]: value for name, value in rows.items()}
    return found.model_copy(update=changes), left_out


def _lists(kind: type[BaseModel]) -> dict[str, type[OpenModel]]:
    """The fields of a page that hold rows, by their names in JSON."""
    found = {}
    for own, field in kind.model_fields.items():
        if get_origin(field.annotation) is list:
            (row,) = get_args(field.annotation)
            if isinstance(row, type) and issubclass(row, OpenModel):
                found[field.alias or own] = row
    return found


def _read_rows(row: type[T], given: list[Any], name: str, left_out: list[str]) -> list[T]:
    """The rows that can be read. Raises ValueError if there is none."""
    found = []
    for number, one in enumerate(given):
        try:
            found.append(_repaired(row, one, (name, number), left_out))
        except ValueError:
            left_out.append(_text((name, number)))
    if not found:
        raise ValueError(f"{name}: none of {len(given)} can be read")
    return found


def _repaired(kind: type[T], data: Any, place: Place, left_out: list[str]) -> T:
    """The object without what cannot be read in it. Raises ValueError if nothing is left."""
    kept: list[tuple[Place, str]] = []
    for _ in range(MOST_ROUNDS):
        try:
            found = kind.model_validate_json(json.dumps(data), context=LENIENT)
        except ValidationError as error:
            _remove_errors(error, data, kept, place, left_out)
        else:
            for where, text in kept:
                _put(found, where, text)
            return found
    raise ValueError(f"{_text(place)} cannot be read")


def _remove_errors(
    error: ValidationError, data: Any, kept: list[tuple[Place, str]], place: Place, left: list[str]
) -> None:
    """Take what is wrong out of `data`. Raises ValueError if that is all of it."""
    removed: list[Place] = []
    for problem in error.errors(include_url=False):
        loc, kind = problem["loc"], problem["type"]
        if any(loc[: len(gone)] == gone for gone in removed):
            continue
        where = _reach(data, loc[:-1] if kind == "missing" else loc)
        if not where:
            raise ValueError(f"{_text(place)} cannot be read")
        holder, name = _at(data, where[:-1]), where[-1]
        value = holder[name]
        known = _QUOTED.search(str(problem.get("ctx", {}).get("expected", "")))
        if isinstance(value, str) and kind not in ("missing", "extra_forbidden"):
            kept.append((where, value))
        elif kind != "extra_forbidden":
            left.append(_text((*place, *where)))
        if isinstance(value, str) and known is not None:
            # Read as another word for now: the field may be one that must be there.
            holder[name] = known[1]
        else:
            del holder[name]
            removed.append(where)


def _reach(data: Any, wanted: tuple[str | int, ...]) -> Place:
    """The part of a path that leads to a field of an object: the item of a list goes with it."""
    reached: list[str | int] = []
    field = 0
    for part in wanted:
        if isinstance(data, dict) and part in data:
            field = len(reached) + 1
        elif not (isinstance(data, list) and isinstance(part, int) and part < len(data)):
            break
        data = data[part]
        reached.append(part)
    return tuple(reached[:field])


def _at(data: Any, where: Place) -> Any:
    for part in where:
        data = data[part]
    return data


def _put(found: Any, where: Place, text: str) -> None:
    """Keep a text where the model has a field of a closed list."""
    *way, last = where
    for part in way:
        found = found[part] if isinstance(part, int) else _field(found, part)
        if found is None:
            return
    if isinstance(found, BaseModel) and (own := _own_name(found, last)) is not None:
        found.__dict__[own] = text
        found.__pydantic_fields_set__.add(own)
    elif isinstance(found, dict):
        found[last] = text


def _field(found: Any, name: str) -> Any:
    if isinstance(found, Mapping):
        return found.get(name)
    own = _own_name(found, name)
    return None if own is None else getattr(found, own)


def _own_name(found: BaseModel, name: str | int) -> str | None:
    fields = type(found).model_fields.items()
    return next((own for own, field in fields if name in (own, field.alias)), None)


def _text(place: Place) -> str:
    return visible(".".join(map(str, place)) or "the answer")[:200]
