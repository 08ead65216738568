"""A table as a value, and its forms for files and terminals. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Literal, TypeVar

from rich import box
from rich.cells import cell_len
from rich.table import Table as RichTable
from rich.text import Text

from trainyard.cli.text.formats import UNKNOWN, clean

T = TypeVar("T")
GAP: Final = 2
"""Between two columns."""
READABLE: Final = 16
"""No column is folded to fewer characters."""


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


def coloured(table: Table, room: int) -> RichTable | Text:
    """The table for a terminal of `room` columns: long texts are wrapped, nothing is truncated.

    If a column would become unreadable, each row becomes a paragraph.
    """
    if not table.rows:
        return Text(table.empty, style="dim")
    found = widths(table, room)
    if found is None:
        return _paragraphs(table)
    out = RichTable(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        padding=(0, 1, 0, 0),
        header_style="bold",
    )
    for head, right, width in zip(table.heads, table.right, found, strict=True):
        justify: Literal["left", "right"] = "right" if right else "left"
        out.add_column(head, justify=justify, overflow="fold", width=width)
    for row, styles in zip(table.rows, table.styles, strict=True):
        out.add_row(*(Text(cell, style) for cell, style in zip(row, styles, strict=True)))
    return out


def widths(table: Table, room: int) -> tuple[int, ...] | None:
    """Widths with which all columns fit into `room`; None if a column would become unreadable."""
    lines = [table.heads, *table.rows]
    found = [max(cell_len(line[n]) for line in lines) for n in range(len(table.heads))]
    over = sum(found) + GAP * (len(found) - 1) - room
    while over > 0:
        widest = max(range(len(found)), key=found.__getitem__)
        if found[widest] <= READABLE:
            return None
        found[widest] -= 1
        over -= 1
    return tuple(found)


def _paragraphs(table: Table) -> Text:
    out = Text()
    first, *heads = table.heads
    margin = max(map(len, heads), default=0)
    for row, styles in zip(table.rows, table.styles, strict=True):
        out.append(f"{first} ").append(f"{row[0]}\n", styles[0] or "bold")
        for head, cell, style in zip(heads, row[1:], styles[1:], strict=True):
            if cell != UNKNOWN:
                out.append(f"  {head.ljust(margin)}  ").append(f"{cell}\n", style)
    out.right_crop(1)
    return out
