"""What a search asks for: conditions and orders, read from text elsewhere. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Field(Enum):
    """What a condition is about."""

    ATTRIBUTE = "attribute"
    METRIC = "metric"
    PARAM = "parameter"
    TAG = "tag"
    DATASET = "dataset"


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison. Several of them hold together."""

    field: Field
    key: str
    """The attribute, or the name of the metric, param or tag."""
    operator: str
    """=, !=, <, <=, >, >=, LIKE, ILIKE, IN, NOT IN, IS NULL or IS NOT NULL."""
    value: str | float | tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """One key of an order; the first of several decides first."""

    field: Field
    key: str
    ascending: bool = True


@dataclass(frozen=True, slots=True)
class Search:
    """A part of what is found."""

    conditions: tuple[Condition, ...] = ()
    orders: tuple[Order, ...] = ()
    lifecycles: tuple[str, ...] = ("active",)
    limit: int = 1000
    offset: int = 0
