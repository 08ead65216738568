"""Comparisons of a search as SQL, the same in SQLite and PostgreSQL."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, literal

from trainyard_gateway.store.runs.conditions import Condition

_GLOB = re.compile(r"[*?\[]")


def compared(connection: Connection, column: Any, condition: Condition) -> ColumnElement[bool]:
    """Whether a column is as the condition says."""
    if condition.operator == "LIKE" and connection.dialect.name == "sqlite":
        # SQLite's LIKE does not tell capital letters from small ones.
        return _bool(column.op("GLOB")(literal(as_glob(str(condition.value)))))
    return _bool(_COMPARISONS[condition.operator](column, condition.value))


_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "IN": lambda column, values: column.in_(values),
    "NOT IN": lambda column, values: column.not_in(values),
    "LIKE": lambda column, pattern: column.like(pattern),
    "ILIKE": lambda column, pattern: func.lower(column).like(str(pattern).lower()),
}


def as_glob(pattern: str) -> str:
    """A pattern of LIKE in the words of SQLite's GLOB. Pure."""
    escaped = _GLOB.sub(lambda found: f"[{found[0]}]", pattern)
    return escaped.replace("%", "*").replace("_", "?")


def _bool(condition: Any) -> ColumnElement[bool]:
    found: ColumnElement[bool] = condition
    return found
