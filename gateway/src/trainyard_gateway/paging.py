"""Pages of lists: where a response that lists something ends. Pure.

The `cursor` of a page names its last row; the next page begins after it. So no list, however many
and long its rows are, takes more memory of the gateway or of a caller than a page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, TypeVar

from pydantic import StringConstraints

T = TypeVar("T")

PAGE_BYTES = 4 << 20
"""Bytes of a response that lists something."""
ROWS_BYTES = PAGE_BYTES - (4 << 10)
"""Bytes of its rows with the commas between them; the rest is for the cursor and other fields."""
MOST_ROWS = 10_000
"""Rows of a response."""

Cursor = Annotated[str, StringConstraints(max_length=512, pattern=r"^[0-9A-Za-z._:/+-]+$")]
"""What pages give as cursors, and ask for the next page."""


def first_page(
    rows: Iterable[T], size: Callable[[T], int], most: int = MOST_ROWS, bound: int = ROWS_BYTES
) -> tuple[list[T], bool]:
    """The first rows that make a page, and whether there are more.

    These are `most` rows at most, of `bound` bytes at most; but one row, however long it is, where
    there is any. Reads one row more than it returns.
    """
    shown: list[T] = []
    used = 0
    for row in rows:
        used += size(row) + 1
        if len(shown) == most or (shown and used > bound):
            return shown, True
        shown.append(row)
    return shown, False
