"""A table as a value, and its form for files. Pure; `rich_table` has the form for terminals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from trainyard.cli.text.formats import UNKNOWN, clean

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Column(Generic[T]):
    """One column of a table whose rows are made of items of type `T`."""

    head: str
    cell: Callable[[T], str]
    """The cell's text for an item."""
    wide: bool = False
    """Whether only `-o wide` shows the column."""
    right: bool = False
    """Whether the cells are aligned to the right."""
    style: Callable[[T], str] | None = None
    """The cell's style in rich's notation, such as `bold red`."""


@dataclass(frozen=True, slots=True)
class Table:
    """Heads and rows of text; `rows[n]` and `styles[n]` have one entry for each of `heads`."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    styles: tuple[tuple[str, ...], ...]
    right: tuple[bool, ...]
    empty: str
    """Shown in place of a table without rows."""


def make_table(
    columns: Sequence[Column[T]], items: Sequence[T], *, wide: bool, empty: str
) -> Table:
    """The table of `items`, one row for each; `empty` is shown when there are none."""
    shown = [c for c in columns if wide or not c.wide]
    return Table(
        heads=tuple(c.head for c in shown),
        rows=tuple(tuple(clean(c.cell(i)) or UNKNOWN for c in shown) for i in items),
        styles=tuple(tuple(c.style(i) if c.style else "" for c in shown) for i in items),
        right=tuple(c.right for c in shown),
        empty=empty,
    )


def plain(table: Table) -> str:
    """Aligned columns, two spaces apart, nothing truncated: for files, pipes and `awk`."""
    if not table.rows:
        return table.empty
    lines = [table.heads, *table.rows]
    widths = [max(len(line[n]) for line in lines) for n in range(len(table.heads))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
