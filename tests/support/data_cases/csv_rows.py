"""Tables as text: a header and a line for each row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from data_case import Ask, Case, Outcome, Trains, content

KINDS = ("p", "q")
"""The classes of most cases."""
ROWS = 40


def lines(header: str | None, row: Callable[[int], str], count: int = ROWS, end: str = "\n") -> str:
    """A header and `count` rows."""
    given = [] if header is None else [header]
    return "".join(line + end for line in given + [row(i) for i in range(count)])


def kind(row: int) -> str:
    """The class of a row: p, q, p, q …"""
    return KINDS[row % 2]


def plain(i: int) -> str:
    """A row of the everyday table a, b, kind."""
    return f"{i},{i % 5},{kind(i)}"


def column(name: str, value: Callable[[int], str], count: int = ROWS) -> str:
    """A table with one column to look at, a number beside it, and two classes."""
    return lines(f"{name},b,kind", lambda i: f"{value(i)},{i % 5},{kind(i)}", count)


def labelled(name: str, values: tuple[str, ...], count: int = 60) -> str:
    """A table whose last column has these classes."""
    return lines(f"a,b,{name}", lambda i: f"{i},{i % 7},{values[i % len(values)]}", count)


def trains(
    columns: str,
    classes: tuple[str, ...] | None = KINDS,
    samples: int = ROWS,
    **more: Any,
) -> Trains:
    """The expectation of a table."""
    return Trains(samples, columns, classes, **more)


def csv(
    name: str,
    what: str,
    table: str | bytes,
    expected: Outcome,
    *,
    choices: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    asks: tuple[Ask, ...] = (),
) -> Case:
    """A case of a CSV file. A text is written as UTF-8."""
    data = table.encode() if isinstance(table, str) else table
    return Case(name, what, "d.csv", content(data), expected, choices or {}, training or {}, asks)


REGRESSION = {"task": "tabular-regression"}
