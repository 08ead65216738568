"""Conditions and orders on what is in memory already. Pure."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from trainyard_gateway.errors import BadRequest
from trainyard_gateway.store.runs.conditions import Condition, Field, Order

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is compared of one thing."""

    attributes: Mapping[str, str | int]
    others: Mapping[Field, Mapping[str, str] | Mapping[str, float]]
    """Tags and params; metrics."""

    def value(self, field: Field, key: str) -> str | float | None:
        """The value of an attribute, a tag, a param or a metric; None without one."""
        if field is Field.ATTRIBUTE:
            return self.attributes.get(key)
        return self.others.get(field, {}).get(key)


def matches(facts: Facts, conditions: Sequence[Condition]) -> bool:
    """Whether all conditions hold."""
    return all(_holds(facts.value(c.field, c.key), c) for c in conditions)


def ordered(found: Sequence[T], facts: Callable[[T], Facts], orders: Sequence[Order]) -> list[T]:
    """In the order asked for; equal ones stay as they are, and what has no value goes last."""
    result = list(found)
    for order in reversed(orders):
        with_value = [t for t in result if facts(t).value(order.field, order.key) is not None]
        without = [t for t in result if facts(t).value(order.field, order.key) is None]

        def key(thing: T, order: Order = order) -> Any:
            return facts(thing).value(order.field, order.key)

        result = sorted(with_value, key=key, reverse=not order.ascending) + without
    return result


def too_many(most: int) -> BadRequest:
    """The answer where there would be more than `most` of something."""
    return BadRequest(f"at most {most} are accepted here")


def _holds(value: Any, condition: Condition) -> bool:
    if condition.operator in ("IS NULL", "IS NOT NULL"):
        return (value is None) == (condition.operator == "IS NULL")
    return value is not None and _COMPARISONS[condition.operator](value, condition.value)


def _like(pattern: str, flags: re.RegexFlag, text: str) -> bool:
    """LIKE: % is any text, _ any character.

    Parts are searched one after another: one expression could take exponential time.
    """
    pieces = pattern.split("%")
    parts = [re.compile(re.escape(piece).replace("_", "."), flags | re.DOTALL) for piece in pieces]
    if len(parts) == 1:
        return parts[0].fullmatch(text) is not None
    first = parts[0].match(text)
    if first is None:
        return False
    position = first.end()
    for part in parts[1:-1]:
        found = part.search(text, position)
        if found is None:
            return False
        position = found.end()
    end = len(text) - len(pieces[-1])
    return end >= position and parts[-1].fullmatch(text, end) is not None


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "IN": lambda value, wanted: value in wanted,
    "NOT IN": lambda value, wanted: value not in wanted,
    "LIKE": lambda value, wanted: _like(str(wanted), re.NOFLAG, str(value)),
    "ILIKE": lambda value, wanted: _like(str(wanted), re.IGNORECASE, str(value)),
}
