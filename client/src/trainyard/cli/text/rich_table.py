"""Tables for terminals. Pure."""

from __future__ import annotations

from typing import Final, Literal

from rich import box
from rich.cells import cell_len
from rich.table import Table as RichTable
from rich.text import Text

from trainyard.cli.text.formats import UNKNOWN
from trainyard.cli.text.table import Table

GAP: Final = 2
"""Spaces between two columns."""
READABLE: Final = 16
"""Columns are not wrapped to fewer characters than this."""


def coloured(table: Table, width: int) -> RichTable | Text:
    """The table for a terminal of `width` columns: long texts are wrapped, nothing is truncated.

    If a column would become unreadable, each row becomes a paragraph.
    """
    if not table.rows:
        return Text(table.empty, style="dim")
    found = widths(table, width)
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


def widths(table: Table, width: int) -> tuple[int, ...] | None:
    """Column widths that fit into `width`; None if a column would become unreadable."""
    lines = [table.heads, *table.rows]
    found = [max(cell_len(line[n]) for line in lines) for n in range(len(table.heads))]
    over = sum(found) + GAP * (len(found) - 1) - width
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
