"""The first row of a CSV file: whether it names the columns, and what their names are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from trainyard_api.datasets.choices import MAX_COLUMNS
from trainyard_data.errors import BadData
from trainyard_data.tables.values.forms import NUMBERS, Kind, form_of

Rows = list[list[str]]
_NO_NAMES = "add a first line that names the columns, or choose --header or --no-header"


@dataclass(frozen=True, slots=True)
class Header:
    """The names of the columns, and why some are not used."""

    named: bool
    """Whether the first row holds the names."""
    names: list[str]
    unused: dict[str, str]
    remarks: list[str] = field(default_factory=list)


def header(sample: Rows, line: int, named: bool | None = None) -> Header:
    """The header of the first rows. `named`: whether there is one, if it is known.

    Raises BadData if that cannot be found out, and for names that cannot be used.
    """
    if named is None:
        named = has_header(sample, line)
    if not named:
        return Header(False, [f"column {i}" for i in range(1, len(sample[0]) + 1)], {})
    cells = [cell.strip("\ufeff \t\n") for cell in sample[0]]
    if len(cells) > MAX_COLUMNS:
        raise BadData(f"line {line}: {len(cells)} columns; at most {MAX_COLUMNS} are accepted")
    _refuse_rule(sample, line)
    cells = _with_row_names(cells, sample[1:])
    names = [name or f"column {i}" for i, name in enumerate(cells, 1)]
    _refuse_repeated(names, line)
    unused = _unused(cells, names)
    remarks = [
        f"Column {place} has no name; it is called {name!r}."
        for place, (cell, name) in enumerate(zip(cells, names, strict=True), 1)
        if not cell and name not in unused
    ]
    return Header(True, names, unused, remarks)


_RULE = re.compile(r":?[-=+_]+:?")


def _refuse_rule(sample: Rows, line: int) -> None:
    """Raises BadData for a line of dashes under the header, as SQL tools and Markdown print."""
    if len(sample) > 1 and all(_RULE.fullmatch(cell.strip()) for cell in sample[1]):
        raise BadData(f"line {line + 1} is a rule of dashes, no row", hint="leave the line out")


def _with_row_names(cells: list[str], body: Rows) -> list[str]:
    """R writes a first column of row names, which the header leaves out."""
    longer = body and all(len(row) == len(cells) + 1 for row in body)
    if not longer or len(cells) < 2:
        return cells
    first, last = ([row[i].strip() for row in body] for i in (0, -1))
    return ["", *cells] if all(first) and len(set(first)) == len(first) and any(last) else cells


def _refuse_repeated(names: list[str], line: int) -> None:
    places: dict[str, list[int]] = {}
    for place, name in enumerate(names, 1):
        places.setdefault(name, []).append(place)
    repeated = {name: found for name, found in places.items() if len(found) > 1}
    if not repeated:
        return
    shown = "; ".join(
        f"the column name {name[:80]!r} occurs twice (columns {', '.join(map(str, found[:5]))})"
        for name, found in list(repeated.items())[:5]
    )
    raise BadData(f"line {line}: {shown}", hint="give each column another name")


def _unused(cells: list[str], names: list[str]) -> dict[str, str]:
    found = {}
    if len(cells) > 1 and not cells[0]:
        found[names[0]] = "it has no name and comes first, as row numbers and row names do"
    for cell in cells:
        if cell.startswith("Unnamed: ") and cell[9:].isdigit():
            found[cell] = "pandas calls row numbers so"
    return found


def has_header(sample: Rows, line: int) -> bool:
    """Whether the first row names the columns. Raises BadData where the rows do not show it."""
    first = [cell.strip() for cell in sample[0]]
    body = [row for row in sample[1:] if len(row) == len(first)]
    numbers = [cell for cell in first if cell and form_of(cell).kind in NUMBERS]
    if not numbers:
        if len(first) > 1 and len(body) > 1 and _reads_like_a_row(first, body):
            raise BadData(
                f"line {line} reads like a row: all of its texts occur in the rows below; is the"
                f" header missing?",
                hint=_NO_NAMES,
            )
        return True
    alike = all(_like(cell, column) for cell, column in _columns(first, body))
    counted = numbers == [str(i) for i in range(len(numbers))]
    if not body or (counted and not (alike and len(numbers) < len(first))):
        return True
    certain = len(set(numbers)) < len(numbers) or any(
        form_of(cell).kind is not Kind.INTEGER for cell in numbers
    )
    if certain and alike:
        return False
    shown = ", ".join(repr(cell) for cell in numbers[:5])
    raise BadData(
        f"line {line}: some column names are numbers ({shown}); is the header missing?",
        hint=_NO_NAMES,
    )


def _columns(first: list[str], body: Rows) -> list[tuple[str, list[str]]]:
    return [(cell, [row[i].strip() for row in body]) for i, cell in enumerate(first)]


def _reads_like_a_row(first: Sequence[str], body: Rows) -> bool:
    """Whether each text of the first row occurs in the same column below, and more than once.

    A text that stands for a missing value may occur nowhere else.
    """
    columns = [
        (cell, column)
        for cell, column in _columns(list(first), body)
        if form_of(cell).kind is not Kind.MISSING
    ]
    return bool(columns) and all(
        cell and sum(value == cell for value in column) > 1 for cell, column in columns
    )


def _like(cell: str, column: list[str]) -> bool:
    """Whether a cell of the first row could be a value of the column below it."""
    kinds = {form_of(value).kind for value in column if value} - {Kind.MISSING}
    if not cell or form_of(cell).kind is Kind.MISSING:
        return True
    if kinds and kinds <= NUMBERS:
        return form_of(cell).kind in NUMBERS
    return cell in column or form_of(cell).kind in kinds - {Kind.TEXT}
