"""A table as a value: what is shown, apart from how. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Literal, TypeVar

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from trainyard.cli.text import UNKNOWN, clean

T = TypeVar("T")
GAP: Final = 2
"""Between two columns."""
READABLE: Final = 16
"""No column is folded to fewer characters."""


@dataclass(frozen=True, slots=True)
class Column(Generic[T]):
    """One column: its head, what it shows of a row, whether only `-o wide` has it, and a colour for a cell."""

    head: str
    cell: Callable[[T], str]
    wide: bool = False
    right: bool = False
    style: Callable[[T], str] | None = None


@dataclass(frozen=True, slots=True)
class Grid:
    """Heads and rows of text."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    styles: tuple[tuple[str, ...], ...]
    right: tuple[bool, ...]
    empty: str


def grid(columns: Sequence[Column[T]], items: Sequence[T], *, wide: bool, empty: str) -> Grid:
    """The table of `items`; `empty` is said when there are none."""
    shown = [c for c in columns if wide or not c.wide]
    return Grid(
        heads=tuple(c.head for c in shown),
        rows=tuple(tuple(clean(c.cell(i)) or UNKNOWN for c in shown) for i in items),
        styles=tuple(tuple(c.style(i) if c.style else "" for c in shown) for i in items),
        right=tuple(c.right for c in shown),
        empty=empty,
    )


def plain(table: Grid) -> str:
    """Aligned columns, two spaces apart, nothing cut off: for files, pipes and `awk`."""
    if not table.rows:
        return table.empty
    lines = [table.heads, *table.rows]
    widths = [max(len(line[n]) for line in lines) for n in range(len(table.heads))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def coloured(table: Grid, room: int) -> Table | Text:
    """The same for a terminal of `room` columns: long texts are folded, nothing is cut off.

    Where that leaves no room for words, each row becomes a paragraph.
    """
    if not table.rows:
        return Text(table.empty, style="dim")
    found = widths(table, room)
    if found is None:
        return _paragraphs(table)
    out = Table(
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


def widths(table: Grid, room: int) -> tuple[int, ...] | None:
    """How wide each column is, so that all fit; None where none of the long ones has room for words any more."""
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


def _paragraphs(table: Grid) -> Text:
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
