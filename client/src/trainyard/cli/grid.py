"""A table as a value: what is shown, apart from how. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from rich import box
from rich.table import Table
from rich.text import Text

from trainyard.cli.text import UNKNOWN, clean

T = TypeVar("T")


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


def coloured(table: Grid) -> Table | Text:
    """The same for a terminal: the first column keeps its width, long texts are folded."""
    if not table.rows:
        return Text(table.empty, style="dim")
    out = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for n, head in enumerate(table.heads):
        out.add_column(
            head,
            justify="right" if table.right[n] else "left",
            no_wrap=n == 0,
            overflow="fold",
        )
    for row, styles in zip(table.rows, table.styles, strict=True):
        out.add_row(*(Text(cell, style) for cell, style in zip(row, styles, strict=True)))
    return out
