"""Kubernetes quantities, such as `500m`, `1.5Gi` or `1e3`: their parser, and types of fields.

A field of the types below takes what a pod takes: a number or a text. The API server checks the
same bounds by the same sentence (`QuantityRange.cel`), and compares by value (`same_cel`): `1` is
`"1000m"`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, WithJsonSchema

LARGEST_AMOUNT: Final = 2**63 - 1
"""Kubernetes itself holds no larger quantity."""
_QUANTITY: Final = re.compile(
    r"(?P<number>[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))"
    r"(?:(?P<suffix>[KMGTPE]i|[numkMGTPE])|[eE](?P<power>[+-]?[0-9]{1,3}))?"
)
_LONGEST_QUANTITY: Final = 64
_FACTORS: Final = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    "k": Decimal("1e3"),
    "M": Decimal("1e6"),
    "G": Decimal("1e9"),
    "T": Decimal("1e12"),
    "P": Decimal("1e15"),
    "E": Decimal("1e18"),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
    "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}


@lru_cache(maxsize=4096)
def quantity(text: str) -> Decimal:
    """The value of a Kubernetes quantity such as `500m`, `1.5Gi` or `1e3`.

    Raises ValueError for anything else.
    """
    found = _QUANTITY.fullmatch(text) if len(text) <= _LONGEST_QUANTITY else None
    if found is None:
        shown = text[:_LONGEST_QUANTITY]
        raise ValueError(f"{shown!r} is not a quantity such as 500m, 2 or 4Gi")
    number = Decimal(found["number"])
    if found["power"]:
        return number * Decimal(f"1e{found['power']}")
    return number * _FACTORS[found["suffix"] or ""]


@lru_cache(maxsize=4096)
def millicores(text: str) -> int:
    """A CPU quantity in millicores, rounded up, from 0 to 2^63 − 1. Raises ValueError."""
    return _amount(quantity(text) * 1000)


@lru_cache(maxsize=4096)
def whole(text: str) -> int:
    """A quantity of bytes or devices, rounded up, from 0 to 2^63 − 1. Raises ValueError."""
    return _amount(quantity(text))


def _amount(value: Decimal) -> int:
    """What is below 0 or above the bound counts as the bound, as in Kubernetes."""
    bounded = min(max(value, Decimal(0)), Decimal(LARGEST_AMOUNT))
    return int(bounded.to_integral_value(rounding=ROUND_CEILING))


@dataclass(frozen=True, slots=True)
class QuantityRange:
    """Which quantities a field takes."""

    least: str | None
    """The least one; None means any above 0."""
    most: str
    """The largest one."""
    sentence: str
    """What to give."""

    def check(self, value: object) -> object:
        """The quantity as text. Raises ValueError with the sentence for anything else."""
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise ValueError(self.sentence)
        text = str(value)
        try:
            found = quantity(text)
        except ValueError:
            raise ValueError(self.sentence) from None
        above = found > 0 if self.least is None else found >= quantity(self.least)
        if not above or found > quantity(self.most):
            raise ValueError(self.sentence)
        return text

    @property
    def cel(self) -> str:
        """The same for the API server, where `self` is the field."""
        value = "quantity(string(self))"
        above = f"{value}.isGreaterThan(quantity('0'))"
        if self.least is not None:
            above = f"!{value}.isLessThan(quantity('{self.least}'))"
        fits = f"!{value}.isGreaterThan(quantity('{self.most}'))"
        short = f"string(self).size() <= {_LONGEST_QUANTITY}"
        return f"{short} && isQuantity(string(self)) && {above} && {fits}"


def same_cel(field: str, *, optional: bool) -> str:
    """CEL: whether a field that holds a quantity has the value that it had."""
    old = f"quantity(string(oldSelf.{field}))"
    same = f"quantity(string(self.{field})).compareTo({old}) == 0"
    if not optional:
        return same
    return f"has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || {same})"


def _type(amount: QuantityRange) -> tuple[BeforeValidator, WithJsonSchema]:
    schema: dict[str, Any] = {
        "anyOf": [{"type": "integer"}, {"type": "number"}, {"type": "string"}],
        "x-kubernetes-int-or-string": True,
        "x-kubernetes-validations": [{"rule": amount.cel, "message": amount.sentence}],
    }
    return BeforeValidator(amount.check), WithJsonSchema(schema)


CPU: Final = QuantityRange(
    None, "10k", "give CPU cores as a quantity above 0 and at most 10k, such as 2, 500m or '1.5'"
)
MEMORY: Final = QuantityRange(
    "16Mi",
    "1Ei",
    "give bytes as a quantity from 16Mi to 1Ei, such as 4Gi or 1.5Gi; a number without a unit is bytes",
)
SPACE: Final = QuantityRange(
    None,
    "1Ei",
    "give bytes as a quantity above 0 and at most 1Ei, such as 4Gi; a number without a unit is bytes",
)
_CPU_CHECK, _CPU_SCHEMA = _type(CPU)
_MEMORY_CHECK, _MEMORY_SCHEMA = _type(MEMORY)
_SPACE_CHECK, _SPACE_SCHEMA = _type(SPACE)
CpuQuantity = Annotated[str, _CPU_CHECK, _CPU_SCHEMA]
"""CPU cores."""
MemoryQuantity = Annotated[str, _MEMORY_CHECK, _MEMORY_SCHEMA]
"""Memory in bytes, enough for a program to start in."""
SpaceQuantity = Annotated[str, _SPACE_CHECK, _SPACE_SCHEMA]
"""Space in bytes."""
